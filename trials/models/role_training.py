from __future__ import annotations

import datetime as dt
import hashlib

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.membership import Role
from trials.models.trial import Trial


class RoleTraining(Record):
    """What everybody of a role has to have read and signed, from a day on; its text never changes.

    `begun_at` is when the role's acts began to need it; `ended_at` when nobody needs it any more. What replaces it is
    declared anew.
    """

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="role_trainings")
    role = models.CharField(max_length=24, choices=Role)
    title = models.CharField(max_length=120)
    text = models.CharField(max_length=8000)
    #: Days that a signature holds for; None: as long as the training is asked for.
    valid_days = models.PositiveSmallIntegerField(null=True)
    asked_from = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()

    class Meta:
        ordering = ["role", "title", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "role", "title"], condition=models.Q(ended_at=None), name="role_training_once"
            )
        ]

    def __str__(self) -> str:
        return f"training “{self.title}” of the role {self.get_role_display()}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "its time is over" if self.ended_at else ""

    @property
    def sha256(self) -> str:
        """Digest by which a signature says what was read."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()

    def shown_content(self) -> dict[str, object]:
        """Return what whoever completes it has before them."""
        return {"training": self.pk, "title": self.title, "text_sha256": self.sha256, "valid_days": self.valid_days}


class TrainingRecord(Record):
    """A person has completed a training of their role, by signature; it holds until it lapses.

    `until` is when it lapses by itself, `lapsed_at` when it did.
    """

    training = models.ForeignKey(RoleTraining, on_delete=models.PROTECT, related_name="records")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    completed_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    lapsed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-completed_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.training}, completed by {self.person}"

    def scope(self) -> Scope:
        return self.training.scope()

    def frozen_by(self) -> str:
        return "a record of training is kept as it was signed" if self.pk else ""

    def signed_content(self) -> dict[str, object]:
        return {
            "trial": self.training.trial.code,
            "role": self.training.role,
            "training": self.training_id,
            "title": self.training.title,
            "text_sha256": self.training.sha256,
            "person": self.person.username,
            "completed_at": self.completed_at.astimezone(dt.UTC).isoformat(),
            "until": self.until.astimezone(dt.UTC).isoformat() if self.until else "",
        }
