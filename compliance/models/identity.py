from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models.base import Record, Scope


class ProviderIdentity(Record):
    """That a person signs in at the identity provider: who they are there, as an administrator has linked it.

    It is ended, never deleted. What named a person once at an issuer names nobody else here (21 CFR 11.100 (a)).
    """

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="identities")
    issuer = models.CharField(max_length=300)
    subject = models.CharField(max_length=255)
    linked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "identity at the provider"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["holder"], condition=models.Q(ended_at=None), name="identity_one_of_a_person"
            ),
            models.UniqueConstraint(
                fields=["issuer", "subject"], condition=models.Q(ended_at=None), name="identity_of_one_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder} at {self.issuer}"

    def scope(self) -> Scope:
        """Return no trial: an account belongs to the installation."""
        return Scope()


class FreshSignIn(Record):
    """That a person signed in at the provider anew for one act of signing, and whether the act was done.

    Attributes
    ----------
    act_sha256
        Digest of what was sent to be signed: person, address and form.
    content_sha256
        Digest of the content that the signature is to name.
    nonce
        Of the token that said so; none serves twice.
    second
        What was shown besides: "provider", "app", "passkey", "recovery code" or "".
    """

    holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    identity = models.ForeignKey(ProviderIdentity, on_delete=models.PROTECT, related_name="+")
    nonce = models.CharField(max_length=64, unique=True)
    act_sha256 = models.CharField(max_length=64)
    content_sha256 = models.CharField(max_length=64)
    begun_at = models.DateTimeField()
    authenticated_at = models.DateTimeField()
    returned_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    second = models.CharField(max_length=20, blank=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "sign-in for a signature"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.holder} at {self.authenticated_at:%Y-%m-%d %H:%M} UTC, for one signature"

    def scope(self) -> Scope:
        """Return no trial: an account belongs to the installation."""
        return Scope()
