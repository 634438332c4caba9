"""What waits for a person, and since when: each room registers its lists, home pages and digests read them here.

A room knows its own work and who does it; what shows the work need not know the rooms.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from compliance.ages import age
from compliance.models import User


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of work: how much (if it can be counted), where, and how urgent (`tone` as in docs/ui.md).

    `since` says that it waits, and for how long: the moment or day of its oldest part. Without it this is a place to
    look at, and nobody is told of it.
    """

    label: str
    count: int | None
    url: str
    icon: str
    tone: str
    note: str = ""
    since: dt.datetime | dt.date | None = None

    def told(self, at: dt.datetime) -> str:
        """Say since when it waits, with its note; an empty text where neither is known."""
        if self.since is None:
            return self.note
        oldest = age(self.since, at)
        waited = "since today" if oldest == "today" else f"for {oldest}"
        if self.count != 1:
            waited = f"the oldest {waited}"
        return f"{waited}; {self.note}" if self.note else waited


#: Work of a person in a trial; without a trial: in all of them, for work that may name none.
Listing = Callable[[User, Any, dt.datetime], Iterator[Waiting]]

_in_trial: list[Listing] = []
_own: list[Listing] = []


def in_trial(listing: Listing) -> Listing:
    """Register a list of a person's work in one trial."""
    _in_trial.append(listing)
    return listing


def own(listing: Listing) -> Listing:
    """Register a list of a person's own work, which names no trial: that of the blinded."""
    _own.append(listing)
    return listing


def waiting_in(user: User, trial: Any, at: dt.datetime) -> list[Waiting]:
    """Return what waits for a person in a trial: the oldest first, then places to look at."""
    return _sorted(_in_trial, user, trial, at)


def waiting_for(user: User, at: dt.datetime, trial: Any = None) -> list[Waiting]:
    """Return a person's own work, the oldest first; with a trial only that of the trial, which it does not name."""
    return _sorted(_own, user, trial, at)


def _sorted(listings: list[Listing], user: User, trial: Any, at: dt.datetime) -> list[Waiting]:
    found = [one for listing in listings for one in listing(user, trial, at)]
    waits = [one for one in found if one.since is not None]
    return [*sorted(waits, key=_began), *(one for one in found if one.since is None)]


def _began(one: Waiting) -> dt.datetime:
    if isinstance(one.since, dt.datetime):
        return one.since
    assert one.since is not None
    return dt.datetime.combine(one.since, dt.time(), dt.UTC)
