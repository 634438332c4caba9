from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models.base import Scope


class Mail(models.Model):
    """A mail to a person, about a trial or their own account, written in the same transaction as what it tells of.

    It is kept as it was sent.
    `key` names what it tells of to whom: asking for the same mail twice makes one. The text holds counts, kinds and
    an address to sign in at, and nothing of a subject.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        SENT = "sent"
        FAILED = "failed", "Not sent"

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120, unique=True)
    trial_id = models.BigIntegerField(null=True)
    to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    address = models.EmailField(blank=True)
    subject = models.CharField(max_length=120)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["trial_id", "id"], name="mail_by_trial")]

    def __str__(self) -> str:
        return f"mail {self.pk} ({self.kind})"

    def scope(self) -> Scope:
        """Return the trial that the mail is about."""
        return Scope(self.trial_id)
