from __future__ import annotations

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import ImagingCharter, Subject


class Draw(Record):
    """How a subject's readers were drawn: what the draw knew, and whom it gave. With the trial's seed it replays.

    `chance` is `reading.assignment.Chance` as JSON; `readers` are user names, reader 1 first.
    """

    subject = models.OneToOneField(Subject, on_delete=models.PROTECT, related_name="+")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    chance = models.JSONField()
    readers = models.JSONField()
    drawn_at = models.DateTimeField()

    class Meta:
        ordering = ["drawn_at", "pk"]

    def __str__(self) -> str:
        return f"draw of the readers of {self.subject.code}"

    def scope(self) -> Scope:
        return Scope(self.subject.trial_id)

    def frozen_by(self) -> str:
        return "a draw is kept as it was" if self.pk else self.subject.frozen_by()
