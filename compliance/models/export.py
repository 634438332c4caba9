from __future__ import annotations

from django.conf import settings
from django.db import models


class Export(models.Model):
    """A package that left, or may leave, the system: where it lies and the digest of its bytes."""

    kind = models.CharField(max_length=40)
    trial_id = models.BigIntegerField()
    storage_key = models.CharField(max_length=200)
    file_name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    manifest = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["trial_id", "kind"], name="export_by_trial")]

    def __str__(self) -> str:
        return f"{self.kind} {self.file_name}"
