from __future__ import annotations

from django.db import models

from compliance.models import ExpiringToken
from compliance.models.base import Scope
from reading.models.task import ReadTask


class ReadToken(ExpiringToken):
    """Lets a reader's program see the pictures of one read, blinded as the reader is."""

    task = models.ForeignKey(ReadTask, on_delete=models.PROTECT, related_name="tokens")

    def __str__(self) -> str:
        return f"token {self.pk} for {self.task}"

    def scope(self) -> Scope:
        return self.task.scope()
