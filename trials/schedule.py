"""Study days and visit windows: where a date lies relative to the subject's day 1."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def study_day(date: dt.date, reference: dt.date) -> int:
    """Study day of a date: the reference date is day 1, the day before it day -1; there is no day 0.

    Source: CDISC SDTMIG 4.4.4 (--DY).
    """
    days = (date - reference).days
    return days + 1 if days >= 0 else days


def date_of(day: int, reference: dt.date) -> dt.date:
    """Date of a study day; the inverse of `study_day` (day 0 counts as day 1)."""
    return reference + dt.timedelta(days=day - 1 if day > 0 else day)


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
