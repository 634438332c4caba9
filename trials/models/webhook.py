from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.trial import Trial


class Webhook(Record):
    """An address of another system that is told when something of a kind happens in a trial. Ended, never deleted.

    The secret by which the other system knows us follows from the trial's key and `name`, and is kept nowhere.
    """

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="webhooks")
    name = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    address = models.CharField(max_length=300)
    kinds = models.JSONField(default=list)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made_at", "-pk"]

    def __str__(self) -> str:
        return f"webhook {self.pk}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)

    def frozen_by(self) -> str:
        # The lock does not close it: that the trial is locked is news as well.
        return "it has ended" if self.ended_at else ""


class Delivery(models.Model):
    """One piece of news on its way to a webhook, and how that went; its text is fixed when it happens.

    `message` names it to the receiver, at each try the same. `event_id` is the event of the trail that it tells of;
    a test message has none.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "On its way"
        SENT = "sent", "Taken"
        FAILED = "failed", "Given up"

    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="deliveries")
    message = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    event_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=40)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    answer = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"delivery {self.pk} of webhook {self.webhook_id}"
