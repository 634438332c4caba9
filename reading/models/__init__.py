"""The records of reading."""

from .adjudication import Adjudication
from .agreement import AgreementReport
from .assessment import Assessment, Lesion, Measurement
from .endpoints import EndpointReport
from .link import LinkVersion
from .mark import Mark, MarkVersion
from .reopening import Reopening, SignedVersion
from .segment import Segment, SegmentVersion
from .task import ReadTask
from .token import ReadToken

__all__ = [
    "Adjudication",
    "AgreementReport",
    "Assessment",
    "EndpointReport",
    "Lesion",
    "LinkVersion",
    "Mark",
    "MarkVersion",
    "Measurement",
    "ReadTask",
    "ReadToken",
    "Reopening",
    "Segment",
    "SegmentVersion",
    "SignedVersion",
]
