"""The ground's records: people, what happened, what was signed, what is to be done, what left."""

from .audit import AuditEvent
from .base import Record
from .export import Export
from .job import Job
from .signature import Signature
from .user import User

__all__ = ["AuditEvent", "Export", "Job", "Record", "Signature", "User"]
