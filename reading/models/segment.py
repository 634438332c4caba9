from __future__ import annotations

from collections.abc import Sequence

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.models import Series
from reading.models.of_read import OfRead
from reading.models.task import ReadTask


class Segment(OfRead):
    """A region that a reader painted in a series of a read; what it covers stands in its versions.

    `key` is given by the page that painted it. A segment is never deleted: its last version says that it was removed.
    """

    task = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="segments")
    key = models.UUIDField()
    begun_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "key"], name="segment_key_once_per_read")]
        ordering = ["begun_at", "pk"]

    def __str__(self) -> str:
        return f"segment {str(self.key)[:8]} of {self.task}"


class SegmentVersion(Record):
    """A segment as it was painted; versions count from 1, and none is changed.

    `slices` holds, for each picture that it touches, `sop_instance_uid`, `frame`, and `runs`: numbers of pixels
    outside and inside, in turn, row by row. `lesion` is the number of the lesion that it is, if of one. `volume_ml` is
    computed here from the voxels.
    """

    #: Large, and never changed: a version is its own record.
    audit_exclude = frozenset({"slices"})

    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    lesion = models.PositiveSmallIntegerField(null=True)
    slices = models.JSONField(default=list)
    voxels = models.PositiveIntegerField(default=0)
    volume_ml = models.DecimalField(max_digits=12, decimal_places=3, null=True)
    software = models.CharField(max_length=80, blank=True)
    removed = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="segment_version_once")]
        ordering = ["segment", "number"]

    def __str__(self) -> str:
        return f"version {self.number} of {self.segment}"

    def scope(self) -> Scope:
        return self.segment.scope()

    def frozen_by(self) -> str:
        return "a version of a segment is kept as it was" if self.pk else self.segment.frozen_by()

    def content(self) -> dict[str, object]:
        """Return the segment as it is signed, by the names of the archive."""
        return {
            "segment": str(self.segment.key),
            "version": self.number,
            "series_instance_uid": self.series.series_instance_uid,
            "lesion": self.lesion,
            "slices": self.slices,
            "voxels": self.voxels,
            "volume_ml": None if self.volume_ml is None else str(self.volume_ml),
            "software": self.software,
        }


def segments_of(task: ReadTask) -> list[SegmentVersion]:
    """Return the segments of a read as they stand, in the order in which they were begun, without removed ones."""
    return segments_by_read([task]).get(task.pk, [])


def segments_by_read(tasks: Sequence[ReadTask]) -> dict[int, list[SegmentVersion]]:
    """Return the segments of several reads, each as `segments_of`, by the key of the read; none of one without any."""
    versions = SegmentVersion.objects.filter(segment__task__in=tasks).select_related("segment__task", "series")
    latest = {v.segment_id: v for v in versions.order_by("segment__begun_at", "segment", "number")}
    found: dict[int, list[SegmentVersion]] = {}
    for version in latest.values():
        if not version.removed:
            found.setdefault(version.segment.task_id, []).append(version)
    return found
