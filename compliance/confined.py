"""Work on foreign bytes in a child process that may be killed: limits on time, memory and files.

A parser that meets a hostile file may loop for ever, ask for all the memory there is, or crash. So the parsers run
in a child of the process that asks; it is started at first use, kept for the next question, and ended when a
question exceeds its budget. The child may be taken over by what it reads: its answers are plain values and bytes,
never pickles, and it is given no settings and no secrets but those in its arguments.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from compliance import confined_child as wire
from compliance.errors import HouseError
from compliance.faults import struck

T = TypeVar("T")
R = TypeVar("R")

_ROOT = Path(__file__).resolve().parent.parent
#: Bytes that a child may use above what its modules take.
MEMORY = 384 * 1024**2
#: Seconds that a child gets to start.
_START = 30
#: Seconds in which the system clears away a child that has ended.
_END = 5
#: Seconds before a question is put again whose child was killed.
_PAUSES = (0.0, 1.0, 4.0)
_idle: list[_Child] = []
_lock = threading.Lock()


class NotRead(HouseError):
    """Reading did not come to an end: the file is to blame (`OverBudget`), or nobody can tell (`Killed`)."""

    code = "over_budget"
    status = 422


class OverBudget(NotRead):
    """Reading took more time or memory than it may, or crashed the child that did it."""


class Refused(HouseError):
    """The function in the child refused, with its own code and sentence."""

    def __init__(self, code: str, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.status = code, status


class Failed(Exception):
    """The function in the child failed in a way that nobody foresaw; the text is the type of its error alone."""


class Killed(NotRead):
    """Somebody ended the child at each try: the system when it was short of memory, a person, or the file.

    Nobody can tell which, so a job that works on what was acknowledged lets it pass, and is tried again later.
    """


class _Gone(Exception):
    """The child ended in the middle of a question."""


def call(function: str, *args: Any, seconds: float = 20, memory: int = MEMORY) -> Any:
    """Call `package.module:function` in a child process and return its answer.

    Parameters
    ----------
    args
        Values that JSON can carry, and bytes; the answer is of the same kind, with lists for tuples.
    seconds
        Time the call may take.
    memory
        Bytes that the call may use.

    Raises
    ------
    OverBudget
        It took too long or too much, or crashed.
    Killed
        The child was ended from outside, several times within seconds.
    Refused
        A `HouseError` of the function, with the same code and sentence.
    OSError
        Of the function: a file could not be read.
    Failed
        Any other error of the function.
    """
    question = {"function": function, "args": list(args), "memory": memory, "seconds": seconds}
    answer = _ask_patiently(question, seconds)
    if "value" in answer:
        return answer["value"]
    problem = answer["problem"]
    kind = problem["kind"]
    if kind == "memory":
        raise OverBudget(
            "Reading the file needs more memory than a file of its size may. "
            "It may be damaged; send it again from its source."
        )
    if kind == "house":
        raise Refused(problem["code"], problem["status"], problem["sentence"])
    if kind == "os":
        raise OSError(problem["errno"], problem["text"])
    raise Failed(problem["type"])


def each(work: Callable[[T], R], items: Iterable[T], *, workers: int) -> Generator[R, None, None]:
    """Do work that asks a child for several items at a time; yield the results in the order of the items.

    Whoever closes it early waits for what was begun, and for no more.
    """
    executor = ThreadPoolExecutor(workers)
    try:
        yield from executor.map(work, items)
    finally:
        executor.shutdown(cancel_futures=True)


def _ask_patiently(question: dict[str, Any], seconds: float) -> dict[str, Any]:
    for pause in _PAUSES:
        try:
            return _ask(question, seconds)
        except Killed:
            # Perhaps for another's sake, and that may take a moment.
            time.sleep(pause)
    return _ask(question, seconds)


def _ask(question: dict[str, Any], seconds: float) -> dict[str, Any]:
    with _borrowed() as child:
        return child.ask(question, seconds)


@contextlib.contextmanager
def _borrowed() -> Iterator[_Child]:
    with _lock:
        child = _idle.pop() if _idle else None
    if child is not None and not child.lives():
        child.end()
        child = None
    child = child or _Child()
    try:
        yield child
    except BaseException:
        child.end()
        raise
    with _lock:
        _idle.append(child)


class _Child:
    """One child process and the pipes to it."""

    def __init__(self) -> None:
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(_ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            # A library that starts threads for arithmetic takes address space for each.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "compliance.confined_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            bufsize=0,
            start_new_session=True,
        )

    def lives(self) -> bool:
        """Tell whether it can be asked."""
        return self._process.poll() is None

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Put a question and wait for the answer."""
        assert self._process.stdin
        assert self._process.stdout
        until = time.monotonic() + seconds + _START
        try:
            for piece in wire.encode(question):
                self._write(piece, until)
            # From here on the child reads foreign bytes.
            if struck("reader.asked"):
                self._process.kill()
            handle = self._process.stdout.fileno()
            answer: dict[str, Any] = wire.decode(lambda size: self._read(handle, size, until))
        except (TimeoutError, _Gone, BrokenPipeError) as problem:
            status = self.end(patience=0 if isinstance(problem, TimeoutError) else _END)
            if isinstance(problem, TimeoutError) or status == -signal.SIGALRM:
                raise OverBudget(
                    "Reading the file took too long, so it was given up. "
                    "It may be damaged; send it again from its source."
                ) from problem
            raise (Killed if status == -signal.SIGKILL else OverBudget)(
                "The program that reads files ended while it read this one. "
                "The file is damaged or harmful; set it aside, or send it again from its source."
            ) from problem
        return answer

    def _write(self, piece: bytes | memoryview, until: float) -> None:
        assert self._process.stdin
        handle, rest = self._process.stdin.fileno(), memoryview(piece)
        while rest.nbytes:
            _wait([], [handle], until)
            rest = rest[os.write(handle, rest[: 1 << 16]) :]

    def _read(self, handle: int, size: int, until: float) -> bytes:
        if size > wire.LARGEST:
            raise _Gone
        whole = bytearray()
        while len(whole) < size:
            _wait([handle], [], until)
            piece = os.read(handle, min(size - len(whole), 1 << 20))
            if not piece:
                raise _Gone
            whole += piece
        return bytes(whole)

    def end(self, patience: float = 0) -> int | None:
        """End the child, whatever it does; return how it ended if that was not our doing."""
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            status = None
        self._process.kill()
        self._process.wait()
        self._hang_up()
        return status

    def leave(self) -> None:
        """Let go of a child that is another process's."""
        self._process.returncode = 0
        self._hang_up()

    def _hang_up(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def _wait(readers: list[int], writers: list[int], until: float) -> None:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    poll = select.poll()
    for handle in readers:
        poll.register(handle, select.POLLIN)
    for handle in writers:
        poll.register(handle, select.POLLOUT)
    if not poll.poll(left * 1000):
        raise TimeoutError


def end_all() -> None:
    """End the children that wait; the next question starts a new one."""
    while _idle:
        _idle.pop().end()


def _forget() -> None:
    """After a fork: the children are the parent's; two processes must not talk to one."""
    global _lock
    _lock = threading.Lock()
    while _idle:
        _idle.pop().leave()


os.register_at_fork(after_in_child=_forget)
atexit.register(end_all)
