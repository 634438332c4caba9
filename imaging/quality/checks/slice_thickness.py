"""Are the slices thin enough? (RECIST 1.1 §3.1.1 and appendix II: 5 mm or less.)"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "slice_thickness_kept": Severity.PASS,
    "slices_too_thick": Severity.BLOCK,
    "slice_thickness_unknown": Severity.WARN,
}

#: Exporters round; 5.00001 mm is 5 mm.
_ROUNDING_MM = 0.005


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block slices thicker than the charter allows; warn when the header does not say."""
    limit, found = rule.max_slice_thickness_mm, item.slice_thickness_mm
    if limit is None:
        return
    if found is None:
        yield Finding(
            "slice_thickness_unknown",
            f"The slice thickness is not stated; the charter allows at most {limit:g} mm. Look it up at the scanner.",
            {"limit_mm": limit},
        )
        return
    thick = found > limit + _ROUNDING_MM
    yield Finding(
        "slices_too_thick" if thick else "slice_thickness_kept",
        f"The slices are {found:g} mm thick; the charter allows at most {limit:g} mm."
        + (" Send a thinner reconstruction." if thick else ""),
        {"slice_thickness_mm": found, "limit_mm": limit},
    )
