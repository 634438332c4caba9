from __future__ import annotations

from django.db import models


class Job(models.Model):
    """Work to do, written in the same transaction as the data that asks for it.

    The broker is only a doorbell. A worker claims a row by conditional update and holds it by a lease;
    what nobody holds is rung again by the sweep, a while after `rung_at`. `key` makes asking twice the same as
    asking once, as long as the first is still waiting.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=80)
    key = models.CharField(max_length=120)
    args = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    rung_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=models.Q(state="queued"), name="job_one_waiting_per_key"
            ),
        ]
        indexes = [models.Index(fields=["state", "not_before"], name="job_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"
