from __future__ import annotations

from django.db import models

from reading.models.of_read import OfRead
from reading.models.task import ReadTask


class LinkVersion(OfRead):
    """How a reader set the stacks of a read against each other, as it stood at one time; the last number counts.

    `links` holds, for each pair of series, `from` and `to` (series instance UIDs) and what leads from a place in the
    one to the same place in the other: `offset` (LPS, mm), or `steps` (slices) where a series has no geometry.
    """

    task = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="link_versions")
    number = models.PositiveIntegerField()
    links = models.JSONField(default=list)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="link_version_once")]
        ordering = ["task", "number"]

    def __str__(self) -> str:
        return f"links of {self.task}, version {self.number}"

    def frozen_by(self) -> str:
        return "a version of links is kept as it was" if self.pk else super().frozen_by()


def links_of(task: ReadTask) -> LinkVersion | None:
    """Return the links of a read as they stand; None where nothing was linked."""
    return LinkVersion.objects.filter(task=task).order_by("-number").first()
