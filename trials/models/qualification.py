"""What a site shows before its first subject, part by part, and the signature that it is enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.form_answers import restore
from trials.form_terms import FieldTerms
from trials.models.charter import ImagingCharter
from trials.models.scanner import Device, Scanner
from trials.models.site import Site
from trials.states import (
    SITE_ANSWERS,
    SITE_QUALIFICATION,
    UPLOAD_TEST,
    AnswersState,
    QualificationState,
    UploadTestState,
)


class _OfSite(Record):
    """A record of one site, which is closed to change with its trial."""

    class Meta:
        abstract = True

    def scope(self) -> Scope:
        return self.site.scope()  # type: ignore[attr-defined]

    def frozen_by(self) -> str:
        return self.site.frozen_by()  # type: ignore[attr-defined]


class SiteAnswers(_OfSite):
    """The questionnaire of the charter, answered by a site: a draft may change, a signed version never does.

    `answers` are kept by the question's code, as `trials.form_answers` stores them; `confirmed` are reasons for
    unusual ones. The charter's version says what was asked.
    """

    machines = {"state": SITE_ANSWERS}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="answers")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveSmallIntegerField(default=1)
    answers = models.JSONField(default=dict)
    confirmed = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in AnswersState], default=AnswersState.DRAFT)
    begun_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["site", "version"], name="site_answers_version_once")]
        verbose_name = "questionnaire"

    def __str__(self) -> str:
        return f"questionnaire of site {self.site.code}, version {self.version}"

    def frozen_by(self) -> str:
        if self.state != AnswersState.DRAFT:
            return "a signed questionnaire never changes; begin its next version"
        return super().frozen_by()

    def signed_content(self) -> dict[str, object]:
        return {
            "site": self.site.code,
            "charter": self.charter.version,
            "version": self.version,
            "answers": self.answers,
            "confirmed": self.confirmed,
        }

    def values_for(self, questions: Sequence[FieldTerms]) -> dict[str, Any]:
        """Return the answers in their types, by code; only those to a question that was asked just so."""
        asked = self.charter.terms.sites.questions
        return restore(questions, {one.code: self.answers.get(one.code) for one in questions if one in asked})


class TrainingAcknowledgement(_OfSite):
    """A person of a site says by signature that they read a training text of the charter; never changed."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="trainings")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=120)
    text_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "person", "text_sha256"], name="training_acknowledged_once")
        ]

    def __str__(self) -> str:
        return f"training “{self.title}” of {self.person} at site {self.site.code}"

    def signed_content(self) -> dict[str, object]:
        return {
            "site": self.site.code,
            "charter": self.charter.version,
            "title": self.title,
            "text_sha256": self.text_sha256,
        }


class UploadTest(_OfSite):
    """A phantom or trial run that a site sent to be judged: nothing of it is kept but what was measured.

    `series` has a row per series that came, `findings` what the checks of the charter say of them.
    """

    machines = {"state": UPLOAD_TEST}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="upload_tests")
    scanner = models.ForeignKey(Scanner, null=True, on_delete=models.PROTECT, related_name="upload_tests")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    delivery = models.UUIDField(unique=True)
    sender = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    images = models.PositiveIntegerField()
    device = models.JSONField("what the headers say of the scanner", default=dict)
    series = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    state = models.CharField(
        max_length=10, choices=[(s, s.title()) for s in UploadTestState], default=UploadTestState.JUDGED
    )
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    @property
    def seen(self) -> Device | None:
        """The scanner that the headers name, if they name one."""
        return Device(**self.device) if self.device else None

    @property
    def blocking(self) -> list[dict[str, Any]]:
        """The findings that would block a timepoint."""
        return [one for one in self.findings if one["severity"] == "block"]

    @property
    def passed(self) -> int:
        """How many checks found nothing."""
        return sum(one["severity"] == "pass" for one in self.findings)

    def __str__(self) -> str:
        return f"test upload {self.pk} of site {self.site.code}"

    def signed_content(self) -> dict[str, object]:
        return {
            "site": self.site.code,
            "charter": self.charter.version,
            "scanner": self.scanner_id,
            "images": self.images,
            "device": self.device,
            "series": self.series,
            "findings": self.findings,
        }


class SiteQualification(_OfSite):
    """That a site has shown what the charter asks, signed at the core lab; it opens the site for subjects.

    `shown` names what the signature rests on: the questionnaire's version, scanners, trainings and test uploads.
    """

    machines = {"state": SITE_QUALIFICATION}

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="qualifications")
    charter = models.ForeignKey(ImagingCharter, on_delete=models.PROTECT, related_name="+")
    shown = models.JSONField(default=dict)
    state = models.CharField(
        max_length=9, choices=[(s, s.title()) for s in QualificationState], default=QualificationState.PREPARED
    )
    qualified_at = models.DateTimeField(null=True)
    expires_on = models.DateField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=models.Q(state="qualified"), name="site_qualified_once_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"qualification of site {self.site.code}"

    def has_expired(self, today: dt.date) -> bool:
        """Tell whether it holds no longer by its charter's rule."""
        return self.expires_on is not None and today > self.expires_on

    def signed_content(self) -> dict[str, object]:
        return {
            "site": self.site.code,
            "charter": self.charter.version,
            "shown": self.shown,
            "expires_on": self.expires_on.isoformat() if self.expires_on else "",
        }
