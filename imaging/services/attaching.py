"""Attachments: a coordinator's photograph, screen capture, film or document becomes a DICOM instance of the trial.

The job may be killed and repeated: the same upload is wrapped to the same bytes under the same identifier, and the
original stays until the last row is written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from django.db import transaction

from compliance import confined, jobs
from compliance.errors import HouseError
from compliance.faults import fault
from imaging.models import RefusedFile, WebUpload
from imaging.services import receiving, spool
from imaging.services.receiving import origin_of
from imaging.services.staging import spool_id_of, staged
from imaging.services.uploading import ATTACH

#: Seconds for an attachment, and bytes that it must manage in each further one; bytes for the pixels of a picture.
_PATIENCE, _BYTES_PER_SECOND, _PIXELS = 60, 5_000_000, 256 * 1024**2


class CannotAttach(HouseError):
    """Making DICOM of the file failed in a way that nobody foresaw."""

    code = "cannot_attach"
    status = 422


@jobs.handler(ATTACH)
def attach_upload(*, upload_id: int, at: dt.datetime) -> None:
    """Bring an attachment into the spool."""
    upload = WebUpload.objects.select_related("transfer__site__trial", "transfer__timepoint__subject").get(pk=upload_id)
    original = staged(upload)
    wrapped = original.with_suffix(".wrapped")
    if upload.state != WebUpload.State.UNPACKING:
        original.unlink(missing_ok=True)
        wrapped.unlink(missing_ok=True)
        return
    spool.require_space(2 * upload.size)
    with open(original, "rb") as file:
        upload.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        _wrap(upload, original, wrapped)
    except (CannotAttach, confined.Refused, confined.OverBudget) as problem:
        wrapped.unlink(missing_ok=True)
        _end(upload, WebUpload.State.REFUSED, at, problem)
    else:
        fault("attached.wrapped")
        spool.adopt(wrapped, origin=origin_of(upload.transfer), at=at, spool_id=spool_id_of(upload))
        fault("attached.spool")
        _end(upload, WebUpload.State.KEPT, at)
    original.unlink(missing_ok=True)
    receiving.index_spool(at=at)


def _wrap(upload: WebUpload, original: Path, wrapped: Path) -> None:
    timepoint, trial = upload.transfer.timepoint, upload.transfer.site.trial
    assert timepoint is not None  # an upload by the web is for one
    context = {
        "upload": str(upload.public_id),
        "trial": trial.code,
        "sponsor": trial.sponsor_name,
        "site": upload.transfer.site.code,
        "subject": timepoint.subject.first_code,
        "timepoint": timepoint.code,
        "date": f"{upload.taken_on or upload.created_at.date():%Y%m%d}",
        "picture": upload.picture,
    }
    try:
        confined.call(
            "imaging.dicom.wrapping:wrap",
            str(original),
            str(wrapped),
            context,
            seconds=_PATIENCE + upload.size / _BYTES_PER_SECOND,
            memory=confined.MEMORY + _PIXELS,
        )
    except confined.Failed as problem:
        raise CannotAttach("The file could not be made a DICOM object. Export it anew and send it again.") from problem


def _end(upload: WebUpload, state: str, at: dt.datetime, problem: HouseError | None = None) -> None:
    with transaction.atomic():
        if problem is not None:
            said = {"code": problem.code, "sentence": problem.message}
            RefusedFile.objects.update_or_create(upload=upload, entry=0, defaults=said)
        upload.state, upload.finished_at = state, at
        upload.save(update_fields=["state", "finished_at", "sha256"])
