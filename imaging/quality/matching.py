"""Which series of a delivery fulfils which of the charter's series rules."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.quality.facts import SeriesFacts
from trials.series_terms import SeriesTerms


def match_series(series: Sequence[SeriesFacts], rules: Sequence[SeriesTerms]) -> dict[str, SeriesFacts]:
    """Best series for each rule, each series used once.

    Only the modality must agree: a series of the wrong orientation or thickness is still the one the site
    meant, and its finding says what is wrong with it. Among candidates, orientation and body part count
    most, then limits kept, then the number of slices; equal candidates go by UID. Required rules are
    served first.

    Returns
    -------
    dict
        Rule label to series, for the rules that found one.
    """
    taken: dict[int, int] = {}
    # Rules of one modality compete for the same series, so taking the best pair first also fills the most rules.
    pairs = sorted(
        (not rule.required, -_likeness(item, rule), -item.n_slices, item.key, n, choice)
        for n, rule in enumerate(rules)
        for choice, item in enumerate(series)
        if item.modality == rule.modality
    )
    for *_, n, choice in pairs:
        if n not in taken and choice not in taken.values():
            taken[n] = choice
    return {rules[n].label: series[choice] for n, choice in sorted(taken.items())}


def _likeness(item: SeriesFacts, rule: SeriesTerms) -> int:
    score = 0
    if rule.orientation and item.orientation == rule.orientation:
        score += 8
    if rule.body_part and item.body_part.upper() == rule.body_part:
        score += 4
    if rule.max_slice_thickness_mm is None or (item.slice_thickness_mm or 0) <= rule.max_slice_thickness_mm:
        score += 2
    if item.n_slices >= (rule.min_instances or 1):
        score += 2
    return score
