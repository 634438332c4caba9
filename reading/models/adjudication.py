from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.states import ADJUDICATION, AdjudicationState
from trials.models import Subject, Timepoint


class _Standing(models.Manager["Adjudication"]):
    """Adjudications that stand; a superseded one is asked for by `Adjudication.every`."""

    def get_queryset(self) -> models.QuerySet[Adjudication]:
        return super().get_queryset().exclude(state=AdjudicationState.SUPERSEDED)


class Adjudication(Record):
    """A third reader's choice between two discordant reads of a subject, or of one timepoint.

    `left_slot` is the reader slot shown on the left, from the trial's seed; `chosen_slot` is the answer.
    `triggers` lists which of the charter's triggers fired and where; `discordance` says why, and how the two readers'
    lesions pair. Nobody is shown the latter before the decision.

    Without an `adjudicator` the two readers settle it: `proposal` is what one of them (`proposed_by`) has signed, with
    `slot` and `rationale`; `sent_back` says why the last one was not confirmed.
    """

    machines = {"state": ADJUDICATION}

    objects = _Standing()
    every = models.Manager()

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="adjudications")
    timepoint = models.ForeignKey(Timepoint, null=True, on_delete=models.PROTECT, related_name="adjudications")
    adjudicator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="adjudications"
    )
    blinded_code = models.CharField(max_length=16, unique=True)
    triggers = models.JSONField()
    discordance = models.JSONField(default=dict)
    left_slot = models.PositiveSmallIntegerField()
    chosen_slot = models.PositiveSmallIntegerField(null=True)
    rationale = models.TextField(blank=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    proposal = models.JSONField(default=dict)
    sent_back = models.CharField(max_length=1000, blank=True)
    simulated = models.BooleanField(default=False)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in AdjudicationState], default=AdjudicationState.OPEN
    )
    opened_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=models.Q(timepoint=None) & ~models.Q(state=AdjudicationState.SUPERSEDED),
                name="adjudication_once_per_subject",
            ),
            models.UniqueConstraint(
                fields=["timepoint"],
                condition=~models.Q(state=AdjudicationState.SUPERSEDED),
                name="adjudication_once_per_timepoint",
            ),
        ]

    def __str__(self) -> str:
        return f"adjudication {self.blinded_code}"

    def scope(self) -> Scope:
        return Scope(self.subject.trial_id)

    def frozen_by(self) -> str:
        if self.state == AdjudicationState.LOCKED:
            return "the adjudication is locked"
        return self.timepoint.frozen_by() if self.timepoint else self.subject.frozen_by()

    def charter_signed_under(self) -> int | None:
        return self.timepoint.charter.version if self.timepoint else self.subject.trial.charter_in_force.version

    def signed_content(self) -> dict[str, object]:
        return {
            "adjudication": self.blinded_code,
            "triggers": self.triggers,
            "left_slot": self.left_slot,
            # What was proposed is what both readers sign, before and after the second has confirmed it.
            "chosen_slot": self.chosen_slot or self.proposal.get("slot"),
            "rationale": self.rationale or self.proposal.get("rationale", ""),
            **self._proposed(),
        }

    def shown_content(self) -> dict[str, object]:
        """Return what the adjudicator looks at; choice and rationale come with the signature."""
        shown = {"adjudication": self.blinded_code, "triggers": self.triggers, "left_slot": self.left_slot}
        return {**shown, **self._proposed()}

    def _proposed(self) -> dict[str, object]:
        return {"proposal": self.proposal} if self.proposal else {}

    @property
    def is_by_consensus(self) -> bool:
        """Whether the two readers settle the case themselves."""
        return self.adjudicator_id is None
