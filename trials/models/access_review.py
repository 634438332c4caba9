from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.trial import Trial


class AccessReview(Record):
    """Somebody went over everybody who holds a role in a trial, and every token of its sites, and signed what stays.

    `roles` and `tokens` are how each stood then, with the verdict on it and its reason; what was revoked is ended with
    it.
    """

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="access_reviews")
    roles = models.JSONField()
    tokens = models.JSONField(default=list)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField()

    class Meta:
        ordering = ["-reviewed_at", "-pk"]

    def __str__(self) -> str:
        return f"access review of {self.trial.code} on {self.reviewed_at:%-d %B %Y}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "an access review is kept as it was signed" if self.pk else ""

    def signed_content(self) -> dict[str, object]:
        return {
            "trial": self.trial.code,
            "reviewed_at": self.reviewed_at.astimezone(dt.UTC).isoformat(),
            "roles": self.roles,
            # Reviews that were signed before tokens were gone over say nothing of them.
            **({"tokens": self.tokens} if self.tokens else {}),
        }

    @property
    def revoked(self) -> int:
        """How many roles and tokens were ended by it."""
        return sum(one["verdict"] == "revoke" for one in (*self.roles, *self.tokens))
