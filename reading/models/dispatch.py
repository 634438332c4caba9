from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import Trial


class DispatchPlan(Record):
    """Data leave by themselves: to which outlet of this server, from when on, how often. Ended, never deleted."""

    class Every(models.IntegerChoices):
        DAY = 1, "Every day"
        WEEK = 7, "Every week"
        FOUR_WEEKS = 28, "Every four weeks"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="dispatch_plans")
    outlet = models.CharField(max_length=40)
    every_days = models.PositiveSmallIntegerField(choices=Every)
    first_at = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "outlet"], condition=models.Q(ended_at=None), name="dispatch_plan_once_to_an_outlet"
            )
        ]
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_every_days_display()} to {self.outlet}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        # The lock does not close it: what it sends after the lock is the package.
        return "it has ended" if self.ended_at else ""

    def latest_due(self, at: dt.datetime) -> dt.datetime | None:
        """Return the latest time of the schedule up to now; what was missed while nothing ran is one dispatch."""
        if at < self.first_at:
            return None
        every = dt.timedelta(days=self.every_days)
        return self.first_at + (at - self.first_at) // every * every

    def next_due(self, at: dt.datetime) -> dt.datetime:
        """Return the next time of the schedule after now."""
        latest = self.latest_due(at)
        return self.first_at if latest is None else latest + dt.timedelta(days=self.every_days)


class Dispatch(models.Model):
    """One sending of a plan, and its receipt: what, when, its digest, where, and what the outlet answered.

    What is sent is fixed at the first try, so that a later one sends the same bytes.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "On its way"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    class What(models.TextChoices):
        STATUS = "status", "Status"
        PACKAGE = "package", "Endpoint package"

    plan = models.ForeignKey(DispatchPlan, on_delete=models.PROTECT, related_name="dispatches")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    what = models.CharField(max_length=8, choices=What, blank=True)
    status = models.JSONField(null=True)
    export_id = models.BigIntegerField(null=True)
    place = models.CharField(max_length=250, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    answer = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "due_at"], name="dispatch_once_of_each_time")]
        ordering = ["-due_at", "-pk"]

    def __str__(self) -> str:
        return f"dispatch {self.pk} of plan {self.plan_id}"
