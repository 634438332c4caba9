"""The register of checks. A new check is one function in a file here, and one line below.

A series check looks at a series and the rule it was matched to; a timepoint check looks at the delivery as
a whole. Both are pure and yield findings, a passing one included, so that the analyst sees what was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from imaging.quality.checks import (
    duplicates,
    modality,
    orientation,
    required_series,
    same_patient,
    slice_count,
    slice_thickness,
    spacing,
    visit_window,
)
from imaging.quality.delivery import Delivery
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding
from imaging.quality.rules import SeriesRule

SeriesCheck = Callable[[SeriesFacts, SeriesRule], Iterable[Finding]]
TimepointCheck = Callable[[Delivery], Iterable[Finding]]

TIMEPOINT_CHECKS: tuple[TimepointCheck, ...] = (
    required_series.check,
    modality.check,
    visit_window.check,
    duplicates.check,
    same_patient.check,
)

SERIES_CHECKS: tuple[SeriesCheck, ...] = (
    slice_thickness.check,
    spacing.check_steps,
    spacing.check_gap,
    slice_count.check,
    orientation.check_plane,
    orientation.check_patient,
)
