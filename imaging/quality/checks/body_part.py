"""Is it the part of the body that the charter asks for, and all of it?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "body_part_kept": Severity.PASS,
    "body_part_differs": Severity.WARN,
    "body_part_unknown": Severity.INFO,
    "extent_kept": Severity.PASS,
    "extent_too_short": Severity.BLOCK,
    "extent_unusually_short": Severity.WARN,
}

#: What the smallest adults need at least, axial, in mm; for charters that name a body part and no extent.
USUAL_EXTENT_MM = {
    "HEAD": 110.0,
    "BRAIN": 110.0,
    "NECK": 120.0,
    "CHEST": 200.0,
    "ABDOMEN": 180.0,
    "LIVER": 120.0,
    "PELVIS": 160.0,
    "CHESTABDOMEN": 350.0,
    "ABDOMENPELVIS": 320.0,
    "CHESTABDPELVIS": 480.0,
    "WHOLEBODY": 800.0,
}
#: A rounded position is no missing tissue.
_ROUNDING_MM = 1.0


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn of another body part; block an extent below the charter's, warn below the usual one."""
    if rule.body_part:
        asked, found = rule.body_part.upper(), item.body_part.upper()
        code = "body_part_kept" if asked in found else "body_part_differs" if found else "body_part_unknown"
        said = {
            "body_part_kept": "The header names the body part that the charter asks for",
            "body_part_differs": "The header names another body part than the charter. Check that the series is right;"
            " asked for is",
            "body_part_unknown": "The header names no body part; the charter asks for",
        }[code]
        yield Finding(code, f"{said}: {asked}." if code == "body_part_kept" else f"{said} {asked}.")
    extent = item.extent_mm
    usual = USUAL_EXTENT_MM.get(rule.body_part.upper()) if item.orientation == "axial" else None
    limit = rule.min_coverage_mm or usual
    if limit is None or extent is None:
        return
    if extent >= limit - _ROUNDING_MM:
        code, advice = "extent_kept", ""
    else:
        code = "extent_too_short" if rule.min_coverage_mm else "extent_unusually_short"
        advice = " Check that nothing was cut off, and send the whole series."
    whose = "the charter asks for" if rule.min_coverage_mm else "usual for the body part are at least"
    yield Finding(
        code,
        f"The slices cover {extent:.0f} mm; {whose} {limit:.0f} mm.{advice}",
        {"extent_mm": extent, "limit_mm": limit},
    )
