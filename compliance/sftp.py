"""Stores on an SFTP server; apart from `compliance.storage`, so that only who has one needs OpenSSH's client.

The client is the system's own program, which gets a list of commands for each thing that is done. It asks nobody
anything: the server's key is one that was written down before, and ours opens the account or nothing does.
"""

from __future__ import annotations

import logging
import posixpath
import re
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from compliance.storage import StoreUnavailable

log = logging.getLogger(__name__)

#: What may stand in a host, a user or a path: nothing that the client or its list of commands takes for more.
_HOST, _USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*"), re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PATH = re.compile(r"[A-Za-z0-9._/+=@~-]*")
#: Seconds for a connection to stand, for a server to answer at all, and for one file.
_CONNECT, _ALIVE, _WHOLE = 10, 15, 3600


class Refused(Exception):
    """The server is there, and a command failed."""


@deconstructible
class SftpStorage(Storage):
    """Files on an SFTP server, never overwritten.

    A file is sent under a hidden name, synced where the server can, and renamed by the request that fails where the
    name is taken (SSH_FXP_RENAME of version 3 of the protocol; the client's own rename would replace what is there).

    Parameters
    ----------
    folder
        From the root of the server; from the account's own folder where it begins with `~/`.
    key_file, known_hosts
        Our private key and the server's public one, as OpenSSH has them.
    """

    def __init__(self, *, host: str, user: str, folder: str, key_file: str, known_hosts: str, port: int = 22) -> None:
        if not (_HOST.fullmatch(host) and _USER.fullmatch(user) and _PATH.fullmatch(folder)):
            raise ValueError("An SFTP outlet is sftp://user@host:port/folder; letters, digits and . _ - in each.")
        self.host, self.user, self.port = host, user, port
        self.folder = folder.removeprefix("~/")
        self.key_file, self.known_hosts = key_file, known_hosts

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def exists(self, name: str) -> bool:
        try:
            self._do(f'ls -1 "{self._path(name)}"')
        except Refused:
            return False
        return True

    def _save(self, name: str, content: File[Any]) -> str:
        path = self._path(name)
        folder, last = posixpath.split(path)
        unnamed = posixpath.join(folder, f".{last}.{secrets.token_hex(4)}")
        with tempfile.NamedTemporaryFile() as copy:
            copy.writelines(content.chunks())
            copy.flush()
            makes = [f'-mkdir "{one}"' for one in self._folders(folder)]
            try:
                self._do(*makes, f'put -f "{copy.name}" "{unnamed}"', f'rename -l "{unnamed}" "{path}"')
            except Refused as problem:
                self._do(f'-rm "{unnamed}"')
                if self.exists(name):
                    raise FileExistsError(name) from problem
                raise StoreUnavailable(
                    "The SFTP server did not take a file. Ask whoever runs it; it is tried again."
                ) from problem
        return name

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            try:
                self._do(f'get "{self._path(name)}" "{copy}"')
            except Refused as problem:
                raise FileNotFoundError(name) from problem
            # Its name goes with the folder, the open file stays.
            file: IO[bytes] = copy.open("rb")
        return File(file, name)

    def delete(self, name: str) -> None:
        self._do(f'-rm "{self._path(name)}"')

    def _path(self, name: str) -> str:
        path = posixpath.join(self.folder, name)
        if not _PATH.fullmatch(path) or ".." in path.split("/"):
            raise ValueError("A name on an SFTP server has letters, digits and . _ - + = @ / alone.")
        return path

    def _folders(self, folder: str) -> list[str]:
        """Return a folder and those above it, outermost first."""
        found = []
        while folder not in ("", "/"):
            found.append(folder)
            folder = posixpath.dirname(folder)
        return found[::-1]

    def _do(self, *commands: str) -> None:
        """Have the client do some commands, in order; one with a hyphen before it may fail.

        Raises
        ------
        Refused
            A command failed; those after it were not done.
        StoreUnavailable
            Nobody answered, the server is not the one that is known, or does not know us.
        """
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityFile": self.key_file,
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "ConnectTimeout": str(_CONNECT),
            "ServerAliveInterval": str(_ALIVE),
        }
        asked = ["sftp", "-q", "-F", "/dev/null", "-P", str(self.port), "-b", "-"]
        for option, value in options.items():
            asked += ["-o", f"{option}={value}"]
        try:
            done = subprocess.run(
                [*asked, f"{self.user}@{f'[{self.host}]' if ':' in self.host else self.host}"],
                input="\n".join((*commands, "")).encode(),
                capture_output=True,
                timeout=_WHOLE,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise self._away(type(problem).__name__) from problem
        if done.returncode == 1:
            raise Refused
        if done.returncode:
            raise self._away(done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200])

    def _away(self, why: str) -> StoreUnavailable:
        log.warning("the SFTP server %s is not to be used: %s", self.host, why)
        return StoreUnavailable("The SFTP server did not answer, or knows us not. Its reason is in the server's log.")
