"""The protocol's records."""

from .calendar import CalendarAddress
from .charter import ImagingCharter
from .membership import SITE_AWARE, Membership, Role, SiteGrant, TrialGrant
from .query import Query, QueryMessage
from .site import ApplicationEntity, Site, SiteToken
from .subject import Subject, Timepoint
from .trial import Trial

__all__ = [
    "SITE_AWARE",
    "ApplicationEntity",
    "CalendarAddress",
    "ImagingCharter",
    "Membership",
    "Query",
    "QueryMessage",
    "Role",
    "Site",
    "SiteGrant",
    "SiteToken",
    "Subject",
    "Timepoint",
    "Trial",
    "TrialGrant",
]
