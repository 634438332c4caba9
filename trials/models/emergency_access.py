from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.membership import Membership
from trials.models.trial import Trial
from trials.states import EMERGENCY_ACCESS, EmergencyState


class EmergencyAccess(Record):
    """Somebody took a role that they do not have, because work could not wait: why, until when, and what came of it.

    The membership that came of it ends with it, at `membership.until` at the latest.
    """

    machines = {"state": EMERGENCY_ACCESS}

    membership = models.OneToOneField(Membership, on_delete=models.PROTECT, related_name="emergency")
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="emergencies")
    reason = models.CharField(max_length=1000)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    finding = models.CharField(max_length=2000, blank=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in EmergencyState], default=EmergencyState.OPEN
    )

    class Meta:
        ordering = ["-opened_at", "-pk"]

    def __str__(self) -> str:
        return f"emergency access of {self.membership.user} as {self.membership.get_role_display()}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "its review is signed" if self.state == EmergencyState.REVIEWED else ""

    def signed_content(self) -> dict[str, object]:
        """Return what was opened and why, and what was found when it was gone over."""
        return {
            "trial": self.trial.code,
            "person": self.membership.user.username,
            "role": self.membership.role,
            "reason": self.reason,
            "opened_at": self.opened_at.astimezone(dt.UTC).isoformat(),
            "until": self.membership.until.astimezone(dt.UTC).isoformat() if self.membership.until else "",
            "finding": self.finding,
        }
