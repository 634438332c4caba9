"""The records of reading."""

from .adjudication import Adjudication
from .assessment import Assessment, Lesion, Measurement
from .mark import Mark, MarkVersion
from .reopening import Reopening, SignedVersion
from .task import ReadTask

__all__ = [
    "Adjudication",
    "Assessment",
    "Lesion",
    "Mark",
    "MarkVersion",
    "Measurement",
    "ReadTask",
    "Reopening",
    "SignedVersion",
]
