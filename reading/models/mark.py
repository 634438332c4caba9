from __future__ import annotations

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.models import Instance
from reading.models.of_read import OfRead
from reading.models.task import ReadTask


class Mark(OfRead):
    """Something that a reader drew on a picture of a read; what it is stands in its versions.

    `key` is given by the page that drew it, so that a request sent twice is one mark. A mark is never deleted: its
    last version says that it was removed.
    """

    task = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="marks")
    key = models.UUIDField()
    drawn_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "key"], name="mark_key_once_per_read")]
        ordering = ["drawn_at", "pk"]

    def __str__(self) -> str:
        return f"mark {str(self.key)[:8]} of {self.task}"


class MarkVersion(Record):
    """A mark as it was drawn, moved or removed; versions count from 1, and none is changed.

    `points` lie in the patient (LPS, mm), or in the picture (column and row, pixels) where that has no geometry.
    `view` is how the reader looked at it, `software` what it was drawn with. `measured` was computed here.
    """

    mark = models.ForeignKey(Mark, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    tool = models.CharField(max_length=16)
    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="+")
    frame = models.PositiveIntegerField(default=1)
    points = models.JSONField()
    view = models.JSONField(default=dict)
    software = models.CharField(max_length=80, blank=True)
    measured = models.JSONField(default=dict)
    removed = models.BooleanField(default=False)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mark", "number"], name="mark_version_once")]
        ordering = ["mark", "number"]

    def __str__(self) -> str:
        return f"version {self.number} of {self.mark}"

    def scope(self) -> Scope:
        return self.mark.scope()

    def frozen_by(self) -> str:
        return "a version of a mark is kept as it was" if self.pk else self.mark.frozen_by()

    def content(self) -> dict[str, object]:
        """Return the mark as it is signed, by the names of the archive, so that what the reader saw can be shown."""
        return {
            "mark": str(self.mark.key),
            "version": self.number,
            "tool": self.tool,
            "sop_instance_uid": self.instance.sop_instance_uid,
            "frame": self.frame,
            "points": self.points,
            "view": self.view,
            "software": self.software,
            "measured": self.measured,
        }


def marks_of(task: ReadTask) -> list[MarkVersion]:
    """Return the marks of a read as they stand, in the order in which they were drawn, without the removed ones."""
    latest: dict[int, MarkVersion] = {}
    versions = MarkVersion.objects.filter(mark__task=task).select_related("mark__task", "instance")
    for version in versions.order_by("mark__drawn_at", "mark", "number"):
        latest[version.mark_id] = version
    return [version for version in latest.values() if not version.removed]
