from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models.base import Record, Scope


class ExpiringToken(Record):
    """What a person's program shows for some hours to be let in as that person, to one thing.

    Only its digest is kept; the secret is shown once. The person's rights are asked for at each use.
    """

    audit_exclude = frozenset({"token_sha256"})

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        ordering = ["-id"]


class ApiToken(ExpiringToken):
    """Lets a person's program use the API as that person, or only look."""

    label = models.CharField(max_length=60)
    may_change = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"token {self.pk} of {self.label}"

    def scope(self) -> Scope:
        """Return no trial: an account belongs to the installation."""
        return Scope()
