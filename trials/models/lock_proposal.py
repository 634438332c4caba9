from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.trial import Trial
from trials.states import LOCK_PROPOSAL, ProposalState


class LockProposal(Record):
    """An administrator signed that a trial be locked as it is; the charter asks for a second person's signature.

    Both sign `content_sha256`: a digest over every record that the lock closes.
    """

    machines = {"state": LOCK_PROPOSAL}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="lock_proposals")
    content_sha256 = models.CharField(max_length=64)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in ProposalState], default=ProposalState.PROPOSED
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["trial"], condition=models.Q(state=ProposalState.PROPOSED), name="lock_proposed_once"
            )
        ]
        ordering = ["-proposed_at", "-pk"]

    def __str__(self) -> str:
        return f"proposal to lock {self.trial}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return self.trial.frozen_by() if self.state == ProposalState.PROPOSED else "it is settled"

    def charter_signed_under(self) -> int | None:
        return self.trial.charter_signed_under()

    def signed_content(self) -> dict[str, object]:
        """Return what both people sign."""
        return {"trial": self.trial.code, "content_sha256": self.content_sha256}
