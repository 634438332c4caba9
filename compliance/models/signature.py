from __future__ import annotations

from django.conf import settings
from django.db import models


class Signature(models.Model):
    """An electronic signature: signer, meaning, time and the digest of what was signed.

    21 CFR 11.50 (printed name, time, meaning) and 11.70 (bound to its record by the digest).
    """

    class Meaning(models.TextChoices):
        AUTHORSHIP = "authorship", "I am the author of this assessment"
        REVIEW = "review", "I have reviewed this record"
        APPROVAL = "approval", "I approve this record"
        RESPONSIBILITY = "responsibility", "I take responsibility for this record"

    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signatures")
    printed_name = models.CharField(max_length=150)
    meaning = models.CharField(max_length=20, choices=Meaning)
    at = models.DateTimeField()
    object_type = models.CharField(max_length=80)
    object_id = models.CharField(max_length=40)
    content_sha256 = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["object_type", "object_id"], name="signature_by_object")]

    def __str__(self) -> str:
        return f"{self.printed_name}, {self.get_meaning_display()}, {self.at:%Y-%m-%d %H:%M} UTC"
