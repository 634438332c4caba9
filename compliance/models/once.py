from __future__ import annotations

from django.conf import settings
from django.db import models


class AnsweredRequest(models.Model):
    """A request of somebody's program under its own key, and what was answered; kept for a day (`compliance.once`)."""

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=100)
    request_hmac = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["holder", "key"], name="request_once_of_a_person")]

    def __str__(self) -> str:
        return f"request {self.pk}"
