from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models.base import Record, Scope


class Factor(Record):
    """What a person shows at sign-in besides the password: an authenticator app or a passkey.

    It is ended, never deleted. `sealed` is an app's secret under a key of its holder; of a passkey only the public
    part is known. `counter` is the step of the last code taken, or the last count of signatures; neither goes back.
    """

    class Kind(models.TextChoices):
        APP = "app", "Authenticator app"
        PASSKEY = "passkey", "Passkey"

    audit_exclude = frozenset({"sealed", "credential", "credential_id", "counter", "used_at"})

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="factors")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=60)
    sealed = models.TextField(blank=True)
    credential = models.TextField(blank=True)
    credential_id = models.CharField(max_length=1400, blank=True)
    counter = models.BigIntegerField(default=0)
    added_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["holder"],
                condition=models.Q(kind="app", ended_at=None),
                name="factor_one_app",
                violation_error_message="This person has an authenticator app already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def scope(self) -> Scope:
        """Return no trial: an account belongs to the installation."""
        return Scope()


class RecoveryCode(Record):
    """A code that stands in for a lost factor, once. Its digest is kept; the code was shown when it was made."""

    audit_exclude = frozenset({"digest"})

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"

    def scope(self) -> Scope:
        """Return no trial: an account belongs to the installation."""
        return Scope()
