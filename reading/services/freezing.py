"""Freezing: data are closed before the trial's lock, a subject's or (interim lock) those of a set up to a visit.

What is frozen refuses every change from the first signature on, in services (`frozen_by`) and in the database
(`trials.frozen_sql`), until a second person lifts it with a reason, by signature. An interim lock is signed by two
where the charter asks for two on the lock; its package is built when it stands, and who gets it the charter says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from compliance import access, audit, jobs, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from reading.models import ReadTask
from reading.selectors import SIGNED
from reading.services import outstanding
from reading.services.outstanding import Blocker
from reading.states import ReadState
from trials import locked_rows
from trials.models import Freeze, FrozenSubject, Subject, Trial, content_of_freeze
from trials.selectors_freezes import freezable, freeze_of, next_number, unconfirmed
from trials.states import FreezeLevel, FreezeState, TrialState

BUILD = "reading.build_interim"


class NotReadyToFreeze(HouseError):
    """Something is open still; `blockers` lists what."""

    code = "not_ready_to_freeze"
    status = 409

    def __init__(self, what: str, blockers: Sequence[Blocker]) -> None:
        listed = " ".join(blocker.sentence for blocker in blockers[:5])
        more = f" And {len(blockers) - 5} more." if len(blockers) > 5 else ""
        super().__init__(f"The {what} was not made. {listed}{more}")
        self.blockers = tuple(blockers)


class FreezeNotChanged(HouseError):
    """The same person would freeze and lift, or sign twice, or the trial is locked."""

    code = "freeze_not_changed"
    status = 409


@dataclass(frozen=True, slots=True)
class Extent:
    """What is to be frozen, and what for: subjects, up to the visit `cut_off` or (empty) as wholes."""

    level: FreezeLevel
    purpose: str
    subjects: tuple[Subject, ...]
    cut_off: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A freeze as it would be, with the last visit of each subject that it covers, and what is open before it."""

    freeze: Freeze
    covered: tuple[tuple[Subject, int | None], ...]
    blockers: tuple[Blocker, ...]

    def content(self) -> dict[str, object]:
        """Return what is signed."""
        return content_of_freeze(self.freeze, [(subject.code, through) for subject, through in self.covered])


def prepared(trial: Trial, extent: Extent) -> Prepared:
    """Return the freeze that would be made, with everything that stands before it; nothing is written."""
    freeze = Freeze(
        trial=trial,
        level=extent.level,
        number=next_number(trial, extent.level),
        purpose=extent.purpose.strip(),
        cut_off=extent.cut_off,
    )
    covered: list[tuple[Subject, int | None]] = []
    blockers = list(_of_trial(trial, extent))
    for subject in sorted(extent.subjects, key=lambda subject: subject.code):
        last = subject.timepoints.filter(code=extent.cut_off).first() if extent.cut_off else None
        if extent.cut_off and last is None:
            blockers.append(Blocker(f"Subject {subject.code} has no visit {extent.cut_off}."))
            continue
        # Where nothing comes after the cut-off the subject is closed as a whole.
        further = last is not None and subject.timepoints.filter(order__gt=last.order).exists()
        through = last.order if last is not None and further else None
        covered.append((subject, through))
        blockers += outstanding.before_freezing(subject, through)
    return Prepared(freeze, tuple(covered), tuple(blockers))


def _of_trial(trial: Trial, extent: Extent) -> list[Blocker]:
    found = []
    if trial.state != TrialState.RUNNING:
        found.append(Blocker(f"Trial {trial.code} is not running: there is nothing to freeze."))
    if not locked_rows.are_up():
        found.append(Blocker("The database would not refuse to change what is frozen: run “manage.py migrate” first."))
    if not extent.subjects:
        found.append(Blocker("No subject is chosen."))
    if extent.level == FreezeLevel.INTERIM and (before := unconfirmed(trial)) is not None:
        found.append(Blocker(f"The {before} waits for its second signature: have it signed, or lift it."))
    taking_part = set(freezable(trial.subjects.all()).values_list("pk", flat=True))
    others = (subject for subject in extent.subjects if subject.pk not in taking_part)
    found += [Blocker(f"Subject {subject.code} takes no part: there is nothing to freeze.") for subject in others]
    if extent.level == FreezeLevel.SUBJECT:
        frozen = (subject for subject in extent.subjects if freeze_of(subject) is not None)
        found += [Blocker(f"Subject {subject.code} is frozen already.") for subject in frozen]
    return found


def freeze_subject(*, subject: Subject, purpose: str, signature: Intent, actor: User, at: dt.datetime) -> Freeze:
    """Close all data of a subject, with a signature.

    Raises
    ------
    NotReadyToFreeze, compliance.transitions.ReasonRequired, compliance.signing.ContentChanged
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.freeze", subject)
    extent = Extent(FreezeLevel.SUBJECT, purpose, (subject,))
    # What is signed, the subject and what for, came in the same request.
    return _freeze(subject.trial, extent, signature.once_compared(), actor, at)


def lock_interim(*, trial: Trial, extent: Extent, signature: Intent, actor: User, at: dt.datetime) -> Freeze:
    """Close the data of a set of subjects up to a visit, with a signature; a job builds the package once it stands.

    Where the charter asks for two signatures on the lock, it closes what it covers at once and stands by the second.

    Raises
    ------
    NotReadyToFreeze, compliance.transitions.ReasonRequired, compliance.signing.ContentChanged
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lock", trial)
    return _freeze(trial, extent, signature, actor, at)


def _freeze(trial: Trial, extent: Extent, signature: Intent, actor: User, at: dt.datetime) -> Freeze:
    if not extent.purpose.strip():
        raise ReasonRequired("Nothing was frozen: say what the freeze is for.")
    with transaction.atomic():
        locked_rows.wait_for_writers(trial.pk)
        fresh = Trial.objects.select_for_update().get(pk=trial.pk)
        ready = prepared(fresh, extent)
        if ready.blockers:
            raise NotReadyToFreeze(str(ready.freeze), ready.blockers)
        signing.require_same(ready.content(), signature)
        for subject, through in ready.covered:
            _end_rereads(subject, through, actor, at)
        freeze = ready.freeze
        freeze.made_by, freeze.made_at = actor, at
        audit.save(freeze, action=f"freeze.{extent.level}", actor=actor, at=at, reason=freeze.purpose)
        for subject, through in ready.covered:
            one = FrozenSubject(freeze=freeze, subject=subject, through=through, state=subject.state)
            audit.save(one, action="frozensubject.covered", actor=actor, at=at)
        signing.sign(freeze, signature.once_compared(), actor=actor, at=at)
        if not needs_second(freeze):
            advance(freeze, "hold", actor=actor, at=at)
            _build(freeze, at)
    return freeze


def _end_rereads(subject: Subject, through: int | None, actor: User, at: dt.datetime) -> None:
    """End what is left open of frozen visits: hidden re-reads, for which nothing waits."""
    points = outstanding.visits(subject, through)
    left = ReadTask.every.filter(timepoint__in=points, reread=True)
    for task in left.exclude(state__in=(*SIGNED, ReadState.WITHDRAWN, ReadState.HANDED_ON)).order_by("blinded_code"):
        advance(task, "withdraw", actor=actor, at=at)


def needs_second(freeze: Freeze) -> bool:
    """Tell whether the charter asks for a second signature: on an interim lock where it does on the lock."""
    charter = freeze.trial.charter_in_force
    asked = charter is not None and bool(charter.terms.locking.second_signature)
    return asked and freeze.is_interim and freeze.state == FreezeState.PROPOSED


def confirm_interim(*, freeze: Freeze, signature: Intent, actor: User, at: dt.datetime) -> Freeze:
    """Sign an interim lock as the second person, by which it stands; nothing changed since the first one signed.

    Raises
    ------
    FreezeNotChanged
        The same person made it.
    compliance.transitions.IllegalMove, compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.confirm_lock", freeze)
    if freeze.made_by_id == actor.pk:
        raise FreezeNotChanged(f"The {freeze} was not confirmed: you made it, so a second person has to sign.")
    with transaction.atomic():
        advance(freeze, "confirm", actor=actor, at=at, signature=signature, confirmed_by=actor, confirmed_at=at)
        _build(freeze, at)
    return freeze


def _build(freeze: Freeze, at: dt.datetime) -> None:
    if freeze.is_interim:
        jobs.enqueue(BUILD, str(freeze.pk), at=at, freeze_id=freeze.pk, actor_id=freeze.made_by_id)


def lift_freeze(*, freeze: Freeze, reason: str, signature: Intent, actor: User, at: dt.datetime) -> Freeze:
    """Open what is frozen to change again, as a second person, with a reason and a signature.

    What another freeze covers stays closed. The package of an interim lock is kept, and handed out no more.

    Raises
    ------
    FreezeNotChanged
        The same person made it, or the trial is locked.
    compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove, compliance.signing.ContentChanged
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lift_freeze", freeze)
    if freeze.made_by_id == actor.pk:
        raise FreezeNotChanged(f"The {freeze} was not lifted: you made it, so a second person has to lift it.")
    if not reason.strip():
        raise ReasonRequired(f"The {freeze} was not lifted: say why.")
    with transaction.atomic():
        trial = Trial.objects.select_for_update().get(pk=freeze.trial_id)
        if trial.state == TrialState.LOCKED:
            raise FreezeNotChanged(
                f"The {freeze} was not lifted: trial {trial.code} is locked. Take the lock off first."
            )
        row = Freeze.objects.select_for_update().select_related("trial").get(pk=freeze.pk)
        if row.state != FreezeState.LIFTED:
            signing.require_unchanged(row, signature)
            row.lifted_because = reason.strip()
            # First: the database lets it be lifted by a signature that is there.
            signing.sign(row, signature.once_compared(), actor=actor, at=at)
        said: dict[str, Any] = {"lifted_by": actor, "lifted_at": at, "lifted_because": reason.strip()}
        return advance(freeze, "lift", actor=actor, at=at, reason=reason.strip(), **said)
