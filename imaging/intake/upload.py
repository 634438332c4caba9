"""The web door: a coordinator's browser sends files or ZIPs, one request each, into the same spool.

Every file is answered by name with what became of it. Nothing is acknowledged before it is durable.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from compliance import access
from compliance.errors import HouseError
from imaging import selectors
from imaging.dicom import archives, headers
from imaging.models import Transfer
from imaging.services import receiving, uploading
from imaging.tasks import ring_index
from trials.models import Timepoint
from trials.selectors import timepoints_seen_by

log = logging.getLogger(__name__)


class NoFile(HouseError):
    """A request to the door that does not hold exactly one file."""

    code = "no_file"
    status = 422


class EmptyArchive(HouseError):
    """A ZIP without any file in it: taking it in silence would look like a delivery."""

    code = "archive_empty"
    status = 422


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def begin(request: HttpRequest, timepoint: Timepoint) -> JsonResponse:
    """Open a delivery for a timepoint and answer its address."""
    transfer = receiving.open_transfer(timepoint=timepoint, actor=access.actor(request), at=timezone.now())
    return JsonResponse({"transfer": str(transfer.public_id)}, status=201)


@require_POST
@access.guarded("imaging.upload", selectors.transfers_seen_by, by="public_id")
def files(request: HttpRequest, transfer: Transfer) -> JsonResponse:
    """Take one file, DICOM or ZIP, and answer for each instance in it: kept, or why not."""
    uploading.require_open(transfer, access.actor(request))
    upload = _one_file(request)
    at = timezone.now()
    origin = receiving.Origin(
        door=Transfer.Door.WEB,
        site_id=transfer.site_id,
        sender=transfer.sender,
        delivery=transfer.public_id,
        user_id=transfer.uploaded_by_id,
        timepoint_id=transfer.timepoint_id,
    )
    head = upload.read(4)
    upload.seek(0)
    try:
        answers = _take_archive(upload, origin, at) if archives.is_archive(head) else [_take(upload, origin, at)]
    except OSError as problem:
        log.error("an upload was not stored: %s", problem.strerror)
        raise uploading.NotStored(
            "The file could not be stored, as this server's disk is full or failing. "
            "Tell the trial administrator, and send the file again later."
        ) from problem
    finally:
        ring_index()
    refused = [answer for answer in answers if answer]
    return JsonResponse({"kept": len(answers) - len(refused), "refused": refused})


def _one_file(request: HttpRequest) -> UploadedFile:
    uploads = request.FILES.getlist("file")
    if len(uploads) != 1:
        raise NoFile("The request does not hold one file. Choose files again; each is sent in a request of its own.")
    (upload,) = uploads
    if (upload.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise uploading.FileTooLarge(
            "The file is larger than this door takes. Send the images singly or in smaller archives."
        )
    return upload


def _take(source: IO[bytes], origin: receiving.Origin, at: dt.datetime, entry: int = 0) -> dict[str, Any]:
    """Receive one file if it is DICOM; answer the refusal, or nothing.

    `entry` counts the files of a ZIP: their names stay with the sender, as they may name the subject.
    """
    try:
        headers.read_header(_readable(source))
    except HouseError as problem:
        return _refusal(problem, entry)
    source.seek(0)
    receiving.receive_instance(source, origin=origin, at=at)
    return {}


def _refusal(problem: HouseError, entry: int) -> dict[str, Any]:
    return {"code": problem.code, "sentence": problem.message, "entry": entry}


def _readable(source: IO[bytes]) -> bytes | Path:
    """Return where a file lies, if it is on disk, so that it is not read into memory; else its bytes."""
    if isinstance(source, TemporaryUploadedFile):
        return Path(source.temporary_file_path())
    name = getattr(source, "name", None)
    if isinstance(name, str) and not isinstance(source, UploadedFile):
        return Path(name)
    return source.read()


def _take_archive(upload: IO[bytes], origin: receiving.Origin, at: dt.datetime) -> list[dict[str, Any]]:
    """Receive the files of a ZIP one by one; what is wrong with the ZIP itself ends it and has entry 0."""
    answers: list[dict[str, Any]] = []
    try:
        for entry, member in enumerate(archives.walk_archive(upload), start=1):
            with tempfile.NamedTemporaryFile() as unpacked:
                shutil.copyfileobj(member.stream, unpacked)
                unpacked.flush()
                unpacked.seek(0)
                answers.append(_take(unpacked, origin, at, entry))
        if not answers:
            raise EmptyArchive("The ZIP archive holds no files. Put the images into it and send it again.")
    except HouseError as problem:
        answers.append(_refusal(problem, 0))
    return answers


@require_POST
@access.guarded("imaging.upload", selectors.transfers_seen_by, by="public_id")
def finish(request: HttpRequest, transfer: Transfer) -> JsonResponse:
    """Close a delivery; what was acknowledged is worked on meanwhile."""
    uploading.require_own(transfer, access.actor(request))
    receiving.close_transfer(transfer=transfer, at=timezone.now())
    ring_index()
    return JsonResponse({"transfer": str(transfer.public_id), "state": "closed"})
