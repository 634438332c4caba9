"""Resumable uploads: pieces of a file are durable as they come, and the whole goes to the spool by name alone.

A file on its way lies in `UPLOAD_DIR` under our identifier; its size there, synced, is how much we have. One writer
at a time holds its lock, which the system lets go of when a process dies. The last piece is acknowledged only when
the file lies in the spool, or, a ZIP, when the job that unpacks it is written. All of it may be killed and repeated:
the spool's identifier of a file follows from the upload's.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, Sum

from compliance import access, confined, jobs, storage
from compliance.errors import HouseError
from compliance.faults import fault
from compliance.models import User
from imaging.dicom.archives import is_archive
from imaging.models import ReceivedInstance, RefusedFile, Transfer, WebUpload
from imaging.services import spool
from imaging.services.consenting import require_consent
from imaging.services.receiving import origin_of
from imaging.services.staging import (
    NotStored,
    UploadFinished,
    UploadLocked,
    held,
    lock,
    on_the_disk,
    spool_id_of,
    staged,
)
from imaging.states import TransferState

log = logging.getLogger(__name__)

State = WebUpload.State

#: Begin of the names of folders in which the command unpacks ZIPs.
SCRATCH = "import-"
#: Kind of the job that unpacks a ZIP.
UNPACK = "imaging.unpack_upload"
#: Kind of the job that makes DICOM of an attachment.
ATTACH = "imaging.attach_upload"
#: An upload on which nothing was written for so long is discarded.
KEPT_FOR = dt.timedelta(days=7)
#: Seconds that the proof of one file may take.
_PATIENCE = 60


class TransferClosed(HouseError):
    """Files were sent to a delivery that is finished."""

    code = "transfer_closed"
    status = 409


class NotAnUpload(HouseError):
    """Files were sent to a delivery that came through another door."""

    code = "not_an_upload"
    status = 409


class FileTooLarge(HouseError):
    """The file is larger than this door takes (`UPLOAD_MAX_BYTES`)."""

    code = "too_large"
    status = 413


class EmptyUpload(HouseError):
    """An upload of a file without bytes."""

    code = "empty_file"
    status = 422


class TooManyUploads(HouseError):
    """The person, or the site, has more unfinished uploads than allowed."""

    code = "too_many_uploads"
    status = 429


class OffsetConflict(HouseError):
    """The piece does not begin where the bytes that we have end."""

    code = "offset_conflict"
    status = 409


class ChecksumMismatch(HouseError):
    """What came is not what was announced."""

    code = "checksum_mismatch"
    status = 460


def require_own(transfer: Transfer, actor: User) -> None:
    """Refuse to add to another's delivery: what comes in carries the name of the person who began it."""
    if transfer.door != Transfer.Door.WEB:
        raise NotAnUpload("This delivery came from a scanner or an archive. Begin an upload at the timepoint's page.")
    if transfer.uploaded_by_id != actor.pk:
        raise access.AccessDenied(
            "This upload was begun by somebody else. Begin one of your own at the timepoint's page.",
            verb="imaging.upload",
            about=transfer,
        )


def require_open(transfer: Transfer, actor: User) -> None:
    """Refuse to add to a delivery that is another's, or finished."""
    require_own(transfer, actor)
    if transfer.state != TransferState.OPEN:
        raise TransferClosed("This upload is finished. Reload the page to begin another one.")
    if transfer.timepoint:
        require_consent(transfer.timepoint.subject)


def create_upload(
    *,
    transfer: Transfer,
    size: int,
    sha256: str,
    kind: str,
    actor: User,
    at: dt.datetime,
    picture: str = WebUpload.Picture.PHOTOGRAPH,
    taken_on: dt.date | None = None,
) -> WebUpload:
    """Begin the upload of one file into an own, open delivery.

    Raises
    ------
    NotAnUpload, TransferClosed, AccessDenied, FileTooLarge, EmptyUpload, TooManyUploads, NotStored
    """
    require_open(transfer, actor)
    if size == 0:
        raise EmptyUpload("The file is empty. Export it again and send the new copy.")
    if size > settings.UPLOAD_MAX_BYTES:
        raise FileTooLarge("The file is larger than this door takes. Send the images singly or in smaller archives.")
    going = WebUpload.objects.filter(state=State.RECEIVING, transfer__site_id=transfer.site_id)
    mine = Count("pk", filter=Q(transfer__uploaded_by=actor))
    totals = going.aggregate(mine=mine, size=Sum("size", default=0))
    if totals["mine"] >= settings.UPLOAD_MAX_OPEN or totals["size"] + size > settings.UPLOAD_MAX_OPEN_BYTES:
        raise TooManyUploads("Too many uploads of this site are unfinished. Finish or remove some, then go on.")
    upload = WebUpload(
        transfer=transfer, size=size, sha256=sha256, kind=kind, created_at=at, picture=picture, taken_on=taken_on
    )
    with on_the_disk():
        spool.require_space(size)
        storage.make_folder(Path(settings.UPLOAD_DIR))
        os.close(os.open(staged(upload), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
        storage.sync_directory(Path(settings.UPLOAD_DIR))
    fault("upload.staged")
    upload.save()
    fault("upload.created")
    return upload


def append(
    *,
    upload: WebUpload,
    offset: int,
    pieces: Iterable[bytes],
    length: int | None,
    sha256: bytes | None = None,
    actor: User,
    at: dt.datetime,
) -> int:
    """Add bytes at `offset`, and take the file if it is whole now; return how many bytes are durable.

    Parameters
    ----------
    pieces
        The bytes as they come; if they end early, what came is kept.
    length
        How many are announced.
    sha256
        Digest of these bytes; if it differs, they are let go again.

    Raises
    ------
    OffsetConflict, UploadLocked, UploadFinished, ChecksumMismatch, FileTooLarge, NotStored
        See the classes.
    HouseError
        The file is whole, and no instance or archive that can be taken.
    """
    require_open(upload.transfer, actor)
    with on_the_disk(), held(upload) as handle:
        have = os.fstat(handle).st_size
        if have != offset:
            raise OffsetConflict("The piece does not follow what is here. Ask for the offset and go on from there.")
        if have + (length or 0) > upload.size:
            raise FileTooLarge("More bytes were sent than the upload announced. Begin it again.")
        spool.require_space(length or 0)
        digest = hashlib.sha256()
        try:
            have = _write(handle, have, pieces, upload.size, digest if sha256 else None)
            if sha256 and digest.digest() != sha256:
                os.ftruncate(handle, offset)
                have = offset
                raise ChecksumMismatch("The piece arrived damaged. Send it again.")
        finally:
            fault("upload.written")
            # A whole file is synced when it is taken.
            if have < upload.size:
                os.fsync(handle)
                fault("upload.synced")
        if have == upload.size:
            _take(upload, at)
    return have


def _write(handle: int, have: int, pieces: Iterable[bytes], most: int, digest: object) -> int:
    os.lseek(handle, 0, os.SEEK_END)
    for piece in pieces:
        if have + len(piece) > most:
            raise FileTooLarge("More bytes were sent than the upload announced. Begin it again.")
        rest = memoryview(piece)
        while rest.nbytes:
            rest = rest[os.write(handle, rest) :]
        have += len(piece)
        if digest is not None:
            digest.update(piece)  # type: ignore[attr-defined]
    return have


def durable_bytes(*, upload: WebUpload, at: dt.datetime) -> int:
    """Return how much of an upload is on the disk, synced; a whole one that was not yet taken is taken first.

    Raises
    ------
    UploadFinished
        It was refused or discarded.
    UploadLocked
        It is whole, and another request is taking it.
    HouseError
        It is whole, and no instance or archive that can be taken.
    """
    if upload.state == State.RECEIVING:
        with suppress(FileNotFoundError), open(staged(upload), "rb") as file:
            os.fsync(file.fileno())
            have = os.fstat(file.fileno()).st_size
            if have < upload.size:
                return have
        try:
            with on_the_disk(), held(upload):
                _take(upload, at)
        except UploadFinished:
            _settle(upload, at)
    if upload.state in (State.REFUSED, State.DISCARDED):
        raise UploadFinished("This upload is over: its file was refused or removed. Choose the file again.")
    return upload.size


def discard(*, upload: WebUpload, at: dt.datetime) -> None:
    """Let go of an unfinished upload; what was taken already stays.

    Raises
    ------
    UploadLocked, UploadFinished
    """
    with held(upload):
        _end(upload, State.DISCARDED, at)
        staged(upload).unlink()


def discard_empty(*, upload: WebUpload, at: dt.datetime) -> None:
    """Let go of an upload whose first bytes were not taken: its sender never heard of it."""
    with suppress(UploadLocked, UploadFinished), held(upload) as handle:
        if not os.fstat(handle).st_size:
            _end(upload, State.DISCARDED, at)
            staged(upload).unlink()


def _take(upload: WebUpload, at: dt.datetime) -> None:
    """Acknowledge a whole file: an instance is proven and goes to the spool, a ZIP or attachment gets its job."""
    path = staged(upload)
    fault("upload.whole")
    with open(path, "rb") as file:
        head = file.read(4)
        file.seek(0)
        if upload.sha256 and hashlib.file_digest(file, "sha256").hexdigest() != upload.sha256:
            _refuse(upload, "checksum_mismatch", "", at)
            raise ChecksumMismatch("What arrived is not the file that was announced, so it was removed. Send it again.")
        attached = upload.kind == WebUpload.Kind.ATTACHMENT
        if attached or is_archive(head):
            os.fsync(file.fileno())
            storage.sync_directory(path.parent)
            with transaction.atomic():
                upload.kind = WebUpload.Kind.ATTACHMENT if attached else WebUpload.Kind.ZIP
                _end(upload, State.UNPACKING, at)
                jobs.enqueue(ATTACH if attached else UNPACK, str(upload.pk), at=at, upload_id=upload.pk)
            fault("upload.queued")
            return
    try:
        confined.call("imaging.dicom.unpacking:prove", str(path), seconds=_PATIENCE)
    except HouseError as problem:
        _refuse(upload, problem.code, problem.message, at)
        raise
    spool.adopt(path, origin=origin_of(upload.transfer), at=at, spool_id=spool_id_of(upload))
    fault("upload.adopted")
    upload.kind = WebUpload.Kind.DICOM
    _end(upload, State.KEPT, at)
    fault("upload.kept")


def _refuse(upload: WebUpload, code: str, sentence: str, at: dt.datetime) -> None:
    with transaction.atomic():
        if sentence:
            RefusedFile.objects.get_or_create(upload=upload, entry=0, defaults={"code": code, "sentence": sentence})
        _end(upload, State.REFUSED, at)
    staged(upload).unlink()


def _end(upload: WebUpload, state: str, at: dt.datetime) -> None:
    upload.state, upload.finished_at = state, at
    upload.save(update_fields=["state", "kind", "finished_at"])


def _settle(upload: WebUpload, at: dt.datetime) -> None:
    """Find out what became of an upload whose bytes have gone while its row did not hear of it."""
    upload.refresh_from_db(fields=["state", "transfer"])
    if upload.state != State.RECEIVING:
        return
    name, folder = spool_id_of(upload), spool.root() / str(upload.transfer.public_id)
    for partial in folder.glob(f"{name.hex}.*{spool.PARTIAL}"):
        # Half way into the spool: its lock went along, if somebody still holds it.
        with suppress(FileNotFoundError), open(partial, "rb") as file:
            lock(file.fileno())
    kept = any(folder.glob(f"{name.hex}.*.dcm")) or ReceivedInstance.objects.filter(spool_id=name).exists()
    _end(upload, State.KEPT if kept else State.DISCARDED, at)


def sweep(*, at: dt.datetime) -> int:
    """Take what is whole and was not taken, and discard what nobody went on with; return how many were discarded."""
    discarded = 0
    for upload in WebUpload.objects.filter(state=State.RECEIVING).select_related("transfer"):
        try:
            if durable_bytes(upload=upload, at=at) == upload.size:
                continue
            if staged(upload).stat().st_mtime < (at - KEPT_FOR).timestamp():
                discard(upload=upload, at=at)
                discarded += 1
        except (OSError, NotStored, confined.Failed) as problem:
            log.error("upload %s waits for the next sweep: %s", upload.pk, type(problem).__name__)
        except HouseError:
            continue  # it is over now, or somebody is at it
    going = WebUpload.objects.filter(state__in=(State.RECEIVING, State.UNPACKING))
    named = {staged(upload).name for upload in going}
    for path in Path(settings.UPLOAD_DIR).glob("*.upload"):
        # A file whose row was never written.
        with suppress(FileNotFoundError):
            if path.name not in named and path.stat().st_mtime < (at - KEPT_FOR).timestamp():
                path.unlink()
    for path in Path(settings.UPLOAD_DIR).glob(f"{SCRATCH}*"):
        # What a command that was killed had unpacked.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < (at - KEPT_FOR).timestamp():
                shutil.rmtree(path)
    return discarded
