"""Are all b-values there that the charter asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.limits import listed
from trials.series_terms import SeriesTerms

FINDS = {
    "b_values_kept": Severity.PASS,
    "b_values_missing": Severity.BLOCK,
    "b_values_unknown": Severity.WARN,
}

#: Scanners round, and count the imaging gradients; s/mm².
_TOLERANCE = 10.0


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block a diffusion series that lacks one."""
    if not rule.b_values:
        return
    asked = listed(rule.b_values)
    if not item.b_values:
        yield Finding("b_values_unknown", f"No b-value is stated; the charter asks for {asked} s/mm². Ask the site.")
        return
    missing = [b for b in rule.b_values if all(abs(b - one) > _TOLERANCE for one in item.b_values)]
    yield Finding(
        "b_values_missing" if missing else "b_values_kept",
        f"The b-values are {listed(item.b_values)} s/mm²; the charter asks for {asked}."
        + (f" Send the images of {listed(missing)} as well." if missing else ""),
        {"b_values": len(item.b_values), "missing": len(missing)},
    )
