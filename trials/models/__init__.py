"""The protocol's records."""

from .access_review import AccessReview
from .calendar import CalendarAddress
from .charter import ImagingCharter
from .emergency_access import EmergencyAccess
from .form import DeclaredForm, SiteForm
from .freeze import Freeze, FrozenSubject, content_of_freeze
from .lock_proposal import LockProposal
from .membership import BLINDED, SECOND_FACTOR_ROLES, SITE_AWARE, Membership, Role, SiteGrant, TrialGrant
from .qualification import SiteAnswers, SiteQualification, TrainingAcknowledgement, UploadTest
from .query import Query, QueryMessage
from .redaction import RedactedEvent, Redaction
from .role_training import RoleTraining, TrainingRecord
from .scanner import Device, Scanner, ScannerNotice
from .site import DAYS_OF_TOKEN, ApplicationEntity, Site, SiteToken
from .subject import Subject, Timepoint
from .trail_review import TrailReview
from .trial import Trial
from .unlock import Unlock
from .webhook import Delivery, Webhook

__all__ = [
    "BLINDED",
    "DAYS_OF_TOKEN",
    "SECOND_FACTOR_ROLES",
    "SITE_AWARE",
    "AccessReview",
    "ApplicationEntity",
    "CalendarAddress",
    "DeclaredForm",
    "Delivery",
    "Device",
    "EmergencyAccess",
    "Freeze",
    "FrozenSubject",
    "ImagingCharter",
    "LockProposal",
    "Membership",
    "Query",
    "QueryMessage",
    "RedactedEvent",
    "Redaction",
    "Role",
    "RoleTraining",
    "Scanner",
    "ScannerNotice",
    "Site",
    "SiteAnswers",
    "SiteForm",
    "SiteGrant",
    "SiteQualification",
    "SiteToken",
    "Subject",
    "Timepoint",
    "TrailReview",
    "TrainingAcknowledgement",
    "TrainingRecord",
    "Trial",
    "TrialGrant",
    "Unlock",
    "UploadTest",
    "Webhook",
    "content_of_freeze",
]
