"""Do the slices, and does the patient, lie as the charter asks?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.rules import SeriesRule


def check_plane(item: SeriesFacts, rule: SeriesRule) -> Iterator[Finding]:
    """Block slices of another orientation; warn when it is not known."""
    if rule.orientation:
        if item.orientation is None:
            yield Finding(
                "orientation_unknown",
                Severity.WARN,
                f"The header does not say how the slices lie; the charter asks for {rule.orientation} ones.",
                item.key,
                rule.label,
            )
        else:
            other = item.orientation != rule.orientation
            yield Finding(
                "orientation_differs" if other else "orientation_kept",
                Severity.BLOCK if other else Severity.PASS,
                f"The slices are {item.orientation}; the charter asks for {rule.orientation} ones."
                + (" Send the series in that orientation." if other else ""),
                item.key,
                rule.label,
            )
    if item.n_slices and item.n_outside_stack:
        yield Finding(
            "several_planes",
            Severity.INFO,
            f"{item.n_outside_stack} images of the series lie in another plane than the rest, as a scout does.",
            item.key,
            rule.label,
            {"images_outside_stack": item.n_outside_stack, "slices": item.n_slices},
        )


def check_patient(item: SeriesFacts, rule: SeriesRule) -> Iterator[Finding]:
    """Warn when the patient lay in another position than the charter allows."""
    if not rule.patient_positions:
        return
    allowed = ", ".join(rule.patient_positions)
    if not item.patient_position:
        yield Finding(
            "patient_position_unknown",
            Severity.WARN,
            f"The patient's position is not stated, or changes; the charter allows {allowed}.",
            item.key,
            rule.label,
        )
    elif item.patient_position in rule.patient_positions:
        yield Finding(
            "patient_position_kept",
            Severity.PASS,
            f"The patient's position is one that the charter allows ({allowed}).",
            item.key,
            rule.label,
        )
    else:
        yield Finding(
            "patient_position_differs",
            Severity.WARN,
            f"The patient's position is none that the charter allows ({allowed}). Check left and right.",
            item.key,
            rule.label,
        )
