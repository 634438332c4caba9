"""Pairs of readers who differ for a known cause, to see whether it is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from reading.criteria import Criteria
from reading.criteria.discordance import discordant, response_to_sums
from reading.criteria.results import SubjectResponse
from reading.rehearsal.readers import Entries, Manner, depart, history, plain_reading, reading_of
from reading.rehearsal.subjects import Population, TrueSubject, draw_subject, generator_of
from reading.variability.causes import Cause, Discordance, explain

TRIGGERS = ("best_overall_response", "progression_date")
DAYS: Mapping[str, int] = {"BL": 0, "W8": 56, "W16": 112, "W24": 168, "W32": 224}
_EXACT = Manner(precision_percent=0)


def explained_pairs(
    pack: Criteria[Any], cause: Cause, pairs: int, *, seed: str, manner: Manner | None = None
) -> Iterator[Discordance]:
    """Yield what is said of pairs who differ in `TRIGGERS` for one cause and no other.

    A pair is taken when the two agree without the second reader's departure, differ with it, and two exact readers
    would differ by it alone.
    """
    found = 0
    for number in count():
        if found == pairs:
            return
        generator = generator_of(seed, cause, number)
        subject = draw_subject(Population(), len(DAYS), generator)
        first, second = (plain_reading(subject, manner or Manner(), generator) for _ in range(2))
        exact = plain_reading(subject, _EXACT, generator)
        other, exact_other = (
            depart(entries, subject, cause, generator_of(seed, cause, number, "departure"))
            for entries in (second, exact)
        )
        outcome, outcome_of_other = _outcome(pack, first, subject), _outcome(pack, other, subject)
        triggers = discordant(outcome, outcome_of_other, TRIGGERS)
        if not triggers or not _differ(pack, exact, exact_other, subject) or _differ(pack, first, second, subject):
            continue
        found += 1
        codes = tuple(DAYS)
        yield explain(
            reading_of(first, subject, outcome, codes),
            reading_of(other, subject, outcome_of_other, codes),
            {place for trigger in triggers for place in trigger.timepoint_ids},
            response_to_sums(pack),
        )


def _outcome(pack: Criteria[Any], entries: Entries, subject: TrueSubject) -> SubjectResponse:
    return pack.derive_subject(history(entries, subject, DAYS))


def _differ(pack: Criteria[Any], one: Entries, other: Entries, subject: TrueSubject) -> bool:
    return bool(discordant(_outcome(pack, one, subject), _outcome(pack, other, subject), TRIGGERS))
