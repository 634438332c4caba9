"""A private Orthanc, as Debian ships it: a PACS that sends to us, and the receiver that we are measured against."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.support.installation import START_SECONDS, free_port
from tests.support.senders import request
from tests.support.tools import tool


@dataclass(frozen=True)
class Orthanc:
    """One that runs: where it listens, and its REST API."""

    title: str
    port: int
    http_port: int
    log: Path
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, said: Any = None) -> Any:
        """Make one request of the REST API, with a file's bytes or something JSON can say; return its answer."""
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        answer = request(self.http_port, method, path, b"" if said is None else body)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body!r}\n{self.log.read_text()}"
        return json.loads(answer.body or b"null")


@contextmanager
def orthanc(folder: Path, *, title: str = "ORTHANC", **more: Any) -> Iterator[Orthanc]:
    """Orthanc with a storage and index of its own, on free ports; each image is synced before it is acknowledged.

    Parameters
    ----------
    folder
        Where it may write.
    title
        Its AE title.
    more
        Further options of its configuration, by their names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, http_port = free_port(), free_port()
    options = {
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "DicomPort": port,
        "HttpPort": http_port,
        "DicomAet": title,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "SyncStorageArea": True,
        "TcpNoDelay": True,
        **more,
    }
    (folder / "orthanc.json").write_text(json.dumps(options))
    log = folder / "orthanc.log"
    with open(log, "wb") as printed:
        process = subprocess.Popen(
            [tool("Orthanc"), str(folder / "orthanc.json")],
            env=os.environ | {"TCP_NODELAY": "1"},
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    try:
        running = Orthanc(title, port, http_port, log, process)
        _wait_until_open(running)
        yield running
    finally:
        # Nobody asks for what it holds, and it would take three seconds to part.
        process.kill()
        process.wait()


def _wait_until_open(running: Orthanc) -> None:
    patience = time.monotonic() + START_SECONDS
    while time.monotonic() < patience:
        assert running.process.poll() is None, f"Orthanc ended:\n{running.log.read_text()}"
        with contextlib.suppress(OSError, HTTPException):
            running.ask("GET", "/system")
            return
        time.sleep(0.05)
    raise AssertionError(f"Orthanc did not open its doors:\n{running.log.read_text()}")
