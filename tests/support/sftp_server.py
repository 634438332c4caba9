"""An SFTP server for tests: OpenSSH's own, a process of this user on loopback, with keys made for it."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.installation import free_port
from tests.support.tools import tool

_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SftpServer:
    """Where it listens, the folder that clients write to, our key and the list of known servers."""

    port: int
    user: str
    folder: Path
    key_file: Path
    known_hosts: Path

    @property
    def address(self) -> str:
        """Return the folder as `PARALLAX_OUTLETS` names it."""
        return f"sftp://{self.user}@127.0.0.1:{self.port}{self.folder}"


def made_key(path: Path) -> Path:
    """Make a pair of keys without a passphrase."""
    subprocess.run([tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextlib.contextmanager
def serving(place: Path) -> Iterator[SftpServer]:
    """Start a server that keeps its files under a folder of ours."""
    host_key, key = made_key(place / "host"), made_key(place / "client")
    (place / "authorized").write_text(key.with_suffix(".pub").read_text())
    port, folder = free_port(), place / "served"
    folder.mkdir()
    known = place / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key.with_suffix('.pub').read_text()}")
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": place / "authorized",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        # Its folders belong to whoever runs the tests, and to a temporary place that all may write to.
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
        "Subsystem": "sftp internal-sftp",
    }
    (place / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        # Where a server that was started by root gives up its rights.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (place / "log").open("wb") as log:
        server = subprocess.Popen([tool("sshd"), "-D", "-e", "-f", str(place / "sshd_config")], stderr=log)
        try:
            patience = time.monotonic() + _START_SECONDS
            while not _answers(port):
                if server.poll() is not None or time.monotonic() > patience:
                    raise RuntimeError(f"the SFTP server did not start:\n{(place / 'log').read_text()[-2000:]}")
                time.sleep(0.05)
            yield SftpServer(port, getpass.getuser(), folder, key, known)
        finally:
            server.terminate()
            server.wait(10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as door:
            return door.recv(4) == b"SSH-"
    except OSError:
        return False
