from __future__ import annotations

from django.conf import settings
from django.db import models

from compliance.models import Record
from compliance.models.base import Scope
from trials.models.site import Site


class CalendarAddress(Record):
    """The private address at which a person's calendar program finds the visits that a site expects.

    Only the digest of its secret is kept; the address is shown once. It opens as long as the person may enrol at the
    site, and can be ended at any time.
    """

    audit_exclude = frozenset({"secret_sha256"})

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="calendar_addresses")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    secret_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "calendar addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["site", "person"], condition=models.Q(revoked_at=None), name="calendar_address_one_each"
            )
        ]

    def __str__(self) -> str:
        return f"calendar address of {self.person} for {self.site.code}"

    def scope(self) -> Scope:
        return Scope(self.site.trial_id, self.site_id)
