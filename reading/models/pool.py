from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import Trial


class PoolMember(Record):
    """A reader is in one of the charter's pools from one moment to another. Ended, never deleted."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="pool_members")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    pool = models.CharField(max_length=40)
    joined_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "person", "pool"], condition=models.Q(ended_at=None), name="pool_member_once"
            )
        ]
        ordering = ["pool", "person__username"]

    def __str__(self) -> str:
        return f"{self.person.username} in pool {self.pool}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "it has ended" if self.ended_at else self.trial.frozen_by()


class ReaderPair(Record):
    """Two readers who read together, where the charter asks for fixed pairs. Ended, never deleted."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="reader_pairs")
    first = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "first", "second"], condition=models.Q(ended_at=None), name="reader_pair_once"
            )
        ]
        ordering = ["first__username", "second__username"]

    def __str__(self) -> str:
        return f"pair {self.first.username} and {self.second.username}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "it has ended" if self.ended_at else self.trial.frozen_by()
