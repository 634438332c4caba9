"""Are there enough slices to cover what the charter asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.rules import SeriesRule


def check(item: SeriesFacts, rule: SeriesRule) -> Iterator[Finding]:
    """Block a series with fewer slices than the charter asks for."""
    if rule.min_instances is None:
        return
    # Frames without a place, as in ultrasound, still count.
    slices = item.n_slices or item.n_outside_stack
    few = slices < rule.min_instances
    yield Finding(
        "too_few_slices" if few else "enough_slices",
        Severity.BLOCK if few else Severity.PASS,
        f"The series has {slices} {'slice' if slices == 1 else 'slices'}; the charter asks for at least "
        f"{rule.min_instances}." + (" Send the whole series." if few else ""),
        item.key,
        rule.label,
        {"slices": slices, "limit": rule.min_instances},
    )
