from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from reading.states import GLOBAL_REVIEW, GlobalReviewState
from trials.models import Subject


class _Standing(models.Manager["GlobalReview"]):
    """Reviews that stand; a superseded one is asked for by `GlobalReview.every`."""

    def get_queryset(self) -> models.QuerySet[GlobalReview]:
        return super().get_queryset().exclude(state=GlobalReviewState.SUPERSEDED)


class GlobalReview(Record):
    """A reader goes over a case once all its timepoints are signed, and confirms or changes the responses.

    `rests_on` names the reads with the digests of what was signed. `changes` holds the responses that were changed,
    each with its timepoint, its read, what was derived, and the reason; the reads stay as they were signed.
    """

    machines = {"state": GLOBAL_REVIEW}

    objects = _Standing()
    every = models.Manager()

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="global_reviews")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="global_reviews")
    slot = models.PositiveSmallIntegerField()
    blinded_code = models.CharField(max_length=16, unique=True)
    rests_on = models.JSONField()
    changes = models.JSONField(default=list)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in GlobalReviewState], default=GlobalReviewState.OPEN
    )
    opened_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "slot"],
                condition=~models.Q(state=GlobalReviewState.SUPERSEDED),
                name="global_review_once_per_reader",
            )
        ]
        ordering = ["blinded_code"]

    def __str__(self) -> str:
        return f"global review {self.blinded_code}"

    def scope(self) -> Scope:
        return Scope(self.subject.trial_id)

    def frozen_by(self) -> str:
        if self.state == GlobalReviewState.LOCKED:
            return "the global review is locked"
        return self.subject.frozen_by()

    @property
    def changed(self) -> Mapping[str, Mapping[str, str]]:
        """The responses that were changed, by code of the timepoint."""
        return {change["timepoint"]: change for change in self.changes}

    def charter_signed_under(self) -> int | None:
        return self.subject.trial.charter_in_force.version

    def signed_content(self) -> dict[str, object]:
        return {**self.shown_content(), "changes": self.changes}

    def shown_content(self) -> dict[str, object]:
        """Return what the reader looks at; what is changed comes with the signature."""
        return {"review": self.blinded_code, "reads": self.rests_on}
