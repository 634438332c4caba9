"""Unpacking a coordinator's ZIP: each instance in it goes to the spool, each other file gets its sentence.

The job may be killed and repeated: an instance's identifier in the spool follows from the upload and its number in
the archive, and the archive stays until the last row is written.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

from django.conf import settings
from django.db import transaction

from compliance import confined, jobs
from compliance.faults import fault
from imaging.models import RefusedFile, WebUpload
from imaging.services import receiving, spool
from imaging.services.staging import spool_id_of, staged
from imaging.services.uploading import UNPACK

#: Refusals kept of one upload; the last one says how many more there were.
MOST_REFUSALS = 200
#: Seconds for an archive, and bytes that it must manage in each further one.
_PATIENCE, _BYTES_PER_SECOND = 120, 5_000_000


@jobs.handler(UNPACK)
def unpack_upload(*, upload_id: int, at: dt.datetime) -> None:
    """Bring the instances of a ZIP into the spool."""
    upload = WebUpload.objects.select_related("transfer").get(pk=upload_id)
    archive = staged(upload)
    folder = archive.with_suffix(".unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    if upload.state != WebUpload.State.UNPACKING:
        archive.unlink(missing_ok=True)
        return
    folder.mkdir()
    fault("unpacked.begun")
    spool.require_space(upload.size)
    refused = unpack(archive, folder)
    fault("unpacked.files")
    taken = _into_the_spool(upload, folder, at)
    fault("unpacked.spool")
    with transaction.atomic():
        for entry, code, sentence in _most_telling(refused):
            RefusedFile.objects.update_or_create(
                upload=upload, entry=entry, defaults={"code": code, "sentence": sentence}
            )
        upload.state = WebUpload.State.KEPT if taken else WebUpload.State.REFUSED
        upload.finished_at = at
        upload.save(update_fields=["state", "finished_at"])
    fault("unpacked.rows")
    archive.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    receiving.index_spool(at=at)


def unpack(archive: Path, folder: Path) -> list[tuple[int, str, str]]:
    """Unpack the instances of a ZIP in a child process, each under its number; return the refusals.

    A refusal is (number, code, sentence); see `imaging.dicom.unpacking.unpack`. What came out whole before the child
    was ended, for time or memory, is in the folder all the same.

    Raises
    ------
    OSError
        The archive could not be read, or the disk did not take its files.
    compliance.confined.Killed
        The child was ended from outside again and again.
    """
    seconds = _PATIENCE + archive.stat().st_size / _BYTES_PER_SECOND
    function, reserve = "imaging.dicom.unpacking:unpack", settings.SPOOL_RESERVE_BYTES
    try:
        answer = confined.call(function, str(archive), str(folder), reserve, seconds=seconds)
    except confined.OverBudget as problem:
        return [(0, problem.code, problem.message)]
    except confined.Failed:
        return [(0, "unreadable", "The archive cannot be read: it is damaged. Make it again and send it.")]
    return [(number, code, sentence) for number, code, sentence in answer]


def unpacked(folder: Path) -> list[int]:
    """Return the numbers of the instances that `unpack` left in a folder, in their order."""
    return sorted(int(name) for name in os.listdir(folder) if name.isdecimal())


def _into_the_spool(upload: WebUpload, folder: Path, at: dt.datetime) -> int:
    """Take each whole file by its number; return how many."""
    origin = receiving.origin_of(upload.transfer)
    numbers = unpacked(folder)
    for number in numbers:
        spool.adopt(folder / str(number), origin=origin, at=at, spool_id=spool_id_of(upload, number))
        fault("unpacked.one")
    return len(numbers)


def _most_telling(refused: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """What is said of the archive itself first, then of its files, up to a number that a person reads."""
    told = sorted(refused)
    if len(told) <= MOST_REFUSALS:
        return told
    rest = told[MOST_REFUSALS - 1 :]
    more = f"{len(rest)} further files of the archive were not taken either; the first is this one: {rest[0][2]}"
    return [*told[: MOST_REFUSALS - 1], (rest[0][0], "more", more)]
