"""Did the patient lie as the charter allows?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "patient_position_kept": Severity.PASS,
    "patient_position_differs": Severity.WARN,
    "patient_position_unknown": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn when the patient lay in another position than the charter allows."""
    if not rule.patient_positions:
        return
    allowed = ", ".join(rule.patient_positions)
    if not item.patient_position:
        yield Finding(
            "patient_position_unknown",
            f"The patient's position is not stated, or changes; the charter allows {allowed}. Ask at the scanner.",
        )
    elif item.patient_position in rule.patient_positions:
        yield Finding("patient_position_kept", f"The patient's position is one that the charter allows ({allowed}).")
    else:
        yield Finding(
            "patient_position_differs",
            f"The patient's position is none that the charter allows ({allowed}). Check left and right.",
        )
