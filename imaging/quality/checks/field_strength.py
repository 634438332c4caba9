"""Was the scanner's field one that the charter allows?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.limits import listed
from trials.series_terms import SeriesTerms

FINDS = {
    "field_strength_kept": Severity.PASS,
    "field_strength_differs": Severity.BLOCK,
    "field_strength_unknown": Severity.WARN,
}

#: A magnet of 3 T may say 2.89.
_TOLERANCE = 0.05


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block another field strength; one within a twentieth of an allowed one is that one."""
    if not rule.field_strengths_t:
        return
    allowed = f"{listed(rule.field_strengths_t)} T"
    if not item.field_strength_t:
        yield Finding(
            "field_strength_unknown", f"The field strength is not stated; the charter asks for {allowed}. Ask the site."
        )
        return
    kept = all(
        any(abs(found - one) <= _TOLERANCE * one for one in rule.field_strengths_t) for found in item.field_strength_t
    )
    yield Finding(
        "field_strength_kept" if kept else "field_strength_differs",
        f"The field strength is {listed(item.field_strength_t)} T; the charter asks for {allowed}."
        + ("" if kept else " The scan has to be repeated on another scanner, or the charter to allow this one."),
        {"field_strength_t": item.field_strength_t[-1]},
    )
