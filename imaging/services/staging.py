"""The bytes of an upload on its way: where they lie, who holds them, and what a disk did not take.

One writer at a time holds the lock of the file, which the system lets go of when a process dies.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from compliance.errors import HouseError
from imaging.models import WebUpload


class UploadLocked(HouseError):
    """Another request is writing to the same upload."""

    code = "upload_locked"
    status = 423


class UploadFinished(HouseError):
    """The upload is over: it was taken, refused, or discarded."""

    code = "upload_finished"
    status = 410


class NotStored(HouseError):
    """The disk did not take a file; nothing of it was acknowledged."""

    code = "not_stored"
    status = 507


def staged(upload: WebUpload) -> Path:
    """Return where the bytes of an upload lie until it is whole."""
    return Path(settings.UPLOAD_DIR) / f"{upload.public_id.hex}.upload"


def spool_id_of(upload: WebUpload, entry: int = 0) -> uuid.UUID:
    """Return the spool's identifier of a file of an upload: the same at each try, the time of creation in front."""
    moment = int(upload.created_at.timestamp() * 1000)
    rest = int.from_bytes(hashlib.sha256(f"{upload.public_id} {entry}".encode()).digest()[:10])
    return uuid.UUID(int=moment << 80 | 7 << 76 | (rest >> 68) << 64 | 2 << 62 | rest & (1 << 62) - 1)


@contextmanager
def held(upload: WebUpload) -> Iterator[int]:
    """Hold an unfinished upload alone; give a handle to its bytes.

    Raises
    ------
    UploadLocked, UploadFinished
    """
    try:
        handle = os.open(staged(upload), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UploadFinished("This upload is over. Ask for its state.") from None
    try:
        lock(handle)
        upload.refresh_from_db(fields=["state", "transfer"])
        if upload.state != WebUpload.State.RECEIVING:
            raise UploadFinished("This upload is over. Ask for its state.")
        yield handle
    finally:
        os.close(handle)


def lock(handle: int) -> None:
    """Lock a file alone, for as long as the handle is open.

    Raises
    ------
    UploadLocked
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UploadLocked("Another request is writing to this upload. Try again in a moment.") from None


@contextmanager
def on_the_disk() -> Iterator[None]:
    """Say in words what a disk does not take.

    Raises
    ------
    NotStored
    """
    try:
        yield
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        raise NotStored(
            f"The file could not be stored, as this server's disk is {'nearly full' if full else 'failing'}. "
            "Tell the trial administrator, and send the file again later."
        ) from problem
