"""Showing archived pictures in a viewer: what is to be known of them, and the bytes of one frame.

What a viewer needs of a header is read once, by a job when a series is archived, or when somebody looks first. Whoever
calls has asked whether the person may look.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from django.db import transaction

from compliance import confined, jobs, storage
from compliance.errors import HouseError
from imaging.display.facts import Facts
from imaging.display.manifest import UNREADABLE
from imaging.models import Instance, Series, SeriesDisplay
from imaging.services.limits import budget
from imaging.states import OriginalState

PREPARE = "imaging.prepare_display"
#: A series is prepared when nothing more of it is likely to come at once.
QUIET = dt.timedelta(seconds=10)
#: Files that a child reads at once.
_BATCH = 50
#: Seconds that decoding a frame may take.
_PATIENCE = 20

RAW = "application/octet-stream"


class NotShowable(HouseError):
    """The pixels cannot be made a picture."""

    code = "not_showable"
    status = 422


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes of a frame and what they are."""

    content: bytes
    content_type: str


@jobs.handler(PREPARE)
def prepare(*, series_id: int, at: dt.datetime) -> None:
    """Make ready what showing a series needs."""
    series = Series.objects.get(pk=series_id)
    facts_of(series, kept_instances(series))


def kept_instances(series: Series) -> list[Instance]:
    """Instances of a series whose bytes are in the archive, in the order of the stack."""
    kept = series.instances.filter(stored_state=OriginalState.KEPT)
    return list(kept.order_by("position_mm", "number", "sop_instance_uid"))


def facts_of(series: Series, instances: Sequence[Instance]) -> dict[int, Facts]:
    """Return the facts of instances of a series by their numbers; what is not known yet is read from the archive."""
    display = SeriesDisplay.objects.filter(series=series).first()
    known = display.pictures if display else {}
    missing = [one for one in instances if str(one.pk) not in known]
    if missing:
        known = _keep(series, _read(missing))
    return {one.pk: known[str(one.pk)] or UNREADABLE for one in instances}


def _read(instances: Sequence[Instance]) -> dict[str, Facts | None]:
    found: dict[str, Facts | None] = {}
    for start in range(0, len(instances), _BATCH):
        batch = instances[start : start + _BATCH]
        with ExitStack() as files:
            paths = [str(files.enter_context(storage.on_disk(storage.ARCHIVE, one.archive_key))) for one in batch]
            read = _read_files(paths, sum(one.size for one in batch))
        found |= {str(one.pk): facts for one, facts in zip(batch, read, strict=True)}
    return found


def _read_files(paths: list[str], size: int) -> list[Facts | None]:
    """Read files together and, where one of them ends the reader, each for itself."""
    try:
        read: list[Facts | None] = confined.call("imaging.display.facts:facts_of_all", paths, **budget(size))
    except (confined.OverBudget, confined.Failed):
        return [None] if len(paths) == 1 else [one for path in paths for one in _read_files([path], size)]
    return read


def _keep(series: Series, found: dict[str, Facts | None]) -> dict[str, Facts | None]:
    with transaction.atomic():
        SeriesDisplay.objects.get_or_create(series=series)
        display = SeriesDisplay.objects.select_for_update().get(series=series)
        display.pictures |= found
        display.version += 1
        display.save()
    return display.pictures


def frame_of(instance: Instance, facts: Facts, frame: int) -> Frame:
    """Return a frame (from 1) of an instance as a viewer gets it (`imaging.display.frames`).

    What lies in the file just so is taken from there; anything else is decoded in a child process.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        It cannot be shown.
    """
    if facts["raw"]:
        begin, length = facts["raw"]
        return Frame(storage.read(storage.ARCHIVE, instance.archive_key, begin + (frame - 1) * length, length), RAW)
    try:
        with storage.on_disk(storage.ARCHIVE, instance.archive_key) as path:
            content = confined.call("imaging.display.frames:frame_bytes", str(path), frame - 1, seconds=_PATIENCE)
    except confined.Failed as problem:
        raise NotShowable("The picture cannot be shown. Tell the trial administrator in which series it lies.") from (
            problem
        )
    return Frame(content, RAW)


def thumbnail_of(instance: Instance, frame: int, window: tuple[float, float] | None) -> bytes:
    """Return a frame (from 1) of an instance as a small PNG, in a window or its own.

    Raises
    ------
    compliance.confined.NotRead, compliance.confined.Refused
        It cannot be shown.
    """
    with storage.on_disk(storage.ARCHIVE, instance.archive_key) as path:
        png: bytes = confined.call(
            "imaging.display.thumbnails:thumbnail", str(path), frame - 1, window, seconds=_PATIENCE
        )
    return png
