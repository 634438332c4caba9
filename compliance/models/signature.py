from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from compliance.models.base import Record, Scope


class Signature(models.Model):
    """An electronic signature: signer, meaning, time and the digest of what was signed.

    21 CFR 11.50 (printed name, time, meaning) and 11.70 (bound to its record by the digest). The row only grows: what
    ends its force is a `Supersession`. `seal` is taken over the whole row with a key that is not in the database
    (`compliance.signature_seals`), so a row that was moved, changed or given to another signer does not hold.

    Attributes
    ----------
    charter_version
        The version of the charter by which the record goes, where it goes by one.
    policy_version
        The version of the e-signature policy that the signer had accepted; 0 where a program signed.
    """

    class Meaning(models.TextChoices):
        AUTHORSHIP = "authorship", "I am the author of this assessment"
        REVIEW = "review", "I have reviewed this record"
        APPROVAL = "approval", "I approve this record"
        RESPONSIBILITY = "responsibility", "I take responsibility for this record"
        AGREEMENT = "agreement", "I accept this policy"

    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signatures")
    printed_name = models.CharField(max_length=150)
    meaning = models.CharField(max_length=20, choices=Meaning)
    at = models.DateTimeField()
    object_type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=40)
    content_sha256 = models.CharField(max_length=64)
    charter_version = models.PositiveIntegerField(null=True)
    policy_version = models.PositiveSmallIntegerField(default=0)
    seal = models.CharField(max_length=120, blank=True)

    class Meta:
        indexes = [models.Index(fields=["object_type", "object_id"], name="signature_by_object")]

    def __str__(self) -> str:
        return f"{self.printed_name}, {self.get_meaning_display()}, {self.at:%Y-%m-%d %H:%M} UTC"

    @property
    def ended(self) -> Supersession | None:
        """What ended its force; None while it stands."""
        return getattr(self, "supersession", None)


class Supersession(models.Model):
    """That a signature no longer speaks for its record, because of which step; the signature itself stays.

    Written in the same transaction as the step, whose event is in the trail; sealed like a signature.
    """

    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="supersession")
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=80)
    seal = models.CharField(max_length=120)

    def __str__(self) -> str:
        return f"superseded by {self.action}, {self.at:%Y-%m-%d %H:%M} UTC"


class PolicyAcceptance(Record):
    """That a person accepted a version of the e-signature policy, by signature (21 CFR 11.10 (j)); never changed."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="policies_accepted")
    version = models.PositiveSmallIntegerField()
    text_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "version"], name="policy_accepted_once")]

    def __str__(self) -> str:
        return f"e-signature policy {self.version}, accepted by {self.user}"

    def scope(self) -> Scope:
        return Scope()

    def frozen_by(self) -> str:
        return "an accepted policy stays accepted" if self.pk else ""

    def signed_content(self) -> dict[str, Any]:
        return {"policy": self.version, "text_sha256": self.text_sha256, "person": self.user.username}
