"""Checks of what was acquired against what the imaging charter promised: findings, not decisions.

`series_facts` measures, `check_timepoint` compares, a person decides.
"""

from imaging.quality.checking import check_timepoint
from imaging.quality.checks import FINDS
from imaging.quality.delivery import Resemblance, VisitWindow
from imaging.quality.facts import SeriesFacts, facts_of, series_facts
from imaging.quality.findings import Finding, Severity
from imaging.quality.fingerprints import likeness
from imaging.quality.matching import match_series
from imaging.quality.patients import Patients, Sighting, compare_patients

__all__ = [
    "FINDS",
    "Finding",
    "Patients",
    "Resemblance",
    "SeriesFacts",
    "Severity",
    "Sighting",
    "VisitWindow",
    "check_timepoint",
    "compare_patients",
    "facts_of",
    "likeness",
    "match_series",
    "series_facts",
]
