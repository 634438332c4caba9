from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import Q

from compliance.models import Grant, Record
from compliance.models.base import Scope
from trials.models.site import Site
from trials.models.trial import Trial


class Role(models.TextChoices):
    """What a person is in a trial. A site coordinator is one at a site; all others at the whole trial."""

    SITE_COORDINATOR = "site_coordinator", "Site coordinator"
    QC_ANALYST = "qc_analyst", "QC analyst"
    READING_MANAGER = "reading_manager", "Reading manager"
    READER = "reader", "Reader"
    ADJUDICATOR = "adjudicator", "Adjudicator"
    SPONSOR = "sponsor", "Sponsor"
    AUDITOR = "auditor", "Auditor"
    TRIAL_ADMINISTRATOR = "trial_administrator", "Trial administrator"

    @property
    def permission(self) -> str:
        """The object permission that a membership with this role grants."""
        return f"trials.as_{self.value}"


#: Roles that see images or results: an installation that requires a second factor requires it of them.
SECOND_FACTOR_ROLES = frozenset(Role)
#: Roles that see whom the scans come from. Readers, adjudicators and sponsors are not among them.
SITE_AWARE = (Role.SITE_COORDINATOR, Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
#: Roles that are blinded: to whom the scans come from, and to results that are not theirs or not yet out.
BLINDED = (Role.READER, Role.ADJUDICATOR, Role.SPONSOR)


class TrialGrant(Grant):
    """Permissions of a person on a trial, kept for django-guardian with a real foreign key."""

    content_object = models.ForeignKey(Trial, on_delete=models.CASCADE)


class SiteGrant(Grant):
    """Permissions of a person on a site, kept for django-guardian with a real foreign key."""

    content_object = models.ForeignKey(Site, on_delete=models.CASCADE)


class Membership(Record):
    """A role that a person holds in a trial from one moment to another. Ended, never deleted.

    `until` is when it ends by itself; None: when somebody ends it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="memberships")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=24, choices=Role)
    granted_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "trial", "role"],
                condition=models.Q(ended_at=None, site=None),
                name="membership_once_at_trial",
            ),
            models.UniqueConstraint(
                fields=["user", "role", "site"],
                condition=models.Q(ended_at=None),
                name="membership_once_at_site",
            ),
            models.CheckConstraint(
                condition=models.Q(role="site_coordinator", site__isnull=False)
                | (~models.Q(role="site_coordinator") & models.Q(site__isnull=True)),
                name="membership_site_with_coordinator",
            ),
        ]

    @classmethod
    def in_force(cls, at: dt.datetime) -> models.QuerySet[Membership]:
        """Those that open something now: not ended, nor over by their time before the beat has noted it."""
        return cls._default_manager.filter(Q(until=None) | Q(until__gt=at), ended_at=None)

    def __str__(self) -> str:
        return f"{self.user} as {self.get_role_display()} of {self.site or self.trial}"

    def scope(self) -> Scope:
        return Scope(self.trial_id, self.site_id)
