from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.states import UNBLINDING, UnblindingState
from trials.models import Subject, Trial


class Unblinding(Record):
    """Somebody learned what they are to be blinded to, outside any plan: what happened, and what it means.

    What was learned is named by its kind alone; the thing itself stands in no field. It may be found out, and is put
    on record, after the lock as well.
    """

    class Learned(models.TextChoices):
        """What a person is to be blinded to, and was not."""

        ARM = "arm", "The arm of a subject"
        IDENTITY = "identity", "Who a subject is, or its site"
        OTHER_READ = "other_read", "The work of another reader"
        CLINICAL = "clinical", "Clinical information that the charter hides"
        PURPOSE = "purpose", "Why a read is made"
        OTHER = "other", "Something else"

    class Impact(models.TextChoices):
        """What the assessment comes to; it is carried out on the pages of reads, readers and subjects."""

        NONE = "none", "No read is affected"
        STANDS = "stands", "Reads are affected and stand, for the reasons given"
        READ_AGAIN = "read_again", "Affected reads are made again by somebody else"
        LEFT_OUT = "left_out", "Affected reads are left out of the analysis"

    machines = {"state": UNBLINDING}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="unblindings")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    learned = models.CharField(max_length=12, choices=Learned)
    happened_on = models.DateField()
    how = models.CharField(max_length=2000)
    measures = models.CharField(max_length=2000)
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reported_at = models.DateTimeField()
    impact = models.CharField(max_length=12, choices=Impact, blank=True)
    assessment = models.CharField(max_length=4000, blank=True)
    assessed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in UnblindingState], default=UnblindingState.REPORTED
    )

    class Meta:
        ordering = ["-reported_at", "-pk"]

    def __str__(self) -> str:
        return f"unplanned unblinding of {self.happened_on:%-d %B %Y}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "its assessment is closed" if self.state == UnblindingState.CLOSED else ""

    def charter_signed_under(self) -> int | None:
        return self.trial.charter_signed_under()

    def signed_content(self) -> dict[str, object]:
        """Return the report with its assessment; both people sign the same, so the state is no part of it."""
        return {
            "trial": self.trial.code,
            "person": self.person.username,
            "learned": self.learned,
            "happened_on": self.happened_on.isoformat(),
            "how": self.how,
            "measures": self.measures,
            "reported_by": self.reported_by.username,
            "reported_at": self.reported_at.astimezone(dt.UTC).isoformat(),
            "subjects": {one.subject.code: one.reads for one in self.affected.all()},
            "impact": self.impact,
            "assessment": self.assessment,
        }


class AffectedSubject(Record):
    """A subject of whom somebody learned what they must not, and the person's reads there at the time of the report."""

    unblinding = models.ForeignKey(Unblinding, on_delete=models.PROTECT, related_name="affected")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="unblindings")
    #: Blinded codes.
    reads = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["unblinding", "subject"], name="affected_subject_once")]
        ordering = ["unblinding", "subject__code"]

    def __str__(self) -> str:
        return f"{self.subject.code} at the {self.unblinding}"

    def scope(self) -> Scope:
        return self.unblinding.scope()

    def frozen_by(self) -> str:
        return "a report is kept as it was made" if self.pk else ""
