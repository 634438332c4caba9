"""Are repetition time and echo time those that the charter asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.limits import listed, outside, words
from trials.series_terms import SeriesTerms

FINDS = {
    "repetition_time_kept": Severity.PASS,
    "repetition_time_differs": Severity.WARN,
    "repetition_time_unknown": Severity.WARN,
    "echo_time_kept": Severity.PASS,
    "echo_time_differs": Severity.WARN,
    "echo_time_unknown": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn of times outside the charter's limits: they decide what the pictures show."""
    for name, found, low, high in (
        ("repetition time", item.repetition_time_ms, rule.min_repetition_time_ms, rule.max_repetition_time_ms),
        ("echo time", item.echo_time_ms, rule.min_echo_time_ms, rule.max_echo_time_ms),
    ):
        if low is None and high is None:
            continue
        code, allowed = name.replace(" ", "_"), words(low, high, "ms")
        if not found:
            yield Finding(f"{code}_unknown", f"The {name} is not stated; the charter asks for {allowed}. Ask the site.")
            continue
        other = outside(found, low, high)
        yield Finding(
            f"{code}_differs" if other else f"{code}_kept",
            f"The {name} is {listed(found)} ms; the charter asks for {allowed}."
            + (" Check that this is the sequence that was meant." if other else ""),
            {f"{code}_ms": found[-1]},
        )
