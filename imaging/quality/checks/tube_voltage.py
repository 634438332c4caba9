"""Was the tube voltage one that the charter allows?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.limits import listed, outside, words
from trials.series_terms import SeriesTerms

FINDS = {
    "kvp_kept": Severity.PASS,
    "kvp_differs": Severity.WARN,
    "kvp_unknown": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn of another tube voltage: it changes CT numbers, and cannot be repaired afterwards."""
    low, high = rule.min_kvp, rule.max_kvp
    if low is None and high is None:
        return
    allowed = words(low, high, "kV")
    if not item.kvp:
        yield Finding("kvp_unknown", f"The tube voltage is not stated; the charter asks for {allowed}. Ask the site.")
        return
    other = outside(item.kvp, low, high)
    yield Finding(
        "kvp_differs" if other else "kvp_kept",
        f"The tube voltage is {listed(item.kvp)} kV; the charter asks for {allowed}."
        + (" Tell the site for its next scans." if other else ""),
        {"kvp": item.kvp[-1]},
    )
