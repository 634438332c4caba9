from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.states import READ_TASK, Purpose, ReadState
from trials.models import ImagingCharter, Timepoint


class _Standing(models.Manager["ReadTask"]):
    """Reads that their readers still have; those handed on to somebody else are asked for by `ReadTask.kept`."""

    def get_queryset(self) -> models.QuerySet[ReadTask]:
        return super().get_queryset().exclude(state=ReadState.HANDED_ON)


class _FirstReads(_Standing):
    """Reads that count: for the endpoint, and not read again to watch a reader; `ReadTask.every` has all."""

    def get_queryset(self) -> models.QuerySet[ReadTask]:
        return super().get_queryset().filter(reread=False, purpose=Purpose.ENDPOINT)


class ReadTask(Record):
    """One reader's task to read one timepoint, pinned to the charter version it was made under.

    `blinded_code` is all that the reader's addresses and pages name; `case_code` names the subject to this
    reader, and to no other. `slot` is the reader's place in the pair (1 or 2). A hidden re-read (`reread`) and a read
    for another purpose than the endpoint have slots of their own and are in no result.
    """

    machines = {"state": READ_TASK}

    objects = _FirstReads()
    every = _Standing()
    kept = models.Manager()

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="read_tasks")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="read_tasks")
    slot = models.PositiveSmallIntegerField()
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    blinded_code = models.CharField(max_length=16, unique=True)
    case_code = models.CharField(max_length=16)
    order = models.PositiveSmallIntegerField()
    reread = models.BooleanField(default=False)
    purpose = models.CharField(max_length=13, choices=[(p, p.title()) for p in Purpose], default=Purpose.ENDPOINT)
    simulated = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in ReadState], default=ReadState.WAITING)
    created_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["timepoint", "slot"],
                condition=~models.Q(state=ReadState.HANDED_ON),
                name="read_task_once_per_slot",
            )
        ]
        indexes = [models.Index(fields=["reader", "state"], name="read_task_by_reader")]
        ordering = ["case_code", "order"]

    def __str__(self) -> str:
        return f"read {self.blinded_code}"

    @property
    def counts(self) -> bool:
        """Whether the read is one of the endpoint's results: it is neither a re-read nor for another purpose."""
        return self.purpose == Purpose.ENDPOINT and not self.reread

    def scope(self) -> Scope:
        return Scope(self.timepoint.subject.trial_id)

    def frozen_by(self) -> str:
        if self.state == ReadState.LOCKED:
            return "the read is locked"
        return self.timepoint.frozen_by()

    def signed_content(self) -> dict[str, object]:
        return {
            "read": self.blinded_code,
            "charter": self.charter.sha256,
            "assessment": self.assessment.content(),
        }
