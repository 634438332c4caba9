"""Looking for a face in a series, file by file, in child processes."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db.models import Max, QuerySet

from compliance import confined, vault
from imaging.models import ReceivedInstance, Transfer
from imaging.services import originals
from imaging.services.limits import budget
from imaging.services.originals import OriginalGone
from imaging.states import OriginalState, ReceivedState

#: What a volume and the distances in it take: bytes, and seconds.
MEMORY, SECONDS = 2 << 30, 180

#: A delivery of which nothing came for so long has brought its series whole.
SETTLED = dt.timedelta(minutes=1)
_BROKEN = {"problem": "face_unsure", "doubt": "broken", "view": None, "face": None}
_UNSEEN: dict[str, Any] = {"air": -1000.0, "extent": None, "portrait": None, "order": [], "begin": 0}


def is_arriving(transfer: Transfer, at: dt.datetime) -> bool:
    """Tell whether a delivery may still bring, or has not read yet, other files of the series it has."""
    came = transfer.instances.aggregate(last=Max("received_at"))["last"]
    unread = transfer.instances.filter(state=ReceivedState.RECEIVED, series_uid_key="")
    return (came is not None and came > at - SETTLED) or unread.exists()


@dataclass(slots=True)
class Coarse:
    """A series as it was read: slices (`imaging.deid.faces.volume.Slice.plain`), and where they and all frames lie.

    `placed` are file and frame of each slice, `frames` of each frame that could be read; files are counted from 0.
    """

    slices: list[dict[str, Any]] = field(default_factory=list)
    placed: list[tuple[int, int]] = field(default_factory=list)
    frames: list[tuple[int, int]] = field(default_factory=list)
    hounsfield: bool = False


def in_quarantine(series_uid_key: str, *, trial_code: str) -> QuerySet[ReceivedInstance]:
    """Return what any delivery brought of a series, if its original is here and it was not set aside."""
    rows = ReceivedInstance.objects.filter(series_uid_key=series_uid_key, original_state=OriginalState.KEPT)
    return rows.filter(transfer__site__trial__code=trial_code).exclude(state=ReceivedState.DISCARDED).order_by("pk")


def digest_of(rows: Iterable[ReceivedInstance]) -> str:
    """SHA-256 over what the images of a series say; copies of an image count once."""
    return hashlib.sha256("\n".join(sorted({row.dataset_sha256 for row in rows})).encode()).hexdigest()


def read_series(rows: Iterable[ReceivedInstance], *, trial_code: str) -> Coarse:
    """Read images in quarantine."""
    return read_files((originals.on_disk(row, trial_code=trial_code), row.size) for row in rows)


def read_files(files: Iterable[tuple[AbstractContextManager[Path], int]]) -> Coarse:
    """Read a series.

    Parameters
    ----------
    files
        Of the series, in any order: each with its size in bytes, and as a file while it is read.
    """
    coarse = Coarse()
    for number, (opened, size) in enumerate(files):
        try:
            with opened as path:
                seen = confined.call("imaging.deid.faces.looking:coarse_slices", str(path), **budget(size))
        except (FileNotFoundError, OriginalGone, vault.Damaged, confined.Failed, confined.NotRead):
            continue  # one that cannot be read is held for itself, and one that left by the retention rule is archived
        coarse.slices += seen["slices"]
        coarse.placed += [(number, one["frame"]) for one in seen["slices"]]
        coarse.frames += [(number, frame) for frame in range(seen["frames"])]
        coarse.hounsfield = coarse.hounsfield or seen["hounsfield"]
    return coarse


def look_for_face(coarse: Coarse) -> dict[str, Any]:
    """Look for a face in a series; the answer is for `imaging.deid.workshop.deidentify`."""
    try:
        found: dict[str, Any] = _ask("looking:find", coarse.slices, coarse.hounsfield)
    except (confined.Failed, confined.NotRead):
        return dict(_BROKEN)
    return found


def propose(coarse: Coarse, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person is shown of a series (`imaging.deid.faces.choosing`), and its `frames` in their order.

    Parameters
    ----------
    found
        What looking for a face in it gave.
    """
    try:
        shown = _ask("picturing:portray", coarse.slices, coarse.hounsfield, dict(found))
    except (confined.Failed, confined.NotRead):
        shown = dict(_UNSEEN)
    placed = [coarse.placed[number] for number in shown.pop("order")]
    rest = sorted(set(coarse.frames) - set(placed))
    return {**found, **shown, "frames": [list(one) for one in [*placed, *rest]]}


def _ask(step: str, *arguments: Any) -> Any:
    return confined.call(f"imaging.deid.faces.{step}", *arguments, seconds=SECONDS, memory=MEMORY)
