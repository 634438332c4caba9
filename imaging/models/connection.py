from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models import ApplicationEntity


class ConnectionTest(Record):
    """One try of a connection with a site's scanner or archive: our call to it, or a test study that it sent.

    Nothing of a test study is kept but counts: `found` has a row per modality, transfer syntax and problem.
    `looked_until` names the last instance that was counted, so that a count repeated after a crash counts none twice.
    """

    class Kind(models.TextChoices):
        ECHO = "echo", "Our call"
        STUDY = "study", "Test study"

    entity = models.ForeignKey(ApplicationEntity, on_delete=models.PROTECT, related_name="connection_tests")
    kind = models.CharField(max_length=5, choices=Kind)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    encrypted = models.BooleanField()
    passed = models.BooleanField(null=True)
    sentence = models.TextField(blank=True)
    elapsed_ms = models.PositiveBigIntegerField(null=True)
    delivery = models.UUIDField(null=True, unique=True)
    looked_until = models.UUIDField(null=True)
    images = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    found = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["entity", "kind", "began_at"], name="connection_test_by_entity")]

    def __str__(self) -> str:
        return f"{self.get_kind_display().lower()} {self.pk} of {self.entity}"

    @property
    def bytes_per_second(self) -> float | None:
        """How fast a test study came; None if it was over too soon to tell."""
        return self.size * 1000 / self.elapsed_ms if self.elapsed_ms and self.elapsed_ms >= 100 else None

    def scope(self) -> Scope:
        return self.entity.scope()
