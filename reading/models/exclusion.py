from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import Site, Subject, Trial


class ReaderExclusion(Record):
    """Somebody who reads or adjudicates is not given a site's subjects, or one subject. Ended, never deleted."""

    class Kind(models.TextChoices):
        CONFLICT = "conflict", "Conflict of interest"
        INSTITUTION = "institution", "Own institution"
        OTHER = "other", "Other"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="reader_exclusions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    subject = models.ForeignKey(Subject, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind)
    reason = models.CharField(max_length=500)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(site=None, subject__isnull=False) | models.Q(site__isnull=False, subject=None),
                name="reader_exclusion_of_site_or_subject",
            ),
            models.UniqueConstraint(
                fields=["person", "site"], condition=models.Q(ended_at=None), name="reader_exclusion_once_of_site"
            ),
            models.UniqueConstraint(
                fields=["person", "subject"], condition=models.Q(ended_at=None), name="reader_exclusion_once_of_subject"
            ),
        ]
        ordering = ["-recorded_at", "-pk"]

    def __str__(self) -> str:
        return f"exclusion of {self.person.username} from {self.of}"

    @property
    def of(self) -> str:
        """What the person is not given, by its code."""
        found = self.site or self.subject
        assert found is not None
        return found.code

    def scope(self) -> Scope:
        # Of the whole trial: a site's coordinators are not told who reads.
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        return "it has ended" if self.ended_at else self.trial.frozen_by()
