"""Locks that were taken off: which there were, and which packages they left behind."""

from __future__ import annotations

from django.db.models import QuerySet

from compliance.models import Export, User
from trials.models import Role, Trial, Unlock
from trials.selectors import trials_of
from trials.states import UNLOCK_WAITING, UnlockState

#: Who sees that a lock was asked to be taken off, and why.
WATCHING = (Role.READING_MANAGER, Role.SPONSOR, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)


def unlocks_seen_by(user: User) -> QuerySet[Unlock]:
    """Unlocks of the trials in which the person asks, decides or watches."""
    found = Unlock.objects.filter(trial__in=trials_of(user, *WATCHING).values("pk"))
    return found.select_related("trial", "asked_by", "agreed_by", "decided_by")


def taken_off(trial: Trial) -> list[Unlock]:
    """Return the unlocks by which locks of a trial were taken off, the first first."""
    return list(Unlock.objects.filter(trial=trial, state=UnlockState.APPROVED).order_by("lock_number"))


def lock_number(trial: Trial) -> int:
    """Return the number of the lock that a trial has, or of the one that it will have next."""
    return Unlock.objects.filter(trial=trial, state=UnlockState.APPROVED).count() + 1


def waiting_unlock(trial: Trial) -> Unlock | None:
    """Return the unlock that was asked for and is not decided; None if there is none."""
    return Unlock.objects.filter(trial=trial, state__in=UNLOCK_WAITING).first()


def superseding(export: Export) -> Unlock | None:
    """Return the unlock that took off the lock of which a package was built; None while that lock stands."""
    locked_at = (export.manifest.get("lock") or {}).get("locked_at")
    of_trial = Unlock.objects.filter(trial_id=export.trial_id, state=UnlockState.APPROVED)
    return next((one for one in of_trial if as_written(one) == locked_at), None)


def as_written(unlock: Unlock) -> str:
    """Return the time of the lock that was taken off as manifests write it: UTC, to the second."""
    return f"{unlock.locked_at:%Y-%m-%dT%H:%M:%SZ}"
