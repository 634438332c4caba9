"""Whether two readers' results of a subject differ so that an adjudicator has to decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from .base import InvalidRatings


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one reader found of a subject; a date is None when the reader saw no such event."""

    bor: str | None = None
    progression_date: dt.date | None = None
    response_date: dt.date | None = None


#: What two readers can be compared by: the fields of an outcome.
VARIABLES = ("bor", "progression_date", "response_date")


def adjudication_needed(
    first: Outcome, second: Outcome, *, variables: Collection[str] = VARIABLES, date_window_days: int = 0
) -> tuple[str, ...]:
    """Return the variables on which two readers differ; without any, no adjudication is needed.

    Parameters
    ----------
    variables
        Those that the charter compares.
    date_window_days
        Dates up to this many days apart agree; an event that only one reader saw never agrees.

    Raises
    ------
    InvalidRatings
        A variable is unknown, or the window is negative.
    """
    if not set(variables) <= set(VARIABLES):
        raise InvalidRatings("Readers are compared by " + ", ".join(VARIABLES) + ".")
    if date_window_days < 0:
        raise InvalidRatings("The window of dates is 0 days or more.")

    def differ(name: str) -> bool:
        a, b = getattr(first, name), getattr(second, name)
        if isinstance(a, dt.date) and isinstance(b, dt.date):
            return abs((a - b).days) > date_window_days
        return bool(a != b)

    return tuple(name for name in VARIABLES if name in variables and differ(name))
