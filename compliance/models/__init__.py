"""The ground's records: people, what happened, what was signed, what is to be done, what was told, what left."""

from .audit import AuditEvent
from .base import Record
from .chain import AuditHead, AuditLink
from .checkpoint import AuditCheckpoint
from .export import Export
from .factor import Factor, RecoveryCode
from .grant import Grant
from .identity import FreshSignIn, ProviderIdentity
from .job import Job
from .mail import Mail
from .once import AnsweredRequest
from .signature import PolicyAcceptance, Signature, Supersession
from .token import ApiToken, ExpiringToken
from .user import User

__all__ = [
    "AnsweredRequest",
    "ApiToken",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "ExpiringToken",
    "Export",
    "Factor",
    "FreshSignIn",
    "Grant",
    "Job",
    "Mail",
    "PolicyAcceptance",
    "ProviderIdentity",
    "Record",
    "RecoveryCode",
    "Signature",
    "Supersession",
    "User",
]
