"""Do neighbouring slices leave tissue unseen, or overlap more than the charter allows?"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "gap_kept": Severity.PASS,
    "gap_too_wide": Severity.BLOCK,
    "overlap_kept": Severity.PASS,
    "overlap_too_large": Severity.WARN,
}

_ROUNDING_MM = 0.01


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block unseen tissue between slices, warn of overlaps.

    The usual step counts here, not single missing slices, which have their own finding.
    """
    if not item.spacing_mm or item.slice_thickness_mm is None:
        return
    gap = statistics.median(item.spacing_mm) - item.slice_thickness_mm
    if (limit := rule.max_gap_mm) is not None:
        unseen, wide = round(max(gap, 0.0), 3), gap > limit + _ROUNDING_MM
        yield Finding(
            "gap_too_wide" if wide else "gap_kept",
            f"Between neighbouring slices {unseen:g} mm are not imaged; the charter allows {limit:g} mm."
            + (" Send a contiguous reconstruction." if wide else ""),
            {"gap_mm": unseen, "limit_mm": limit, "slice_thickness_mm": item.slice_thickness_mm},
        )
    if (limit := rule.max_overlap_mm) is not None:
        twice, large = round(max(-gap, 0.0), 3), -gap > limit + _ROUNDING_MM
        yield Finding(
            "overlap_too_large" if large else "overlap_kept",
            f"Neighbouring slices overlap by {twice:g} mm; the charter allows {limit:g} mm."
            + (" Send a reconstruction with the interval of the charter." if large else ""),
            {"overlap_mm": twice, "limit_mm": limit, "slice_thickness_mm": item.slice_thickness_mm},
        )
