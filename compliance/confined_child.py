"""The child of `compliance.confined`: reads questions, calls functions under limits, writes answers. No Django.

A message is a frame: the length of a JSON head (4 bytes), the head, then its byte strings one after the other. In
the head a byte string is `{"#": index}`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

#: The largest head or byte string that is taken, in bytes.
LARGEST = 8 * 1024**3
#: Files that a child may write, in bytes each: what an archive unpacks to.
LARGEST_FILE = 8 * 1024**3
_OPEN_FILES = 64
_LENGTH = struct.Struct(">I")


def encode(message: Any) -> Iterator[bytes | memoryview]:
    """Yield the pieces of a frame."""
    blobs: list[bytes] = []

    def plain(value: Any) -> Any:
        if isinstance(value, bytes | bytearray | memoryview):
            blobs.append(bytes(value))
            return {"#": len(blobs) - 1}
        if isinstance(value, dict):
            return {str(key): plain(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return value

    body = plain(message)
    head = json.dumps({"body": body, "blobs": [len(blob) for blob in blobs]}).encode()
    yield _LENGTH.pack(len(head)) + head
    yield from blobs


def decode(read: Callable[[int], bytes]) -> Any:
    """Return the message of the next frame; `read` returns exactly so many bytes."""
    head = json.loads(read(_LENGTH.unpack(read(_LENGTH.size))[0]))
    blobs = [read(size) for size in head["blobs"]]

    def rich(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"#"}:
                return blobs[value["#"]]
            return {key: rich(one) for key, one in value.items()}
        if isinstance(value, list):
            return [rich(one) for one in value]
        return value

    return rich(head["body"])


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    """Call the function of a question under its limits."""
    from compliance.errors import HouseError

    module, _, name = question["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    # The default action of the alarm ends this process, even if nobody is left to do it.
    signal.setitimer(signal.ITIMER_REAL, question["seconds"])
    _limit(resource.RLIMIT_DATA, _data_in_use() + question["memory"])
    try:
        return {"value": function(*question["args"])}
    except HouseError as problem:
        known = {"code": problem.code, "status": problem.status, "sentence": problem.message}
        return {"problem": {"kind": "house", **known}}
    except MemoryError:
        return {"problem": {"kind": "memory"}}
    except RecursionError:
        return {"problem": {"kind": "memory"}}
    except OSError as problem:
        return {"problem": {"kind": "os", "errno": problem.errno or 0, "text": os.strerror(problem.errno or 0)}}
    except Exception as problem:
        return {"problem": {"kind": "other", "type": type(problem).__name__}}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _limit(resource.RLIMIT_DATA, resource.RLIM_INFINITY)


def _limit(kind: int, value: int) -> None:
    """Set a soft limit; where the system has none of this kind, time alone limits."""
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY and (value == resource.RLIM_INFINITY or value > hard):
        value = hard
    try:
        resource.setrlimit(kind, (value, hard))
    except (OSError, ValueError):
        return


def _data_in_use() -> int:
    """Bytes of private memory that this process has mapped (Linux); 0 where that is not told."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def main() -> None:
    """Answer questions until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.dup(0), os.dup(1)
    # What a library prints must not stand between the answers.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1):
        os.dup2(nowhere, handle)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, LARGEST_FILE)
    with open(source, "rb") as questions, open(sink, "wb") as answers:

        def read(size: int) -> bytes:
            piece = questions.read(size)
            if len(piece) < size:
                sys.exit(0)
            return piece

        while True:
            for part in encode(_answer(decode(read))):
                answers.write(part)
            answers.flush()


if __name__ == "__main__":
    main()
