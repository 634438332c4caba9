from __future__ import annotations

from django.db import models


class AuditCheckpoint(models.Model):
    """A signed statement of where the chains ended at one moment. Append-only, and a file outside the database too.

    `statement` is the very text that was signed (Ed25519), as `compliance.checkpoints` writes it.
    """

    at = models.DateTimeField()
    statement = models.TextField()
    signature = models.CharField(max_length=128)
    public_key = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"checkpoint {self.pk} of {self.at:%Y-%m-%d %H:%M}"
