from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.models.task import ReadTask
from reading.states import REOPENING, ReopeningState


class Reopening(Record):
    """Somebody asked that a signed read be opened again, and somebody else decided by signature."""

    machines = {"state": REOPENING}

    task = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="reopenings")
    reason = models.CharField(max_length=1000)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in ReopeningState], default=ReopeningState.ASKED
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task"], condition=models.Q(state=ReopeningState.ASKED), name="reopening_asked_once"
            )
        ]
        ordering = ["-asked_at", "-pk"]

    def __str__(self) -> str:
        return f"re-opening of {self.task}"

    def scope(self) -> Scope:
        return self.task.scope()

    def frozen_by(self) -> str:
        return self.task.timepoint.frozen_by()

    def charter_signed_under(self) -> int | None:
        return self.task.charter.version

    def signed_content(self) -> dict[str, object]:
        return {**self.shown_content(), "state": self.state}

    def shown_content(self) -> dict[str, object]:
        """Return what the second person looks at; the state comes with the signature."""
        return {"read": self.task.blinded_code, "reason": self.reason, "asked_by": self.asked_by.username}


class SignedVersion(Record):
    """A read as it was signed before it was opened again; its signatures name the digest of this content."""

    task = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="signed_versions")
    reopening = models.ForeignKey(Reopening, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    content = models.JSONField()
    content_sha256 = models.CharField(max_length=64)
    signed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="signed_version_once")]
        ordering = ["task", "number"]

    def __str__(self) -> str:
        return f"version {self.number} of {self.task}"

    def scope(self) -> Scope:
        return self.task.scope()

    def frozen_by(self) -> str:
        return "a signed version is kept as it was" if self.pk else ""
