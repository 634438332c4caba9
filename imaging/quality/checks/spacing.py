"""Are the slices evenly spaced, without missing ones and without unseen tissue between them?"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from imaging.dicom.series import GAP_FACTOR
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.rules import SeriesRule

_ROUNDING_MM = 0.01


def check_steps(item: SeriesFacts, rule: SeriesRule) -> Iterator[Finding]:
    """Block missing slices; warn of uneven steps beyond the rule's tolerance."""
    if not item.spacing_mm:
        return
    nominal = statistics.median(item.spacing_mm)
    wide = [step for step in item.spacing_mm if step > GAP_FACTOR * nominal]
    furthest = max(item.spacing_mm, key=lambda step: abs(step - nominal))
    evidence = {
        "nominal_spacing_mm": nominal,
        "smallest_step_mm": min(item.spacing_mm),
        "largest_step_mm": max(item.spacing_mm),
    }
    if wide:
        missing = sum(max(1, round(step / nominal) - 1) for step in wide)
        yield Finding(
            "slices_missing",
            Severity.BLOCK,
            f"About {missing} {'slice is' if missing == 1 else 'slices are'} missing in {len(wide)} "
            f"{'place' if len(wide) == 1 else 'places'}; the largest step is {max(wide):g} mm instead of "
            f"{nominal:g} mm. Send the whole series again.",
            item.key,
            rule.label,
            {**evidence, "missing_slices": missing, "places": len(wide)},
        )
    elif abs(furthest - nominal) > rule.spacing_tolerance * nominal + _ROUNDING_MM:
        yield Finding(
            "spacing_uneven",
            Severity.WARN,
            f"The steps between slices are uneven: {furthest:g} mm beside {nominal:g} mm. Check the reconstruction.",
            item.key,
            rule.label,
            evidence,
        )
    else:
        yield Finding(
            "spacing_even",
            Severity.PASS,
            f"The slices are evenly spaced at {nominal:g} mm, and none is missing.",
            item.key,
            rule.label,
            evidence,
        )


def check_gap(item: SeriesFacts, rule: SeriesRule) -> Iterator[Finding]:
    """Block when more of the body lies unseen between slices than the charter allows.

    The usual step counts here, not single missing slices, which have their own finding.
    """
    if rule.max_gap_mm is None or not item.spacing_mm or item.slice_thickness_mm is None:
        return
    gap = statistics.median(item.spacing_mm) - item.slice_thickness_mm
    unseen = round(max(gap, 0.0), 3)
    wide = gap > rule.max_gap_mm + _ROUNDING_MM
    yield Finding(
        "gap_too_wide" if wide else "gap_kept",
        Severity.BLOCK if wide else Severity.PASS,
        f"Between neighbouring slices {unseen:g} mm are not imaged; the charter allows {rule.max_gap_mm:g} mm."
        + (" Send a contiguous reconstruction." if wide else ""),
        item.key,
        rule.label,
        {"gap_mm": unseen, "limit_mm": rule.max_gap_mm, "slice_thickness_mm": item.slice_thickness_mm},
    )
