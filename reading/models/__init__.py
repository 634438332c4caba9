"""The records of reading."""

from .adjudication import Adjudication
from .agreement import AgreementReport
from .assessment import Assessment, Lesion, Measurement
from .dispatch import Dispatch, DispatchPlan
from .draw import Draw
from .endpoints import EndpointReport
from .exclusion import ReaderExclusion
from .handover import Handover
from .link import LinkVersion
from .mark import Mark, MarkVersion
from .pool import PoolMember, ReaderPair
from .qualification import Attempt, CaseRead, CaseReference, QualificationCase
from .real_time import RealTimeRead
from .reopening import Reopening, SignedVersion
from .review import GlobalReview
from .segment import Segment, SegmentVersion
from .task import ReadTask
from .token import ReadToken
from .unblinding import AffectedSubject, Unblinding

__all__ = [
    "Adjudication",
    "AffectedSubject",
    "AgreementReport",
    "Assessment",
    "Attempt",
    "CaseRead",
    "CaseReference",
    "Dispatch",
    "DispatchPlan",
    "Draw",
    "EndpointReport",
    "GlobalReview",
    "Handover",
    "Lesion",
    "LinkVersion",
    "Mark",
    "MarkVersion",
    "Measurement",
    "PoolMember",
    "QualificationCase",
    "ReadTask",
    "ReadToken",
    "ReaderExclusion",
    "ReaderPair",
    "RealTimeRead",
    "Reopening",
    "Segment",
    "SegmentVersion",
    "SignedVersion",
    "Unblinding",
]
