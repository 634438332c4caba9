from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.models.study import Series
from imaging.states import FINDING, QC_REVIEW, ReviewState, Verdict
from trials.models import Timepoint


class QcReview(Record):
    """One round of quality control of a timepoint; every round is kept."""

    machines = {"state": QC_REVIEW}

    timepoint = models.ForeignKey(Timepoint, on_delete=models.PROTECT, related_name="qc_reviews")
    round = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=[(s, s.title()) for s in ReviewState], default=ReviewState.OPEN)
    opened_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    comment = models.TextField(blank=True)
    data_sha256 = models.CharField("digest of the series and findings looked at", max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["timepoint", "round"], name="qc_round_once")]
        ordering = ["-round"]
        verbose_name = "QC review"

    def __str__(self) -> str:
        return f"QC review {self.round} of {self.timepoint}"

    def scope(self) -> Scope:
        return self.timepoint.scope()

    def frozen_by(self) -> str:
        if self.state != ReviewState.OPEN:
            return "the round is decided and signed"
        return self.timepoint.frozen_by()

    def signed_content(self) -> dict[str, object]:
        return {
            "subject": self.timepoint.subject.code,
            "timepoint": self.timepoint.code,
            "round": self.round,
            "findings": [finding.as_decided() for finding in self.findings.order_by("id")],
            "decision": self.state,
            "comment": self.comment,
        }

    def shown_content(self) -> dict[str, object]:
        """Return what the analyst looks at: the findings; the decision comes with the signature."""
        return {name: value for name, value in self.signed_content().items() if name not in ("decision", "comment")}


class Finding(Record):
    """What a charter check found in a series or a timepoint, with its evidence and a person's verdict."""

    machines = {"verdict": FINDING}

    review = models.ForeignKey(QcReview, on_delete=models.PROTECT, related_name="findings")
    series = models.ForeignKey(Series, null=True, on_delete=models.PROTECT, related_name="findings")
    code = models.CharField(max_length=40)
    severity = models.CharField(max_length=8)
    sentence = models.TextField()
    evidence = models.JSONField(default=dict)
    verdict = models.CharField(max_length=8, choices=[(v, v.title()) for v in Verdict], default=Verdict.PENDING)
    verdict_reason = models.TextField(blank=True)
    verdict_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"finding {self.code} in {self.review}"

    def scope(self) -> Scope:
        return self.review.scope()

    def frozen_by(self) -> str:
        return self.review.frozen_by()

    def as_decided(self) -> dict[str, object]:
        """Return the finding with its verdict, as plain values."""
        return {
            "code": self.code,
            "severity": self.severity,
            "sentence": self.sentence,
            "evidence": self.evidence,
            "verdict": self.verdict,
            "reason": self.verdict_reason,
        }
