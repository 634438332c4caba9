"""Times to event of a locked trial, as they are tabulated: what ended each, or why it was censored, and on which day.

Two rules of censoring stand side by side. *Every event* counts each progression, as the Kaplan-Meier figures of the
report do. *Missed visits* is FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics (2007, 2018),
Appendix 3, Table A, as far as images tell: a progression after more than one missed visit is censored at the last
evaluable timepoint before them. Without an evaluable baseline no response can be told, and both end on day 1. Deaths
and new treatments, which both the guidance and a protocol know, are not known to the core lab: no row says DEATH, and
none is censored for a new therapy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from reading.exports.endpoint_results import Course, Visit, courses_of, endpoints, not_evaluable
from reading.exports.locked import LockedResult, LockedSubject, LockedTrial
from reading.variability import Undefined, proportion_ci

FREE, FREE_BY_FDA, LASTING, LASTING_BY_FDA = "PFS", "PFSFDA", "DOR", "DORFDA"
#: Each parameter, its words, and what is counted of it.
PARAMETERS = {
    FREE: "Progression-Free Survival by Imaging, Every Event (days)",
    FREE_BY_FDA: "Progression-Free Survival by Imaging, Missed Visits Censored (days)",
    LASTING: "Duration of Response by Imaging, Every Event (days)",
    LASTING_BY_FDA: "Duration of Response by Imaging, Missed Visits Censored (days)",
}
PROGRESSED, UNTIL_LAST, NOTHING_READ, AFTER_MISSED = 0, 1, 2, 3
#: CNSR, with EVNTDESC and CNSDTDSC as ADTTE has them.
ENDS = {
    PROGRESSED: ("PROGRESSION BY IMAGING", ""),
    UNTIL_LAST: ("NO PROGRESSION SEEN", "LAST EVALUABLE TIMEPOINT"),
    NOTHING_READ: ("NO EVALUABLE TIMEPOINT AFTER DAY 1", "DAY 1"),
    AFTER_MISSED: ("PROGRESSION AFTER MORE THAN ONE MISSED VISIT", "LAST EVALUABLE TIMEPOINT BEFORE THE MISSED VISITS"),
}
ORR = "ORR"
#: More missed or not evaluable visits than this before a progression censor it.
MOST_MISSED = 1


@dataclass(frozen=True, slots=True)
class TimeToEvent:
    """One time of one subject by one result. Days are study days; `timepoint` is where it ends, empty for day 1."""

    subject: LockedSubject
    result: LockedResult
    parameter: str
    start_day: int
    end_day: int
    censored: int
    timepoint: str

    @property
    def days(self) -> int:
        """Days, the first and the last counted (ADaM)."""
        return max(self.end_day - self.start_day + 1, 1)

    def on(self, day: int) -> dt.date | None:
        """Return the shifted date of a study day."""
        first = self.subject.shifted_day_1
        return None if first is None else first + dt.timedelta(days=day - 1 if day > 0 else day)


def times(trial: LockedTrial) -> Iterator[TimeToEvent]:
    """Give every time of a locked trial: of each result of each subject, in the order of the parameters."""
    unknown = not_evaluable(trial)
    for subject in trial.subjects:
        for result, course in courses_of(trial, subject):
            last = _last_evaluable(course, unknown)
            every, by_fda = _end(course, last), _end_by_fda(subject, course, last)
            yield TimeToEvent(subject, result, FREE, 1, *every)
            yield TimeToEvent(subject, result, FREE_BY_FDA, 1, *by_fda)
            if course.response_day is not None:
                yield TimeToEvent(subject, result, LASTING, course.response_day, *every)
                yield TimeToEvent(subject, result, LASTING_BY_FDA, course.response_day, *by_fda)


def _end(course: Course, last: Visit | None) -> tuple[int, int, str]:
    """Return day, code of censoring and timepoint of the end where every progression counts."""
    if course.progression_day is not None:
        return course.free_days, PROGRESSED, course.visits[-1].code
    return (last.day, UNTIL_LAST, last.code) if last else (1, NOTHING_READ, "")


def _end_by_fda(subject: LockedSubject, course: Course, last: Visit | None) -> tuple[int, int, str]:
    """Return the same where a progression after more than one missed visit does not count (FDA, Table A)."""
    if course.progression_day is None:
        return _end(course, last)
    places = {timepoint.code: place for place, timepoint in enumerate(subject.timepoints)}
    between = subject.timepoints[places[last.code] + 1 if last else 1 : places[course.visits[-1].code]]
    if sum(not timepoint.unscheduled for timepoint in between) <= MOST_MISSED:
        return _end(course, last)
    return (last.day, AFTER_MISSED, last.code) if last else (1, AFTER_MISSED, "")


def _last_evaluable(course: Course, unknown: set[str]) -> Visit | None:
    """Return the last visit after day 1 without progression whose response could be told."""
    before = course.visits[:-1] if course.progressed else course.visits
    return max((v for v in before if v.overall not in unknown and v.day > 0), key=lambda v: v.day, default=None)


def time_rows(trial: LockedTrial) -> Iterator[tuple[object, ...]]:
    """Give the rows of the times to event."""
    for one in times(trial):
        description, date = ENDS[one.censored]
        yield (
            *(trial.code, one.subject.site, one.subject.code, one.parameter, trial.criteria.name),
            *(one.result.evalid, one.result.accepted),
            *(one.start_day, one.on(one.start_day), one.end_day, one.on(one.end_day), one.days),
            *(one.censored == PROGRESSED, one.censored, description, date, one.timepoint),
        )


def rate_rows(trial: LockedTrial) -> Iterator[tuple[object, ...]]:
    """Give the rows of the response rates: each best response that anybody had, and the objective response."""
    found = endpoints(trial)
    for results in found.sets:
        best = [course.bor for course in results.subjects]
        counts = {term: best.count(term) for term in dict.fromkeys((*found.terms, *sorted(best))) if term in best}
        if found.responders:
            counts[ORR] = sum(bor in found.responders for bor in best)
        name = results.title.upper().removesuffix(" READS")
        for measure, count in counts.items():
            yield (trial.code, trial.criteria.name, name, measure, count, len(best), *shares(count, len(best)))


def shares(count: int, of: int) -> tuple[Decimal, ...] | tuple[None, None, None]:
    """Return a share and the limits of its exact interval, in percent; None of each where there is nobody."""
    exact = proportion_ci(count, of)
    if isinstance(exact, Undefined):
        return (None, None, None)
    return tuple(Decimal(f"{100 * share:.3f}") for share in (exact.value, *exact.ci))
