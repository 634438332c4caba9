"""What the archive holds of a subject: scans as they were shown, and every series with one digest over its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imaging.models import ImagingStudy, Instance, Series
from reading.exports.locked_series import LockedSeries
from trials.models import Subject


@dataclass(frozen=True, slots=True)
class Archived:
    """What there is of one timepoint: the studies with something to read, how many series that is, and all series."""

    shown: tuple[ImagingStudy, ...] = ()
    series_read: int = 0
    series: tuple[LockedSeries, ...] = ()


def archived_of(subject: Subject) -> Mapping[int, Archived]:
    """Return what the archive holds of each timepoint of a subject, by its key; series by their UIDs.

    As they were archived: whether pictures were erased since may change after a lock, and is not told.
    """
    found = Series.objects.filter(imaging_study__timepoint__subject=subject).select_related("imaging_study")
    files: dict[int, list[tuple[str, str, int]]] = {}
    columns = ("series", "sop_instance_uid", "sha256", "size")
    for series, *file in Instance.objects.filter(series__in=found.order_by()).values_list(*columns):
        files.setdefault(series, []).append((file[0], file[1], file[2]))
    at: dict[int, list[Series]] = {}
    for one in sorted(found, key=lambda s: (s.imaging_study.study_instance_uid, s.series_instance_uid)):
        at.setdefault(one.imaging_study.timepoint_id, []).append(one)
    return {
        timepoint: Archived(
            tuple({one.imaging_study_id: one.imaging_study for one in held if one.for_reading}.values()),
            sum(one.for_reading for one in held),
            tuple(_series(one, files.get(one.pk, ())) for one in held),
        )
        for timepoint, held in at.items()
    }


def _series(series: Series, files: Sequence[tuple[str, str, int]]) -> LockedSeries:
    lines = "".join(f"{uid} {digest}\n" for uid, digest, _ in sorted(files))
    return LockedSeries(
        study_instance_uid=series.imaging_study.study_instance_uid,
        series_instance_uid=series.series_instance_uid,
        modality=series.modality,
        label=series.label,
        for_reading=series.for_reading,
        instances=len(files),
        size=sum(size for _, _, size in files),
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
    )
