"""Unlocking: a database lock is taken off by two people of different roles, and everything it left behind is kept.

The reading manager asks, with a reason and what is to be corrected; where the charter says so the sponsor agrees; the
trial's administrator approves. All sign the same content. Reads, reviews and adjudications are signed as before, and a
correction goes the way of every correction: a read is opened again by two people. Then the trial is locked anew.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import Export, User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from reading.models import Adjudication, GlobalReview, ReadTask, RealTimeRead
from reading.services.packaging import ENDPOINT_PACKAGE
from reading.states import AdjudicationState, GlobalReviewState, ReadState, RealTimeState
from trials import locked_rows
from trials.models import Trial, Unlock
from trials.selectors import is_locked
from trials.selectors_unlocks import as_written, lock_number, waiting_unlock
from trials.states import UnlockState


class NotUnlocked(HouseError):
    """The trial is not locked, its package is not there, or the person may not have this part in it."""

    code = "not_unlocked"
    status = 409


@dataclass(frozen=True, slots=True)
class Statement:
    """Why a lock is to be taken off, which records are to be corrected, and what may change by that."""

    reason: str
    records: str
    impact: str


def package_of_lock(trial: Trial) -> Export | None:
    """Return the package that was built of the lock as it stands; None if there is none."""
    if trial.locked_at is None:
        return None
    built = Export.objects.filter(kind=ENDPOINT_PACKAGE, trial_id=trial.pk).order_by("-pk")
    written = as_written(Unlock(trial=trial, locked_at=trial.locked_at))
    return next((one for one in built if one.manifest["lock"]["locked_at"] == written), None)


def prepared(trial: Trial, said: Statement, actor: User) -> Unlock:
    """Return the unlock that would be asked for; its digest is what who asks is shown.

    Raises
    ------
    NotUnlocked
        The trial is not locked, its package is not built, or an unlock waits for a decision.
    """
    if not is_locked(trial) or trial.locked_at is None:
        raise NotUnlocked(f"Trial {trial.code} is not locked: there is no lock to take off.")
    if waiting_unlock(trial) is not None:
        raise NotUnlocked(f"Trial {trial.code} was asked to be unlocked already. Decide on that first.")
    package = package_of_lock(trial)
    if package is None:
        raise NotUnlocked(
            f"Trial {trial.code} is not unlocked yet, because its package is not built: it would be lost what was "
            "locked. Build the package first."
        )
    return Unlock(
        trial=trial,
        lock_number=lock_number(trial),
        locked_at=trial.locked_at,
        lock_identifier=package.manifest["lock"]["identifier"],
        package_sha256=package.sha256,
        reason=said.reason.strip(),
        records=said.records.strip(),
        impact=said.impact.strip(),
        asked_by=actor,
    )


def ask_unlock(*, trial: Trial, said: Statement, signature: Intent, actor: User, at: dt.datetime) -> Unlock:
    """Ask, with a signature, that the lock of a trial be taken off; nothing happens before a second person approves.

    Raises
    ------
    NotUnlocked
    compliance.transitions.ReasonRequired
        Reason, records or impact were not said.
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.ask_unlock", trial)
    if not (said.reason.strip() and said.records.strip() and said.impact.strip()):
        raise ReasonRequired(
            "The lock was not asked to be taken off: say why, which records are to be corrected, and what may change."
        )
    with transaction.atomic():
        unlock = prepared(Trial.objects.select_for_update().get(pk=trial.pk), said, actor)
        unlock.asked_at = at
        audit.save(unlock, action="unlock.asked", actor=actor, at=at, reason=unlock.reason)
        # What is signed came in the same request.
        signing.sign(unlock, signature.once_compared(), actor=actor, at=at)
    return unlock


def agree_to_unlock(*, unlock: Unlock, signature: Intent, actor: User, at: dt.datetime) -> Unlock:
    """Agree for the sponsor, with a signature.

    Raises
    ------
    NotUnlocked, compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    _require_another(unlock, "trials.agree_to_unlock", actor)
    _require_sponsor_asked(unlock)
    return advance(unlock, "agree", actor=actor, at=at, signature=signature, agreed_by=actor, agreed_at=at)


def needs_sponsor(unlock: Unlock) -> bool:
    """Tell whether the sponsor has to agree still, by the charter in force."""
    charter = unlock.trial.charter_in_force
    asked = charter is not None and charter.terms.locking.sponsor_agrees_to_unlock
    return bool(asked) and unlock.state == UnlockState.ASKED


def approve_unlock(*, unlock: Unlock, signature: Intent, actor: User, at: dt.datetime) -> Unlock:
    """Take the lock off, as the second person, with a signature.

    The trial goes on as it was before the lock, reads and adjudications are signed and no longer locked. The lock's own
    signature is superseded; the package stays.

    Raises
    ------
    NotUnlocked
        Who asked cannot approve, or the sponsor has not agreed.
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    _require_another(unlock, "trials.approve_unlock", actor)
    with transaction.atomic():
        locked_rows.wait_for_writers(unlock.trial_id)
        trial = Trial.objects.select_for_update().get(pk=unlock.trial_id)
        if trial.locked_at != unlock.locked_at:
            raise NotUnlocked(f"Trial {trial.code} does not have the lock any more that this was asked of.")
        unlock.refresh_from_db()
        if needs_sponsor(unlock):
            raise NotUnlocked(f"Trial {trial.code} is not unlocked yet: by its charter the sponsor has to agree first.")
        if unlock.agreed_by_id == actor.pk:
            raise NotUnlocked(f"Trial {trial.code} is not unlocked: you agreed for the sponsor, so another approves.")
        advance(unlock, "approve", actor=actor, at=at, signature=signature, decided_by=actor, decided_at=at)
        advance(trial, "unlock", actor=actor, at=at, reason=unlock.reason, thaw=True, locked_at=None)
        _unlock_records(trial, actor, at)
    unlock.trial.refresh_from_db()
    return unlock


def _unlock_records(trial: Trial, actor: User, at: dt.datetime) -> None:
    """What the lock closed one by one is as it was: signed, answered, decided."""
    of_trial: dict[str, Any] = {"actor": actor, "at": at, "thaw": True}
    for task in ReadTask.every.filter(timepoint__subject__trial=trial, state=ReadState.LOCKED).order_by("blinded_code"):
        advance(task, "unlock", **of_trial)
    reviews = GlobalReview.objects.filter(subject__trial=trial, state=GlobalReviewState.LOCKED)
    for review in reviews.order_by("blinded_code"):
        advance(review, "unlock", **of_trial)
    decided = Adjudication.objects.filter(subject__trial=trial, state=AdjudicationState.LOCKED)
    for adjudication in decided.order_by("blinded_code"):
        advance(adjudication, "unlock", **of_trial)
    answered = RealTimeRead.objects.filter(timepoint__subject__trial=trial, state=RealTimeState.LOCKED)
    for question in answered.order_by("pk"):
        advance(question, "unlock", **of_trial)


def decline_unlock(*, unlock: Unlock, reason: str, actor: User, at: dt.datetime) -> Unlock:
    """Leave the lock as it is, with a reason: the administrator, or the sponsor where it is asked.

    Raises
    ------
    NotUnlocked, compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.access.AccessDenied
    """
    administers = access.may(actor, "trials.approve_unlock", unlock)
    _require_another(unlock, "trials.approve_unlock" if administers else "trials.agree_to_unlock", actor)
    if not administers:
        _require_sponsor_asked(unlock)
    step = "decline" if administers else "refuse"
    return advance(unlock, step, actor=actor, at=at, reason=reason, decided_by=actor, decided_at=at)


def _require_sponsor_asked(unlock: Unlock) -> None:
    charter = unlock.trial.charter_in_force
    if charter is None or not charter.terms.locking.sponsor_agrees_to_unlock:
        raise NotUnlocked(f"The unlock of trial {unlock.trial.code} is not the sponsor's to decide, by its charter.")


def _require_another(unlock: Unlock, verb: str, actor: User) -> None:
    access.require(actor, verb, unlock)
    if unlock.asked_by_id == actor.pk:
        raise NotUnlocked(
            f"The unlock of trial {unlock.trial.code} is not decided: you asked for it, so a second person has to."
        )
