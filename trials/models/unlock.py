from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.trial import Trial
from trials.states import UNLOCK, UNLOCK_WAITING, UnlockState


class Unlock(Record):
    """Somebody asked that a database lock be taken off; a second person, of another role, decided by signature.

    It names the lock that it takes off, with the package that was built of it. `agreed_by` is the sponsor's, where the
    charter asks for that. The database lets a trial out of its lock by an approved one alone (`trials.locked_rows`).
    """

    machines = {"state": UNLOCK}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="unlocks")
    lock_number = models.PositiveSmallIntegerField()
    locked_at = models.DateTimeField()
    lock_identifier = models.CharField(max_length=64)
    package_sha256 = models.CharField(max_length=64)
    reason = models.CharField(max_length=1000)
    records = models.CharField("records to be corrected", max_length=2000)
    impact = models.CharField("what may change", max_length=2000)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    agreed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    agreed_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in UnlockState], default=UnlockState.ASKED)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trial"], condition=models.Q(state__in=UNLOCK_WAITING), name="unlock_asked_once"
            ),
            models.UniqueConstraint(
                fields=["trial", "lock_number"],
                condition=models.Q(state=UnlockState.APPROVED),
                name="lock_taken_off_once",
            ),
        ]
        ordering = ["-asked_at", "-pk"]

    def __str__(self) -> str:
        return f"unlock of {self.trial}, lock {self.lock_number}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "" if self.state in UNLOCK_WAITING else "it is decided"

    def charter_signed_under(self) -> int | None:
        return self.trial.charter_signed_under()

    def signed_content(self) -> dict[str, object]:
        """Return what each of its people signs: all of them the same."""
        return {
            "trial": self.trial.code,
            "lock": self.lock_number,
            "locked_at": self.locked_at.isoformat(),
            "package_sha256": self.package_sha256,
            "reason": self.reason,
            "records": self.records,
            "impact": self.impact,
            "asked_by": self.asked_by.username,
        }
