from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import Subject


class Handover(Record):
    """A subject's reads in one place went from one reader to another, by a person's decision and not by the draw."""

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="handovers")
    slot = models.PositiveSmallIntegerField()
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    taker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["made_at", "pk"]

    def __str__(self) -> str:
        return f"hand-over of {self.subject.code} to {self.taker.username}"

    def scope(self) -> Scope:
        return Scope(self.subject.trial_id)

    def frozen_by(self) -> str:
        return "a hand-over is kept as it was" if self.pk else self.subject.frozen_by()
