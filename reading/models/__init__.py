"""The records of reading."""

from .adjudication import Adjudication
from .assessment import Assessment, Lesion, Measurement
from .reopening import Reopening, SignedVersion
from .task import ReadTask

__all__ = ["Adjudication", "Assessment", "Lesion", "Measurement", "ReadTask", "Reopening", "SignedVersion"]
