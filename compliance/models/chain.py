from __future__ import annotations

from django.db import models

from compliance.models.audit import AuditEvent


class AuditLink(models.Model):
    """The place of one event in its trial's chain, and the code that binds it there. Append-only.

    `trial_id` 0 is the chain of events that belong to no trial. `key` names the key of the code; links that the
    chain began with have none.
    """

    event = models.OneToOneField(AuditEvent, primary_key=True, on_delete=models.PROTECT, related_name="link")
    trial_id = models.BigIntegerField()
    sequence = models.BigIntegerField()
    mac = models.CharField(max_length=64)
    key = models.CharField(max_length=16, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["trial_id", "sequence"], name="audit_link_once")]

    def __str__(self) -> str:
        return f"{self.sequence} · {self.short}"

    @property
    def short(self) -> str:
        """The first digits of the code, by which people compare."""
        return self.mac[:12]


class AuditHead(models.Model):
    """The end of a chain: the row that is locked while links are added, so that their numbers have no gap.

    The first `unkeyed` links are of events that were there before the chain was.
    """

    trial_id = models.BigIntegerField(primary_key=True)
    sequence = models.BigIntegerField(default=0)
    mac = models.CharField(max_length=64)
    key = models.CharField(max_length=16, blank=True)
    seal = models.CharField(max_length=64, blank=True)
    unkeyed = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"chain {self.trial_id}: {self.sequence}"
