"""Cases that train and examine readers: the cases, the references that experts signed, and the readers' attempts."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.models.task import ReadTask
from reading.states import (
    ATTEMPT,
    CASE_REFERENCE,
    QUALIFICATION_CASE,
    QUALIFIED,
    AttemptState,
    CaseState,
    Purpose,
    ReadState,
    ReferenceState,
)
from trials.models import ImagingCharter, Subject, Trial

_SIGNED = (ReadState.SUBMITTED, ReadState.LOCKED)
_BEGUN = (AttemptState.BEGUN, AttemptState.PASSED, AttemptState.FAILED)


class QualificationCase(Record):
    """A subject that was set aside, as a case of training (gives no points) or of the test."""

    machines = {"state": QUALIFICATION_CASE}

    class Kind(models.TextChoices):
        TRAINING = "training", "Training"
        TEST = "test", "Test"

    subject = models.OneToOneField(Subject, on_delete=models.PROTECT, related_name="qualification_case")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(
        max_length=8, choices=[(s, s.replace("_", " ").title()) for s in CaseState], default=CaseState.IN_USE
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["subject__code"]

    def __str__(self) -> str:
        return f"{self.kind} case {self.subject.code}"

    def scope(self) -> Scope:
        return Scope(self.subject.trial_id)

    def frozen_by(self) -> str:
        return self.subject.trial.frozen_by()


class _OfCase(Record):
    """Somebody's reads of a case: the tasks of its subject that have the `slot`."""

    slot = models.PositiveSmallIntegerField()
    case: QualificationCase

    class Meta:
        abstract = True

    def tasks(self) -> models.QuerySet[ReadTask]:
        """Return the reads, by timepoint."""
        found = ReadTask.every.filter(
            timepoint__subject=self.case.subject_id, slot=self.slot, purpose=Purpose.QUALIFICATION
        )
        return found.select_related("timepoint__subject__trial", "charter", "reader").order_by("order")

    @property
    def is_signed(self) -> bool:
        """Whether every timepoint of it is signed."""
        states = list(self.tasks().values_list("state", flat=True))
        return bool(states) and all(state in _SIGNED for state in states)

    def scope(self) -> Scope:
        return self.case.scope()

    def frozen_by(self) -> str:
        return self.case.frozen_by()


class CaseReference(_OfCase):
    """An expert's reading of a case; once the reading manager approved it by signature, readers are scored by it."""

    machines = {"state": CASE_REFERENCE}

    case = models.ForeignKey(QualificationCase, on_delete=models.PROTECT, related_name="references")
    number = models.PositiveSmallIntegerField()
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in ReferenceState], default=ReferenceState.READING
    )
    asked_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="case_reference_once"),
            models.UniqueConstraint(
                fields=["case"], condition=models.Q(state=ReferenceState.APPROVED), name="case_reference_in_force"
            ),
        ]
        ordering = ["case", "number"]

    def __str__(self) -> str:
        return f"reference {self.number} of {self.case}"

    def signed_content(self) -> dict[str, object]:
        return {**self.shown_content(), "state": self.state}

    def shown_content(self) -> dict[str, object]:
        """Return what the manager looks at; the state comes with the signature."""
        reads = [task.signed_content() for task in self.tasks() if task.state in _SIGNED]
        return {"case": self.case.subject.code, "version": self.number, "expert": self.expert.username, "reads": reads}


class Attempt(Record):
    """One attempt of a person to qualify for a trial, under the version of the charter that was in force.

    `why` is the manager's reason where one allowed it or waived the rest. `result` says how many points of how many,
    and the mark. A person qualifies until `valid_until`, or without end.
    """

    machines = {"state": ATTEMPT}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="qualification_attempts")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=8, choices=[(s, s.title()) for s in AttemptState], default=AttemptState.PREPARED
    )
    prepared_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    why = models.CharField(max_length=1000, blank=True)
    result = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial", "person", "number"], name="attempt_once")]
        ordering = ["trial", "person", "number"]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.person}"

    def qualifies(self, at: dt.datetime) -> bool:
        """Tell whether the person may read because of it at a time."""
        return self.state in QUALIFIED and (self.valid_until is None or at <= self.valid_until)

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return self.trial.frozen_by()

    def signed_content(self) -> dict[str, object]:
        return {
            "person": self.person.username,
            "attempt": self.number,
            "charter": self.charter.sha256,
            "statement": self.charter.terms.qualification.statement,
            # Who began has acknowledged the statement, however the attempt comes out.
            "state": AttemptState.BEGUN if self.state in _BEGUN else self.state,
            "why": self.why,
        }


class CaseRead(_OfCase):
    """A case as it is read in an attempt; once it is signed, its points, and the reference that they rest on."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="cases")
    case = models.ForeignKey(QualificationCase, on_delete=models.PROTECT, related_name="reads")
    reference = models.ForeignKey(CaseReference, on_delete=models.PROTECT, related_name="+")
    points = models.JSONField(default=list)
    scored_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "slot"], name="case_read_once")]
        ordering = ["attempt", "case"]

    def __str__(self) -> str:
        return f"{self.case} in {self.attempt}"
