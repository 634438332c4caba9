from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from imaging.models.form import TransferForm
from imaging.models.study import Series
from imaging.states import FINDING, QC_REVIEW, UNDECIDED, ReviewState, Verdict
from trials.models import Timepoint
from trials.qc_terms import RISKS
from trials.states import FormState


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
        if self.state not in UNDECIDED:
            return "the round is decided and signed"
        return self.timepoint.frozen_by()

    def charter_signed_under(self) -> int | None:
        return self.timepoint.charter.version

    def signed_content(self) -> dict[str, object]:
        return {
            "subject": self.timepoint.subject.code,
            "timepoint": self.timepoint.code,
            "round": self.round,
            "findings": [finding.as_decided() for finding in self.findings.order_by("id")],
            "decision": self.state,
            "comment": self.comment,
            **(
                {"decisions": decisions}
                if (decisions := [one.signed_content() for one in self.decisions.all()])
                else {}
            ),
        }

    def shown_content(self) -> dict[str, object]:
        """Return what the analyst looks at: findings and transfer form; the decision comes with the signature."""
        form = self.signed_form
        return {
            "subject": self.timepoint.subject.code,
            "timepoint": self.timepoint.code,
            "round": self.round,
            "findings": [finding.as_decided() for finding in self.findings.order_by("id")],
            "form": form.version if form else None,
        }

    @property
    def signed_form(self) -> TransferForm | None:
        """The version of the timepoint's transfer form that stands."""
        return self.timepoint.transfer_forms.filter(state=FormState.SIGNED).first()


class QcDecision(Record):
    """What one person decided in a round, on images and transfer form, each by itself; signed, never changed.

    A part that was settled in an earlier round and has not changed since is not judged again: its verdict is repeated
    with the number of that round. Without a verdict the form was not asked for.
    """

    review = models.ForeignKey(QcReview, on_delete=models.PROTECT, related_name="decisions")
    stage = models.PositiveSmallIntegerField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    images_verdict = models.CharField(max_length=8)
    images_reason = models.TextField(blank=True)
    images_round = models.PositiveSmallIntegerField()
    form = models.ForeignKey(TransferForm, null=True, on_delete=models.PROTECT, related_name="+")
    form_verdict = models.CharField(max_length=8, blank=True)
    form_reason = models.TextField(blank=True)
    form_round = models.PositiveSmallIntegerField(null=True)
    answers = models.JSONField("answers to the checklist", default=dict)
    confirmed = models.JSONField("reasons for unusual answers", default=dict)
    comment = models.TextField(blank=True)
    #: Why a second person looks after this one, as `trials.qc_terms.RISKS` names it, or `drawn`.
    second_because = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "stage"], name="qc_decision_once_per_stage")]
        ordering = ["stage"]
        verbose_name = "QC decision"

    def __str__(self) -> str:
        return f"decision {self.stage} in {self.review}"

    def scope(self) -> Scope:
        return self.review.scope()

    @property
    def second_words(self) -> list[str]:
        """Why a second person looks, as what follows “because”."""
        return [RISKS.get(name, "chance chose it") for name in self.second_because]

    def frozen_by(self) -> str:
        return "a decision is signed and stays as it is" if self.pk else self.review.frozen_by()

    def charter_signed_under(self) -> int | None:
        return self.review.timepoint.charter.version

    def signed_content(self) -> dict[str, object]:
        return {
            "subject": self.review.timepoint.subject.code,
            "timepoint": self.review.timepoint.code,
            "round": self.review.round,
            "stage": self.stage,
            "images": [self.images_verdict, self.images_reason, self.images_round],
            "form": [self.form.version if self.form else None, self.form_verdict, self.form_reason, self.form_round],
            "answers": self.answers,
            "confirmed": self.confirmed,
            "comment": self.comment,
        }


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
