"""Are the slices evenly spaced, without missing ones?"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from imaging.dicom.series import GAP_FACTOR
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "spacing_even": Severity.PASS,
    "slices_missing": Severity.BLOCK,
    "spacing_uneven": Severity.WARN,
}

_ROUNDING_MM = 0.01


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
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
            f"About {missing} {'slice is' if missing == 1 else 'slices are'} missing in {len(wide)} "
            f"{'place' if len(wide) == 1 else 'places'}; the largest step is {max(wide):g} mm instead of "
            f"{nominal:g} mm. Send the whole series again.",
            {**evidence, "missing_slices": missing, "places": len(wide), "slice": _before(item, max(wide))},
        )
    elif abs(furthest - nominal) > rule.spacing_tolerance * nominal + _ROUNDING_MM:
        yield Finding(
            "spacing_uneven",
            f"The steps between slices are uneven: {furthest:g} mm beside {nominal:g} mm. Check the reconstruction.",
            {**evidence, "slice": _before(item, furthest)},
        )
    else:
        yield Finding("spacing_even", f"The slices are evenly spaced at {nominal:g} mm, and none is missing.", evidence)


def _before(item: SeriesFacts, step: float) -> int:
    """The slice before a step."""
    return item.spacing_mm.index(step) + 1
