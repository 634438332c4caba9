"""Clocks of reads that a decision waits for: when one is due, where it rests, and how long an answer took.

A clock runs from the clearance of the images, rests while a query to the site on the timepoint is neither answered
nor closed and while the images are with quality control again, and, where the charter says so, on Saturdays and
Sundays (UTC). So nobody sets a clock: what it shows follows from when these things happened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

#: A clock rests from here to there; without an end, until something happens.
Rest = tuple[dt.datetime, dt.datetime | None]
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """What a clock shows, whenever one looks.

    Attributes
    ----------
    due_at
        When its time is over; None while it rests.
    left
        The time that is left when it goes on; None while it runs.
    """

    due_at: dt.datetime | None
    left: dt.timedelta | None = None

    @property
    def rests(self) -> bool:
        """Whether the clock rests."""
        return self.due_at is None

    def is_overdue(self, at: dt.datetime) -> bool:
        """Tell whether the time was over at a moment."""
        return self.due_at is not None and at > self.due_at

    def tone(self, at: dt.datetime, soon: dt.timedelta) -> str:
        """Return the colour of the house for it: `soon` before it is due it warns."""
        if self.due_at is None:
            return "wait"
        if at > self.due_at:
            return "bad"
        return "warn" if self.due_at - at <= soon else "info"

    def said(self, at: dt.datetime) -> str:
        """Say it as a reader would: due in 5 h; overdue by 20 min; rests with 5 h left."""
        if self.due_at is None:
            return f"rests with {span(self.left or dt.timedelta())} left"
        if at > self.due_at:
            return f"overdue by {span(at - self.due_at)}"
        return f"due in {span(self.due_at - at)}"


def clock_of(started_at: dt.datetime, hours: int, rests: Iterable[Rest], *, working_days: bool = False) -> Clock:
    """Return a clock that was started once.

    Parameters
    ----------
    hours
        How many hours it runs.
    rests
        In any order; they may overlap.
    working_days
        It rests on Saturdays and Sundays (UTC).
    """
    left, stops = dt.timedelta(hours=hours), sorted(rests, key=lambda rest: rest[0])
    for begin, end in _runs(started_at, stops, working_days=working_days):
        if end is None or left <= end - begin:
            return Clock(begin + left)
        left -= end - begin
    return Clock(None, left)


def counted(
    started_at: dt.datetime, until: dt.datetime, rests: Iterable[Rest], *, working_days: bool = False
) -> dt.timedelta:
    """Return how long a clock has run between two moments."""
    total, stops = dt.timedelta(), sorted(rests, key=lambda rest: rest[0])
    for begin, end in _runs(started_at, stops, working_days=working_days):
        if begin >= until:
            break
        total += min(end or until, until) - begin
    return total


def _runs(
    started_at: dt.datetime, rests: Sequence[Rest], *, working_days: bool
) -> Iterator[tuple[dt.datetime, dt.datetime | None]]:
    """Yield the stretches in which a clock runs, in order; the last has no end, unless it rests now."""
    moment = started_at
    while True:
        resting = [end for begin, end in rests if begin <= moment and (end is None or moment < end)]
        if resting:
            ends = [end for end in resting if end is not None]
            if len(ends) < len(resting):
                return
            moment = max(ends)
            continue
        if working_days and moment.astimezone(dt.UTC).weekday() >= _SATURDAY:
            moment = _midnight_after(moment)
            continue
        stops = [begin for begin, _ in rests if begin > moment]
        if working_days:
            stops.append(_midnight_after(moment))
        end = min(stops, default=None)
        yield moment, end
        if end is None:
            return
        moment = end


def _midnight_after(moment: dt.datetime) -> dt.datetime:
    day = moment.astimezone(dt.UTC).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def span(time: dt.timedelta) -> str:
    """Write a stretch of time in its largest whole unit: 3 d, 5 h, 20 min."""
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"
