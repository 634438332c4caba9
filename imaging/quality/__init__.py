"""Checks of what was acquired against what the imaging charter promised: findings, not decisions.

`series_facts` measures, `check_timepoint` compares, a person decides.
"""

from imaging.quality.checking import check_timepoint
from imaging.quality.facts import SeriesFacts, series_facts
from imaging.quality.findings import Finding, Severity
from imaging.quality.matching import match_series
from imaging.quality.patients import Patients, Sighting, compare_patients
from imaging.quality.rules import InvalidSeriesRule, SeriesRule, VisitWindow

__all__ = [
    "Finding",
    "InvalidSeriesRule",
    "Patients",
    "SeriesFacts",
    "SeriesRule",
    "Severity",
    "Sighting",
    "VisitWindow",
    "check_timepoint",
    "compare_patients",
    "match_series",
    "series_facts",
]
