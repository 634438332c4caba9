from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.models.task import ReadTask
from reading.states import REAL_TIME, REAL_TIME_READ, RealTimeState
from trials.models import ImagingCharter, Timepoint


class RealTimeRead(Record):
    """A question asked of one timepoint, on a clock: is the subject eligible, or has it progressed?

    It is read in tasks of its own (`slot`, like no other of the subject), by the terms of the charter version that was
    in force for the timepoint when the clock was started. `round` counts how often the same was asked.
    """

    machines = {"state": REAL_TIME_READ}

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="real_time_reads")
    purpose = models.CharField(max_length=13, choices=[(p, p.title()) for p in REAL_TIME])
    round = models.PositiveSmallIntegerField()
    slot = models.PositiveSmallIntegerField()
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    reason = models.CharField(max_length=1000, blank=True)
    started_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=13, blank=True)
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    noted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    noted_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in RealTimeState], default=RealTimeState.ASKED
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["timepoint", "purpose", "round"], name="real_time_read_once_per_round"),
            models.UniqueConstraint(
                fields=["timepoint", "purpose"],
                condition=models.Q(state__in=(RealTimeState.ASKED, RealTimeState.RUNNING)),
                name="real_time_read_open_once",
            ),
        ]
        ordering = ["asked_at", "pk"]

    def __str__(self) -> str:
        return f"{self.purpose} at {self.timepoint}, round {self.round}"

    def scope(self) -> Scope:
        return self.timepoint.scope()

    def frozen_by(self) -> str:
        if self.state == RealTimeState.LOCKED:
            return "the read is locked"
        return self.timepoint.frozen_by()

    @property
    def is_open(self) -> bool:
        """Whether an answer is still to come."""
        return self.state in (RealTimeState.ASKED, RealTimeState.RUNNING)


def real_time_read_of(task: ReadTask) -> RealTimeRead | None:
    """Return the question that a task is made for; None for a task on no clock."""
    if task.purpose not in REAL_TIME:
        return None
    found = RealTimeRead.objects.filter(timepoint__subject=task.timepoint.subject_id, slot=task.slot)
    return found.select_related("timepoint__subject__trial", "charter").first()


def is_asked(task: ReadTask) -> bool:
    """Tell whether the question is put in this task, and not in one of an earlier timepoint that is read before it."""
    question = real_time_read_of(task)
    return question is not None and question.timepoint_id == task.timepoint_id
