from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.site import Site
from trials.models.subject import Subject, Timepoint
from trials.models.trial import Trial
from trials.states import QUERY, QueryState


class Query(Record):
    """A question about a record, with a thread and a due date: to the record's site, or of the trial as a whole.

    `about_type` and `about_id` name the record as the audit trail does, `about_field` one field of it, `about_label`
    says it in words. What belongs to no site is answered by the trial's administrators.
    """

    machines = {"state": QUERY}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="queries")
    site = models.ForeignKey(Site, null=True, on_delete=models.PROTECT, related_name="queries")
    timepoint = models.ForeignKey(Timepoint, null=True, on_delete=models.PROTECT, related_name="queries")
    about_type = models.CharField(max_length=80)
    about_id = models.BigIntegerField()
    about_field = models.CharField(max_length=60, blank=True)
    about_label = models.CharField(max_length=200)
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in QueryState], default=QueryState.OPEN)
    raised_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    raised_at = models.DateTimeField()
    due_on = models.DateField()
    answered_at = models.DateTimeField("first answered at", null=True)
    closed_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["due_on", "id"]
        indexes = [
            models.Index(fields=["about_type", "about_id"], name="query_by_record"),
            models.Index(fields=["trial", "state", "due_on"], name="query_by_trial"),
        ]
        verbose_name_plural = "queries"

    def __str__(self) -> str:
        return f"query {self.pk}: {self.title}"

    def scope(self) -> Scope:
        return Scope(self.trial_id, self.site_id)

    def frozen_by(self) -> str:
        if self.timepoint:
            return self.timepoint.frozen_by()
        about = Subject.objects.filter(pk=self.about_id).first() if self.about_type == "trials.subject" else None
        return about.frozen_by() if about else self.trial.frozen_by()

    @property
    def asked(self) -> str:
        """Whom the query asks, in words."""
        return f"site {self.site.code}" if self.site else "the trial's administrators"


class QueryMessage(Record):
    """One contribution to a query's thread; never changed."""

    query = models.ForeignKey(Query, on_delete=models.PROTECT, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"message {self.pk} on {self.query}"

    def scope(self) -> Scope:
        return self.query.scope()

    def frozen_by(self) -> str:
        return self.query.frozen_by()
