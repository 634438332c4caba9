from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import AuditEvent, Record
from compliance.models.base import Scope
from trials.models.trial import Trial
from trials.states import REDACTION, RedactionState


class Redaction(Record):
    """Somebody asked that text be taken out of the audit trail; a second person decided by signature.

    It says where the text stood and why it goes, never the text.
    """

    machines = {"state": REDACTION}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="redactions")
    reason = models.CharField(max_length=500)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in RedactionState], default=RedactionState.ASKED
    )

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"redaction {self.pk}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "" if self.state in (RedactionState.ASKED, RedactionState.APPROVED) else "it is decided"

    def signed_content(self) -> dict[str, object]:
        """Return what both people sign: the reason, and each place that the text stands at."""
        return {
            "trial": self.trial.code,
            "reason": self.reason,
            "asked_by": self.asked_by.username,
            "events": [[part.event_id, part.places] for part in self.parts.order_by("event_id")],
        }


class RedactedEvent(Record):
    """One event of the trail that a redaction takes text out of; `places` are JSON Pointers into it."""

    redaction = models.ForeignKey(Redaction, on_delete=models.PROTECT, related_name="parts")
    event = models.ForeignKey(AuditEvent, on_delete=models.PROTECT, related_name="redactions")
    places = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["redaction", "event"], name="redacted_event_once")]
        ordering = ["event_id"]
        verbose_name = "event of the trail"

    def __str__(self) -> str:
        return f"event {self.event_id}"

    def scope(self) -> Scope:
        return Scope(self.redaction.trial_id)

    def frozen_by(self) -> str:
        return self.redaction.frozen_by()
