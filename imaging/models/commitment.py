from __future__ import annotations

from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.states import COMMITMENT, CommitmentState
from trials.models import ApplicationEntity


class Commitment(Record):
    """A sender's question whether its images are safe here (storage commitment), and what it was told.

    The UIDs it names are in a file of the spool until it has been told; the database holds none of them.
    """

    machines = {"state": COMMITMENT}

    spool_id = models.UUIDField(unique=True)
    entity = models.ForeignKey(ApplicationEntity, on_delete=models.PROTECT, related_name="commitments")
    asked_at = models.DateTimeField()
    count = models.PositiveIntegerField()
    state = models.CharField(
        max_length=10, choices=[(s, s.replace("_", " ")) for s in CommitmentState], default=CommitmentState.WAITING
    )
    committed = models.PositiveIntegerField(null=True)
    failed = models.PositiveIntegerField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"storage commitment {self.pk} of {self.entity}"

    def scope(self) -> Scope:
        return self.entity.scope()
