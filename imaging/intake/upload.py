"""The web door: a coordinator's browser sends files or ZIPs, one request each, into the same spool.

Every file is answered by name with what became of it. Nothing is acknowledged before it is durable.
"""

from __future__ import annotations

import datetime as dt
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
from imaging.services import receiving
from imaging.states import TransferState
from imaging.tasks import ring_index
from trials.models import Timepoint
from trials.selectors import timepoints_seen_by


class TransferClosed(HouseError):
    """Files were sent to a delivery that is finished."""

    code = "transfer_closed"
    status = 409


class NoFile(HouseError):
    """A request to the door without a file, or with one that is too large."""

    code = "no_file"
    status = 422


@require_POST
@access.guarded("imaging.upload", timepoints_seen_by)
def begin(request: HttpRequest, timepoint: Timepoint) -> JsonResponse:
    """Open a delivery for a timepoint and answer its addresses."""
    transfer = receiving.open_transfer(timepoint=timepoint, actor=access.actor(request), at=timezone.now())
    return JsonResponse({"transfer": str(transfer.public_id)}, status=201)


@require_POST
@access.guarded("imaging.upload", selectors.transfers_seen_by, by="public_id")
def files(request: HttpRequest, transfer: Transfer) -> JsonResponse:
    """Take one file, DICOM or ZIP, and answer for each instance in it: kept, or why not."""
    if transfer.state != TransferState.OPEN:
        raise TransferClosed("This upload is finished. Reload the page to begin another one.")
    upload = request.FILES.get("file")
    if upload is None or upload.size is None or upload.size > settings.UPLOAD_MAX_BYTES:
        raise NoFile("No file arrived, or it is larger than this door takes. Choose a smaller file and try again.")
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
    answers = _take_archive(upload, origin, at) if archives.is_archive(head) else [_take(upload, origin, at)]
    ring_index()
    refused = [answer for answer in answers if answer]
    return JsonResponse({"kept": len(answers) - len(refused), "refused": refused})


def _take(source: IO[bytes], origin: receiving.Origin, at: dt.datetime, entry: int = 0) -> dict[str, Any]:
    """Receive one file if it is DICOM; answer the refusal, or nothing.

    `entry` counts the files of a ZIP: their names stay with the sender, as they may name the subject.
    """
    try:
        headers.read_header(_readable(source))
        source.seek(0)
        receiving.receive_instance(source, origin=origin, at=at)
    except HouseError as problem:
        return {"code": problem.code, "sentence": problem.message, "entry": entry}
    return {}


def _readable(source: IO[bytes]) -> bytes | Path:
    """Return where a file lies, if it is on disk, so that it is not read into memory; else its bytes."""
    if isinstance(source, TemporaryUploadedFile):
        return Path(source.temporary_file_path())
    name = getattr(source, "name", None)
    if isinstance(name, str) and not isinstance(source, UploadedFile):
        return Path(name)
    return source.read()


def _take_archive(upload: IO[bytes], origin: receiving.Origin, at: dt.datetime) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    try:
        for entry, member in enumerate(archives.walk_archive(upload), start=1):
            with tempfile.NamedTemporaryFile() as unpacked:
                shutil.copyfileobj(member.stream, unpacked)
                unpacked.flush()
                unpacked.seek(0)
                answers.append(_take(unpacked, origin, at, entry))
    except HouseError as problem:
        answers.append({"code": problem.code, "sentence": problem.message, "entry": len(answers) + 1})
    return answers


@require_POST
@access.guarded("imaging.upload", selectors.transfers_seen_by, by="public_id")
def finish(request: HttpRequest, transfer: Transfer) -> JsonResponse:
    """Close a delivery; what was acknowledged is worked on meanwhile."""
    receiving.close_transfer(transfer=transfer, at=timezone.now())
    ring_index()
    return JsonResponse({"transfer": str(transfer.public_id), "state": "closed"})
