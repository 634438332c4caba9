"""Progression-free survival and duration of response of one subject, with their censoring rules.

The defaults are Table A of FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics (2018),
Appendix 3: no baseline, a new therapy before the event and an event after missed visits are censored. A trial that
counts every event, as EMA's guideline on anticancer medicines asks of the primary analysis, switches them off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .base import Criteria
from .results import DatedResponse, Step

_NOT_EVALUABLE = "NE"


@dataclass(frozen=True, slots=True)
class Censoring:
    """Which situations end the observation before an event.

    Attributes
    ----------
    missed_visit_limit_days
        An event later than this many days after the last evaluable timepoint (or after the start) is censored
        there; None: never. The schedule says how many days two missed visits are.
    new_therapy
        A new anticancer therapy that begins before the event censors.
    no_baseline
        Without an evaluable baseline the subject is censored on the first day.
    """

    missed_visit_limit_days: int | None = None
    new_therapy: bool = True
    no_baseline: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of a subject, in study days; `start_day` is start of treatment or randomisation."""

    responses: Sequence[DatedResponse]
    start_day: int = 0
    baseline_evaluable: bool = True
    death_day: int | None = None
    new_therapy_day: int | None = None


@dataclass(frozen=True, slots=True)
class Duration:
    """A time to event.

    Attributes
    ----------
    event
        False: censored.
    days
        From the start to the end, both counted: end minus start plus one (ADaM).
    """

    event: bool
    start_day: int
    end_day: int
    trace: tuple[Step, ...]

    @property
    def days(self) -> int:
        """Days, the first and the last counted."""
        return self.end_day - self.start_day + 1


def progression_free_survival(pack: Criteria[Any], seen: Observation, censoring: Censoring) -> Duration:
    """Return the time from the start to progression or death, whichever is first.

    Without either it ends at the last evaluable timepoint, or at the start where there is none.

    Parameters
    ----------
    pack
        The criteria; they say on which day the responses date progression.
    seen
        Responses in any order, the death and a new therapy.
    censoring
        The trial's rules.
    """
    visits = sorted(seen.responses, key=lambda visit: visit.study_day)
    progression = pack.progression_day(visits)
    days = [day for day in (progression, seen.death_day) if day is not None]
    event = min(days, default=None)

    def last_evaluable(until: int | None) -> int:
        known = [
            visit.study_day
            for visit in visits
            if visit.overall != _NOT_EVALUABLE
            and (until is None or visit.study_day <= until)
            and (event is None or visit.study_day <= event)
            and visit.study_day != progression
        ]
        return max([seen.start_day, *known])

    therapy = seen.new_therapy_day if censoring.new_therapy else None
    limit = censoring.missed_visit_limit_days
    if censoring.no_baseline and not seen.baseline_evaluable:
        rule, happened, end = "censored_without_baseline", False, seen.start_day
    elif therapy is not None and (event is None or therapy < event):
        rule, happened, end = "censored_before_new_therapy", False, last_evaluable(therapy)
    elif event is None:
        rule, happened, end = "censored_without_event", False, last_evaluable(None)
    elif limit is not None and event - last_evaluable(None) > limit:
        rule, happened, end = "censored_before_missed_visits", False, last_evaluable(None)
    else:
        rule, happened, end = "progression" if event == progression else "death", True, event
    inputs = {
        "start": f"day {seen.start_day}",
        "progression": _day(progression),
        "death": _day(seen.death_day),
        "new therapy": _day(seen.new_therapy_day),
        "missed visit limit": "none" if limit is None else f"{limit} days",
    }
    step = Step(rule, "FDA 2018, Appendix 3, Table A", inputs, f"{'event' if happened else 'censored'} on day {end}")
    return Duration(happened, seen.start_day, end, (step,))


def duration_of_response(
    pack: Criteria[Any], seen: Observation, survival: Duration, censoring: Censoring
) -> Duration | None:
    """Return the time from the first CR or PR to the end of progression-free survival; None for a non-responder.

    Where the pack asks for confirmation it begins with the first of the two confirming timepoints (RECIST 1.1 §4.6.2).
    Timepoints after the end, and after a new therapy that censors, are no response.
    """
    if censoring.no_baseline and not seen.baseline_evaluable:
        return None
    before = [visit for visit in seen.responses if visit.study_day <= survival.end_day]
    best = pack.best_overall_response(before, seen.start_day)
    if best.first_response_day is None:
        return None
    step = Step(
        "duration_of_response",
        "RECIST 1.1 §4.6.2",
        {"first response": _day(best.first_response_day), "best overall response": best.response},
        f"{'event' if survival.event else 'censored'} on day {survival.end_day}",
    )
    return Duration(survival.event, best.first_response_day, survival.end_day, (step,))


def _day(day: int | None) -> str:
    return "none" if day is None else f"day {day}"
