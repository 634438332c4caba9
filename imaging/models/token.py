from __future__ import annotations

from django.db import models

from compliance.models import ExpiringToken
from compliance.models.base import Scope
from trials.models import Trial


class ArchiveToken(ExpiringToken):
    """Lets a person's program see the de-identified images of a trial, as far as the person may."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="archive_tokens")

    def __str__(self) -> str:
        return f"token {self.pk} for the images of {self.trial.code}"

    def scope(self) -> Scope:
        return Scope(self.trial_id)
