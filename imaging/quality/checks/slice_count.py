"""Is the number of slices the one that the charter asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "enough_slices": Severity.PASS,
    "too_few_slices": Severity.BLOCK,
    "too_many_slices": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block a series with fewer slices than the charter asks for; warn of one with more than it allows."""
    # Frames without a place, as in ultrasound, still count.
    slices = item.n_slices or item.n_outside_stack
    said = f"The series has {slices} {'slice' if slices == 1 else 'slices'}; the charter "
    if rule.min_instances is not None:
        few = slices < rule.min_instances
        yield Finding(
            "too_few_slices" if few else "enough_slices",
            f"{said}asks for at least {rule.min_instances}." + (" Send the whole series." if few else ""),
            {"slices": slices, "limit": rule.min_instances},
        )
    if rule.max_instances is not None and slices > rule.max_instances:
        yield Finding(
            "too_many_slices",
            f"{said}allows at most {rule.max_instances}. Check whether series were mixed.",
            {"slices": slices, "limit": rule.max_instances},
        )
