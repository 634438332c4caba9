"""Where bytes lie: `quarantine`, `archive` and `exports`, named in `STORAGES`. Code holds keys, not paths."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage, storages

from compliance.errors import HouseError

QUARANTINE, ARCHIVE, EXPORTS = "quarantine", "archive", "exports"


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
        path = Path(self.path(name))
        make_folder(path.parent)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with open(partial, "xb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.link(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        sync_directory(path.parent)
        return name

    def take(self, name: str, source: Path) -> bool:
        """Give a synced file of the same disk a second name here; false if it lies on another disk.

        The caller syncs the folder.
        """
        target = Path(self.path(name))
        make_folder(target.parent)
        try:
            os.link(source, target)
        except FileExistsError:
            return True
        except OSError as problem:
            if problem.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                return False
            raise
        return True

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


def adopt(alias: str, files: Mapping[str, Path]) -> None:
    """Store whole files that lie on this machine, each under its key, durably; a key that is taken is left alone.

    A store on the same disk takes them by name alone; any other gets a copy. The files themselves stay.
    """
    store = of(alias)
    folders = set()
    for key, path in files.items():
        if isinstance(store, WriteOnceStorage) and store.take(key, path):
            folders.add(Path(store.path(key)).parent)
        elif not store.exists(key):
            with open(path, "rb") as file:
                store.save(key, File(file))
    for folder in folders:
        sync_directory(folder)


def get(alias: str, key: str) -> bytes:
    """Return the bytes under a key."""
    with of(alias).open(key) as file:
        return file.read()


@contextmanager
def on_disk(alias: str, key: str) -> Iterator[Path]:
    """Give the bytes under a key as a file of this machine, for a reader that works in another process."""
    store = of(alias)
    if isinstance(store, WriteOnceStorage):
        yield Path(store.path(key))
        return
    with tempfile.NamedTemporaryFile() as copy, store.open(key) as file:
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield Path(copy.name)


def open_file(alias: str, key: str) -> IO[bytes]:
    """Open the bytes under a key for reading, for streaming them out."""
    return of(alias).open(key)
