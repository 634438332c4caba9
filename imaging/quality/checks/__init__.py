"""The register of checks. A new check is one file here, and one line below.

A series check looks at a series and at what the charter asks of it; a timepoint check looks at the delivery as a whole.
Both are pure: `check` yields findings, a passing one included, so that the analyst sees what was looked at, and `FINDS`
declares each finding's code with how grave it is unless the charter says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from imaging.quality.checks import (
    b_values,
    blank,
    body_part,
    contrast,
    duplicates,
    echo_times,
    field_of_view,
    field_strength,
    gap,
    geometry_before,
    kernel,
    modality,
    motion,
    noise,
    orientation,
    patient_position,
    pixel_size,
    pixel_values,
    required_series,
    same_looks,
    same_patient,
    same_person,
    slice_count,
    slice_thickness,
    spacing,
    tracer,
    tube_voltage,
    visit_window,
)
from imaging.quality.delivery import Delivery
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms


class SeriesCheck(Protocol):
    """A file of this folder that checks a series."""

    @property
    def FINDS(self) -> Mapping[str, Severity]:
        """How grave each of its findings is."""

    def check(self, item: SeriesFacts, rule: SeriesTerms, /) -> Iterable[Finding]:
        """Yield what is found in a series."""


class TimepointCheck(Protocol):
    """A file of this folder that checks a delivery."""

    @property
    def FINDS(self) -> Mapping[str, Severity]:
        """How grave each of its findings is."""

    def check(self, delivery: Delivery, /) -> Iterable[Finding]:
        """Yield what is found in a delivery."""


TIMEPOINT_CHECKS: tuple[TimepointCheck, ...] = (
    required_series,
    modality,
    visit_window,
    duplicates,
    same_patient,
    same_person,
    same_looks,
    geometry_before,
)

SERIES_CHECKS: tuple[SeriesCheck, ...] = (
    slice_thickness,
    spacing,
    gap,
    slice_count,
    pixel_size,
    orientation,
    patient_position,
    body_part,
    contrast,
    kernel,
    tube_voltage,
    field_strength,
    echo_times,
    b_values,
    tracer,
    blank,
    pixel_values,
    field_of_view,
    motion,
    noise,
)

_EVERY: tuple[SeriesCheck | TimepointCheck, ...] = (*TIMEPOINT_CHECKS, *SERIES_CHECKS)
#: How grave each finding is unless the charter says otherwise.
FINDS: Mapping[str, Severity] = {code: severity for check in _EVERY for code, severity in check.FINDS.items()}
