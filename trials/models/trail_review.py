from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.trial import Trial


class TrailReview(Record):
    """Somebody went over a part of a trial's audit trail, and signed what they found.

    The part is whole days (UTC) and words, as the page of the trail searches for them; `events` and `last_record` say
    how many events that were, and which place in the chain the last of them has, with the first digits of its code.
    """

    class Outcome(models.TextChoices):
        """What was found."""

        NOTHING = "nothing", "Nothing that has to be followed up"
        FOLLOWED = "followed", "Something, which is followed up as written"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="trail_reviews")
    first_on = models.DateField()
    last_on = models.DateField()
    words = models.CharField(max_length=200, blank=True)
    events = models.PositiveIntegerField()
    last_record = models.CharField(max_length=40, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    findings = models.CharField(max_length=4000)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField()

    class Meta:
        ordering = ["-reviewed_at", "-pk"]

    def __str__(self) -> str:
        return f"review of the audit trail of {self.trial.code} up to {self.last_on:%-d %B %Y}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "a review of the trail is kept as it was signed" if self.pk else ""

    def shown_content(self) -> dict[str, object]:
        """Return which part of the trail it is about."""
        return {
            "trial": self.trial.code,
            "first_on": self.first_on.isoformat(),
            "last_on": self.last_on.isoformat(),
            "words": self.words,
            "events": self.events,
            "last_record": self.last_record,
        }

    def signed_content(self) -> dict[str, object]:
        return {
            **self.shown_content(),
            "outcome": self.outcome,
            "findings": self.findings,
            "reviewed_at": self.reviewed_at.astimezone(dt.UTC).isoformat(),
        }
