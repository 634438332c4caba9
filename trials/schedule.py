"""Study days and visit windows: where a date lies relative to the subject's day 1."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def study_day(date: dt.date, reference: dt.date) -> int:
    """Study day of a date: the reference date is day 1, the day before it day -1; there is no day 0.

    Source: CDISC SDTMIG 4.4.4 (--DY).
    """
    return _day((date - reference).days)


def date_of(day: int, reference: dt.date) -> dt.date:
    """Date of a study day; the inverse of `study_day` (day 0 counts as day 1)."""
    return reference + dt.timedelta(days=_elapsed(day))


def days_between(first: int, last: int) -> int:
    """Days from one study day to another; there is no day 0 to count."""
    return _elapsed(last) - _elapsed(first)


def visit_window(day: int, before: int, after: int) -> tuple[int, int]:
    """First and last study day of a visit that may come some days early or late; there is no day 0 to count."""
    first, last = _elapsed(day) - before, _elapsed(day) + after
    return _day(first), _day(last)


def _elapsed(day: int) -> int:
    return day - 1 if day > 0 else day


def _day(elapsed: int) -> int:
    return elapsed + 1 if elapsed >= 0 else elapsed


@dataclass(frozen=True, slots=True)
class Window:
    """Study days, both included, inside which a visit's scan is on time."""

    code: str
    first_day: int
    last_day: int

    def holds(self, day: int) -> bool:
        """Tell whether a study day lies in the window."""
        return self.first_day <= day <= self.last_day


def visits_on(day: int, windows: Iterable[Window]) -> Sequence[str]:
    """Codes of the visits whose window holds the study day, in schedule order."""
    return [window.code for window in windows if window.holds(day)]
