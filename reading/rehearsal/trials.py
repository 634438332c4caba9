"""A trial read by simulated readers: how often they would have to be adjudicated, over what, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import betabinom

from compliance.errors import HouseError
from reading.criteria import Criteria
from reading.criteria.discordance import discordant, response_to_sums
from reading.criteria.recist11 import Recist11
from reading.rehearsal.readers import Manner, history, read, reading_of
from reading.rehearsal.subjects import Population, draw_subject, generator_of
from reading.variability import Interval, Proportion, Undefined, proportion_ci
from reading.variability.causes import Cause, explain


class NotRehearsed(HouseError):
    """The simulation does not know how to read by these criteria, or was asked for nothing."""

    code = "not_rehearsed"
    status = 422


@dataclass(frozen=True, slots=True)
class Plan:
    """What a charter asks of two readers, how they read, and whom.

    Attributes
    ----------
    days
        Study day of each visit by its code, the baseline first.
    triggers, date_window_days, by_timepoint
        When the two count as discordant, and whether timepoints are adjudicated one by one.
    """

    pack: Criteria[Any]
    days: Mapping[str, int]
    triggers: tuple[str, ...]
    manners: tuple[Manner, Manner]
    date_window_days: int = 0
    by_timepoint: bool = False
    population: Population = field(default_factory=Population)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of simulated cases; all of it is simulated.

    Attributes
    ----------
    rate
        Share of cases that would be adjudicated, with the interval that the number of simulated cases leaves open.
    expected
        Between which shares 95 of 100 trials of `subjects` subjects would lie.
    by_trigger, by_cause
        Of how many cases.
    """

    cases: int
    subjects: int
    rate: Proportion
    expected: Interval
    by_trigger: Mapping[str, int]
    by_cause: Mapping[Cause, int]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, marked as simulated."""
        return {
            "simulated": True,
            "cases": self.cases,
            "adjudication_rate": self.rate.to_json(),
            "trial_of": self.subjects,
            "expected": list(self.expected),
            "by_trigger": dict(self.by_trigger),
            "by_cause": {str(cause): n for cause, n in self.by_cause.items()},
        }


def rehearse(plan: Plan, *, cases: int, subjects: int, seed: str) -> Rehearsal:
    """Let two simulated readers read cases, and count where they would be adjudicated.

    Cases are drawn independently, so that a trial's count is binomial; with the rate known from `cases` of them it is
    beta-binomial (prior of Jeffreys).

    Parameters
    ----------
    cases, subjects
        Cases to simulate, and subjects of the trial for which `expected` is said.
    seed
        The same seed gives the same cases.

    Raises
    ------
    NotRehearsed
        The criteria do not go by diameters of lesions, there is no visit to follow, or no case is asked for.
    """
    if not isinstance(plan.pack, Recist11):
        raise NotRehearsed(f"Reading by {plan.pack.identifier} is not simulated yet; RECIST 1.1 and mRECIST are.")
    if len(plan.days) < 2:
        raise NotRehearsed("The schedule has no visit after the baseline, so there is no response to differ in.")
    by_trigger, by_cause, adjudicated = Counter[str](), Counter[Cause](), 0
    for number in range(cases):
        triggers, cause = _case(plan, seed, number)
        adjudicated += bool(triggers)
        by_trigger.update(triggers)
        by_cause.update([cause] if cause else [])
    rate = proportion_ci(adjudicated, cases, method="wilson")
    if isinstance(rate, Undefined) or subjects < 1:
        raise NotRehearsed("Nothing was simulated: ask for at least one case, and for a trial of one subject or more.")
    counts = betabinom(subjects, adjudicated + 0.5, cases - adjudicated + 0.5)
    low, high = (float(counts.ppf(share)) / subjects for share in (0.025, 0.975))
    return Rehearsal(
        cases,
        subjects,
        rate,
        (low, high),
        {name: by_trigger[name] for name in plan.triggers},
        {cause: by_cause[cause] for cause in Cause if by_cause[cause]},
    )


def _case(plan: Plan, seed: str, number: int) -> tuple[tuple[str, ...], Cause | None]:
    generator = generator_of(seed, number)
    subject = draw_subject(plan.population, len(plan.days), generator)
    entries = [read(subject, manner, generator) for manner in plan.manners]
    outcomes = [plan.pack.derive_subject(history(one, subject, plan.days)) for one in entries]
    names = ("overall_response",) if plan.by_timepoint else plan.triggers
    fired = discordant(outcomes[0], outcomes[1], names, plan.date_window_days)
    if not fired:
        return (), None
    codes = tuple(plan.days)
    first, second = (reading_of(one, subject, outcome, codes) for one, outcome in zip(entries, outcomes, strict=True))
    places = {place for trigger in fired for place in trigger.timepoint_ids}
    cause = explain(first, second, places, response_to_sums(plan.pack)).cause
    return tuple(trigger.name for trigger in fired), cause
