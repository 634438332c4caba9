"""Segmenting: what a reader paints is measured here and kept, version by version."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from compliance import audit
from compliance.errors import HouseError
from compliance.models import User
from imaging.models import Instance, Series
from reading import derivation, selectors
from reading.blinding.shown import instances_of, series_of
from reading.measuring.volumes import InvalidRuns, painted, volume_ml
from reading.models import Lesion, ReadTask, Segment, SegmentVersion
from reading.models.segment import segments_of
from reading.services.working import drawing_in, require_hand


class StaleSegment(HouseError):
    """The segment was changed elsewhere since; `stored` is what stands."""

    code = "stale_segment"
    status = 409

    def __init__(self, stored: SegmentVersion | None) -> None:
        super().__init__(
            "The region was changed in another window since, so yours was not stored. Choose which one shall stand."
            if stored
            else "The region is not known here, so no change to it was stored. Paint it again."
        )
        self.stored = stored


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """What a reader painted, as a page sends it.

    Attributes
    ----------
    series
        Key of a series of the present timepoint.
    slices
        For each picture its instance key, frame (from 1), and runs of pixels outside and inside, row by row.
    lesion
        Number of the lesion that it is; None: none in particular.
    """

    series: str
    slices: Sequence[tuple[str, int, Sequence[int]]]
    lesion: int | None = None
    software: str = ""
    removed: bool = False


def put_segment(
    *, task: ReadTask, key: UUID, expected: int | None, entry: SegmentEntry, actor: User, at: dt.datetime
) -> SegmentVersion:
    """Store what a reader painted as a new version of a segment, with the volume computed from its voxels.

    A request that says what stands already is taken as one sent twice, and changes nothing.

    Parameters
    ----------
    expected
        The version that the page started from; None for a segment that is new.

    Raises
    ------
    StaleSegment, reading.measuring.volumes.InvalidRuns
    reading.services.working.ReadLocked
        The read is signed.
    reading.blinding.NotShown, reading.blinding.NotOpen, compliance.access.AccessDenied
    """
    require_hand(task, actor)
    version = _version(task, entry)
    with drawing_in(task) as row:
        last = SegmentVersion.objects.filter(segment__task=row, segment__key=key).order_by("-number").first()
        if last is not None and _same(last, version):
            return last
        if expected != (last.number if last else None):
            raise StaleSegment(last)
        _require_single(row, key, version)
        by: Mapping[str, Any] = {"actor": actor, "at": at}
        segment = (
            last.segment if last else audit.save(Segment(task=row, key=key, begun_at=at), action="segment.begun", **by)
        )
        version.segment, version.number, version.made_at = segment, (last.number if last else 0) + 1, at
        return audit.save(version, action=_action(last, version), **by)


def untie(*, task: ReadTask, lesion: int, actor: User, at: dt.datetime) -> None:
    """Say of the region of a lesion that goes that it is no lesion; called where the read's row is locked."""
    for last in segments_of(task):
        if last.lesion != lesion:
            continue
        told = {
            name: getattr(last, name) for name in ("series", "slices", "voxels", "volume_ml", "software", "removed")
        }
        version = SegmentVersion(segment=last.segment, number=last.number + 1, lesion=None, made_at=at, **told)
        audit.save(version, action="segment.untied", actor=actor, at=at)


def _require_single(task: ReadTask, key: UUID, version: SegmentVersion) -> None:
    """A lesion is one region, so that its volume is that region's."""
    if version.lesion is None or version.removed:
        return
    if any(other.lesion == version.lesion and other.segment.key != key for other in segments_of(task)):
        raise InvalidRuns(
            "The lesion has another region already. Take that one away from it first, or paint on in that one."
        )


def _action(last: SegmentVersion | None, version: SegmentVersion) -> str:
    if version.removed or last is None:
        return "segment.removed" if version.removed else "segment.painted"
    if last.slices == version.slices and last.lesion != version.lesion:
        return "segment.untied" if version.lesion is None else "segment.tied"
    return "segment.changed"


def _same(last: SegmentVersion, version: SegmentVersion) -> bool:
    told = ("series_id", "lesion", "slices", "removed")
    return all(getattr(last, name) == getattr(version, name) for name in told)


def _version(task: ReadTask, entry: SegmentEntry) -> SegmentVersion:
    series = series_of(task, entry.series)
    slices, counts = _slices(task, series, entry)
    spacing = series.facts.get("pixel_spacing_mm")
    interval = derivation.slice_interval_mm(series)
    volume = volume_ml(
        counts,
        [position for position in series.instances.values_list("position_mm", flat=True) if position is not None],
        (float(spacing[0]), float(spacing[1])) if spacing else None,
        None if interval is None else float(interval),
    )
    return SegmentVersion(
        series=series,
        lesion=_lesion(task, entry.lesion),
        slices=slices,
        voxels=sum(count for _, count in counts),
        volume_ml=volume,
        software=entry.software[:80],
        removed=entry.removed,
    )


def _slices(
    task: ReadTask, series: Series, entry: SegmentEntry
) -> tuple[list[dict[str, Any]], list[tuple[float | None, int]]]:
    instances = instances_of(task, series)
    slices, counts, seen = [], [], set()
    for name, frame, runs in entry.slices:
        instance = instances.get(name)
        if instance is None or not 1 <= frame <= instance.frames or (name, frame) in seen:
            raise InvalidRuns("What was painted names a picture that is not of its series. Reload the page.")
        seen.add((name, frame))
        count = painted(runs, instance.rows * instance.columns)
        if count:
            slices.append({"sop_instance_uid": instance.sop_instance_uid, "frame": frame, "runs": list(runs)})
            counts.append((_position(instance), count))
    return slices, counts


def _position(instance: Instance) -> float | None:
    """Where a picture lies along the normal; frames of one instance lie at places of their own."""
    return instance.position_mm if instance.frames == 1 else None


def _lesion(task: ReadTask, number: int | None) -> int | None:
    reads = [*selectors.own_reads_before(task), task]
    if number is not None and not Lesion.every.filter(first_seen__in=reads, number=number).exists():
        raise InvalidRuns("What was painted names a lesion that this read does not know. Reload the page.")
    return number
