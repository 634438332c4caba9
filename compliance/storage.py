"""Where bytes lie: `quarantine`, `archive`, `display`, `exports`, named in `STORAGES`. Code holds keys, not paths."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, storages

from compliance.errors import HouseError

QUARANTINE, ARCHIVE, DISPLAY, EXPORTS = "quarantine", "archive", "display", "exports"


class AlreadyStored(HouseError):
    """Other bytes lie under this key; stored bytes are never overwritten."""

    code = "already_stored"
    status = 409


class StoreUnavailable(HouseError):
    """The bucket did not answer, or refused; nothing was stored or changed, and a later try may succeed."""

    code = "store_unavailable"
    status = 503


class WriteOnceStorage(FileSystemStorage):
    """Files on this machine, durable when `save` returns, and never overwritten.

    A file is written under a temporary name, synced, linked to its own name and its directory synced, so a
    crash leaves the whole file or none.
    """

    def _save(self, name: str, content: File) -> str:
        self.write(name, content.chunks(), partial=secrets.token_hex(4))
        sync_directory(Path(self.path(name)).parent)
        return name

    def write(self, name: str, pieces: Iterable[bytes], *, partial: str) -> None:
        """Write a whole file that is not there yet; its bytes are synced, its folder the caller syncs.

        Parameters
        ----------
        partial
            Part of the name that it has until it is whole. What a crash left under that name is overwritten.

        Raises
        ------
        FileExistsError
        """
        path = Path(self.path(name))
        make_folder(path.parent)
        unnamed = path.with_name(f".{path.name}.{partial}")
        try:
            with open(unnamed, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.link(unnamed, path)
        finally:
            unnamed.unlink(missing_ok=True)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each entry durable."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_directory(one.parent)


def sync_directory(folder: Path) -> None:
    """Make a directory's entries durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def of(alias: str) -> Storage:
    """Return the storage named `alias` in `STORAGES`."""
    return storages[alias]


def put(alias: str, key: str, data: bytes) -> str:
    """Store bytes under a key, once, and return their SHA-256; the same bytes again change nothing.

    Raises
    ------
    AlreadyStored
        Other bytes lie under the key.
    """
    store, sha256 = of(alias), hashlib.sha256(data).hexdigest()
    if not store.exists(key):
        try:
            store.save(key, ContentFile(data))
        except FileExistsError:
            pass
        else:
            return sha256
    if hashlib.sha256(get(alias, key)).hexdigest() != sha256:
        raise AlreadyStored("Other bytes are stored under this key already; nothing was overwritten.")
    return sha256


def adopt(alias: str, files: Mapping[str, Path], *, through: Callable[[IO[bytes]], Iterable[bytes]]) -> None:
    """Store files of this machine, each under its key, durably; a key that is taken is left alone.

    One process at a time adopts files under the same keys. The files themselves stay.

    Parameters
    ----------
    through
        What becomes of a file on the way, piece by piece.
    """
    store = of(alias)
    folders = set()
    for key, path in files.items():
        if store.exists(key):
            continue
        with open(path, "rb") as file:
            if isinstance(store, WriteOnceStorage):
                store.write(key, through(file), partial="adopting")
                folders.add(Path(store.path(key)).parent)
            else:
                with tempfile.TemporaryFile() as whole:
                    whole.writelines(through(file))
                    store.save(key, File(whole))
    for folder in folders:
        sync_directory(folder)


def remove(alias: str, keys: Iterable[str]) -> None:
    """Take away what lies under some keys, durably; what is not there any more is no fault.

    Raises
    ------
    OSError, StoreUnavailable
        Some may be gone, and some not; it may be tried again.
    """
    store = of(alias)
    folders = set()
    for key in keys:
        store.delete(key)
        if isinstance(store, WriteOnceStorage):
            folders.add(Path(store.path(key)).parent)
    for folder in folders:
        if folder.is_dir():
            sync_directory(folder)


def get(alias: str, key: str) -> bytes:
    """Return the bytes under a key."""
    with of(alias).open(key) as file:
        return file.read()


def read(alias: str, key: str, begin: int, length: int) -> bytes:
    """Return a part of the bytes under a key: up to `length`, from `begin` on."""
    store = of(alias)
    if isinstance(store, WriteOnceStorage):
        handle = os.open(store.path(key), os.O_RDONLY)
        try:
            return os.pread(handle, length, begin)
        finally:
            os.close(handle)
    reader = getattr(store, "read_part", None)
    if reader is not None:
        part: bytes = reader(key, begin, length)
        return part
    with store.open(key) as file:
        file.seek(begin)
        return file.read(length)


@contextmanager
def as_file(pieces: Iterable[bytes]) -> Iterator[Path]:
    """Give bytes as a file of this machine, for a reader that works in another process, as long as it is needed.

    Where the system has `/proc`, the file has no name and is gone with this process.
    """
    if Path("/proc/self/fd").is_dir():
        with tempfile.TemporaryFile() as copy:
            copy.writelines(pieces)
            copy.flush()
            yield Path(f"/proc/{os.getpid()}/fd/{copy.fileno()}")
        return
    with tempfile.NamedTemporaryFile() as named:
        named.writelines(pieces)
        named.flush()
        yield Path(named.name)


@contextmanager
def on_disk(alias: str, key: str) -> Iterator[Path]:
    """Give the bytes under a key as a file of this machine, for a reader that works in another process."""
    store = of(alias)
    if isinstance(store, WriteOnceStorage):
        yield Path(store.path(key))
        return
    with store.open(key) as file, as_file(file.chunks()) as path:
        yield path


def open_file(alias: str, key: str) -> IO[bytes]:
    """Open the bytes under a key for reading, for streaming them out."""
    return of(alias).open(key)
