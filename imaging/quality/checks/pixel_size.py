"""Are the pixels small enough?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "pixel_size_kept": Severity.PASS,
    "pixels_too_large": Severity.WARN,
    "pixel_size_unknown": Severity.WARN,
}

_ROUNDING_MM = 0.005


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn of pixels larger than the charter allows."""
    limit, found = rule.max_pixel_spacing_mm, item.pixel_spacing_mm
    if limit is None:
        return
    if found is None:
        yield Finding(
            "pixel_size_unknown",
            f"The size of a pixel is not stated; the charter allows at most {limit:g} mm. Look it up at the scanner.",
            {"limit_mm": limit},
        )
        return
    large = found > limit + _ROUNDING_MM
    yield Finding(
        "pixels_too_large" if large else "pixel_size_kept",
        f"A pixel is {found:.3g} mm wide; the charter allows at most {limit:g} mm."
        + (" Send a reconstruction with a smaller field of view or a larger matrix." if large else ""),
        {"pixel_spacing_mm": found, "limit_mm": limit},
    )
