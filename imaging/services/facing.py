"""Looking for a face in a series, file by file, in child processes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from django.db.models import Max

from compliance import confined, vault
from imaging.models import ReceivedInstance, Transfer
from imaging.services import originals
from imaging.services.limits import budget
from imaging.services.originals import OriginalGone
from imaging.states import ReceivedState

#: What a volume and the distances in it take: bytes, and seconds.
_MEMORY, _SECONDS = 2 << 30, 180

#: A delivery of which nothing came for so long has brought its series whole.
SETTLED = dt.timedelta(minutes=1)


def is_arriving(transfer: Transfer, at: dt.datetime) -> bool:
    """Tell whether a delivery may still bring, or has not read yet, other files of the series it has."""
    came = transfer.instances.aggregate(last=Max("received_at"))["last"]
    unread = transfer.instances.filter(state=ReceivedState.RECEIVED, series_uid_key="")
    return (came is not None and came > at - SETTLED) or unread.exists()


def look_in_quarantine(received: ReceivedInstance, *, trial_code: str) -> dict[str, Any]:
    """Look for a face in the series of a received instance, in all of it that any delivery brought."""
    rows = ReceivedInstance.objects.filter(series_uid_key=received.series_uid_key)
    rows = rows.filter(transfer__site__trial__code=trial_code).exclude(state=ReceivedState.DISCARDED).order_by("pk")
    return look_for_face((originals.on_disk(row, trial_code=trial_code), row.size) for row in rows)


def look_for_face(files: Iterable[tuple[AbstractContextManager[Path], int]]) -> dict[str, Any]:
    """Look for a face in a series; the answer is for `imaging.deid.workshop.deidentify`.

    Parameters
    ----------
    files
        Of the series, in any order: each with its size in bytes, and as a file while it is read.
    """
    slices, hounsfield = [], False
    for opened, size in files:
        try:
            with opened as path:
                seen = confined.call("imaging.deid.faces.looking:coarse_slices", str(path), **budget(size))
        except (FileNotFoundError, OriginalGone, vault.Damaged, confined.Failed, confined.NotRead):
            continue  # one that cannot be read is held for itself, and one that left by the retention rule is archived
        slices += seen["slices"]
        hounsfield = hounsfield or seen["hounsfield"]
    try:
        found: dict[str, Any] = confined.call(
            "imaging.deid.faces.looking:find", slices, hounsfield, seconds=_SECONDS, memory=_MEMORY
        )
    except (confined.Failed, confined.NotRead):
        return {"problem": "face_unsure"}
    return found
