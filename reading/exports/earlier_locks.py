"""The lock that an export is made of: by whom it was proposed, and which locks were taken off before it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from trials.models import LockProposal, Trial
from trials.selectors_unlocks import taken_off
from trials.states import ProposalState


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


def confirmed_proposal(trial: Trial) -> LockProposal | None:
    """Return the proposal by which two people locked the trial; None where one signature was enough."""
    return LockProposal.objects.filter(trial=trial, state=ProposalState.CONFIRMED, confirmed_at=trial.locked_at).first()
