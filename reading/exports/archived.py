"""What the archive holds of a timepoint, series by series, with one digest for each."""

from __future__ import annotations

import hashlib

from imaging.models import Instance, Series
from reading.exports.locked_series import LockedSeries
from trials.models import Timepoint


def archived_at(timepoint: Timepoint) -> tuple[LockedSeries, ...]:
    """Return the series of a timepoint, those for reading and the others, by their UIDs.

    As they were archived: whether pictures were erased since may change after a lock, and is not told.
    """
    found = Series.objects.filter(imaging_study__timepoint=timepoint).select_related("imaging_study")
    return tuple(
        _series(series)
        for series in sorted(found, key=lambda s: (s.imaging_study.study_instance_uid, s.series_instance_uid))
    )


def _series(series: Series) -> LockedSeries:
    files = sorted(Instance.objects.filter(series=series).values_list("sop_instance_uid", "sha256", "size"))
    lines = "".join(f"{uid} {digest}\n" for uid, digest, _ in files)
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
