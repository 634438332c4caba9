"""Locks of a trial that were taken off before the one that an export is made of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from trials.models import Trial
from trials.selectors_unlocks import taken_off


@dataclass(frozen=True, slots=True)
class EarlierLock:
    """A lock that was taken off, and the package that was built of it."""

    number: int
    locked_at: dt.datetime
    identifier: str
    package_sha256: str
    unlocked_at: dt.datetime


def earlier_locks(trial: Trial) -> tuple[EarlierLock, ...]:
    """Return the locks of a trial that were taken off, the first first."""
    return tuple(
        EarlierLock(one.lock_number, one.locked_at, one.lock_identifier, one.package_sha256, one.decided_at)
        for one in taken_off(trial)
        if one.decided_at is not None
    )
