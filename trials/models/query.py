from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.site import Site
from trials.models.subject import Timepoint
from trials.models.trial import Trial
from trials.states import QUERY, QueryState


class Query(Record):
    """A question to a site about one of its records, with a thread and a due date."""

    machines = {"state": QUERY}

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="queries")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="queries")
    timepoint = models.ForeignKey(Timepoint, null=True, on_delete=models.PROTECT, related_name="queries")
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=[(s, s.title()) for s in QueryState], default=QueryState.OPEN)
    raised_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    raised_at = models.DateTimeField()
    due_on = models.DateField()

    class Meta:
        ordering = ["due_on", "id"]
        verbose_name_plural = "queries"

    def __str__(self) -> str:
        return f"query {self.pk}: {self.title}"

    def scope(self) -> Scope:
        return Scope(self.trial_id, self.site_id)

    def frozen_by(self) -> str:
        return self.trial.frozen_by()


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
