"""Re-opening a signed read: asked with a reason, approved by a second person's signature, and nothing is lost.

What rests on the read goes first: adjudications are superseded, and the same reader's later timepoints must be signed
again. Each read is kept as it was signed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from reading import selectors
from reading.models import Adjudication, GlobalReview, ReadTask, Reopening, SignedVersion
from reading.services.assigning import locked, resume
from reading.states import UNDECIDED, AdjudicationState, GlobalReviewState, ReadState, ReopeningState
from trials.models import Timepoint
from trials.states import ReadingState


class NotReopened(HouseError):
    """The read is not signed, the trial is locked, or the same person asked and would decide."""

    code = "not_reopened"
    status = 409


@dataclass(frozen=True, slots=True)
class Consequences:
    """What goes with a read that is opened again: reads to be signed again, it among them; reviews; adjudications."""

    reads: tuple[ReadTask, ...]
    adjudications: tuple[Adjudication, ...]
    reviews: tuple[GlobalReview, ...] = ()


def consequences(task: ReadTask) -> Consequences:
    """Return what opening a read again would take back: the reader's signed reads from it on, and adjudications."""
    own = selectors.reads_beside(task).filter(reread=False, order__gte=task.order)
    of_subject = Adjudication.objects.filter(
        subject=task.timepoint.subject_id, state__in=(*UNDECIDED, AdjudicationState.DECIDED)
    ).select_related("timepoint")
    standing = GlobalReview.objects.filter(subject=task.timepoint.subject_id, slot=task.slot)
    reviews = tuple(standing.filter(state__in=(GlobalReviewState.OPEN, GlobalReviewState.SIGNED)))
    return Consequences(
        tuple(own.filter(state=ReadState.SUBMITTED).select_related("timepoint", "charter", "reader").order_by("order")),
        tuple(
            a for a in of_subject.order_by("pk") if reviews or a.timepoint is None or a.timepoint.order >= task.order
        ),
        reviews,
    )


def ask_reopening(*, task: ReadTask, reason: str, actor: User, at: dt.datetime) -> Reopening:
    """Ask that a signed read be opened again; nothing happens before a second person approves it.

    Raises
    ------
    NotReopened
        The read is not signed or locked with its trial, or this was asked already.
    compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", task)
    if not reason.strip():
        raise ReasonRequired(f"Read {task.blinded_code} was not asked to be opened: say why it has to be.")
    with transaction.atomic():
        row = ReadTask.every.select_for_update(of=("self",)).select_related("timepoint__subject").get(pk=task.pk)
        if row.timepoint.subject.is_read_no_further:
            raise NotReopened(f"Read {row.blinded_code} is not opened again: its subject is read no further.")
        if row.state != ReadState.SUBMITTED or not row.counts:
            raise NotReopened(
                f"Read {row.blinded_code} cannot be opened again: only a signed read can, before the lock."
            )
        if Reopening.objects.filter(task=row, state=ReopeningState.ASKED).exists():
            raise NotReopened(f"Read {row.blinded_code} was asked to be opened already. Decide on that first.")
        asked = Reopening(task=row, reason=reason.strip()[:1000], asked_by=actor, asked_at=at)
        return audit.save(asked, action="reopening.asked", actor=actor, at=at, reason=reason)


def approve_reopening(*, reopening: Reopening, signature: Intent, actor: User, at: dt.datetime) -> Reopening:
    """Open a signed read again, as the second person, with a signature.

    Adjudications that rest on it are superseded first; then this and the same reader's later reads are kept as signed
    and wait for a signature again, in order. A scan that came too late for them is given to the readers.

    Raises
    ------
    NotReopened
        The person who asked cannot approve it.
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    _require_another(reopening, actor)
    with transaction.atomic():
        subject = locked(reopening.task.timepoint.subject_id)
        if subject.is_read_no_further:
            raise NotReopened(
                f"Read {reopening.task.blinded_code} is not opened again: its subject is read no further."
            )
        advance(reopening, "approve", actor=actor, at=at, signature=signature, decided_by=actor, decided_at=at)
        found = consequences(reopening.task)
        for adjudication in found.adjudications:
            advance(adjudication, "supersede", actor=actor, at=at, reason=reopening.reason)
        for review in found.reviews:
            advance(review, "supersede", actor=actor, at=at, reason=reopening.reason)
        for task in reversed(found.reads):
            _keep(task, reopening, actor, at)
            advance(task, "reopen", actor=actor, at=at, reason=reopening.reason, submitted_at=None)
        begun = selectors.reads_beside(reopening.task).filter(
            reread=False, order__gt=reopening.task.order, state__in=(ReadState.ASSIGNED, ReadState.READING)
        )
        for task in begun.order_by("order"):
            advance(task, "hold", actor=actor, at=at)
        _unfinish([task.timepoint_id for task in found.reads], actor, at)
        resume(subject, at)
    return reopening


def decline_reopening(*, reopening: Reopening, reason: str, actor: User, at: dt.datetime) -> Reopening:
    """Leave a signed read as it is, with a reason.

    Raises
    ------
    NotReopened, compliance.transitions.ReasonRequired, compliance.transitions.IllegalMove
    compliance.access.AccessDenied
    """
    _require_another(reopening, actor)
    return advance(reopening, "decline", actor=actor, at=at, reason=reason, decided_by=actor, decided_at=at)


def _require_another(reopening: Reopening, actor: User) -> None:
    access.require(actor, "reading.decide_reopening", reopening)
    if reopening.asked_by_id == actor.pk:
        raise NotReopened(
            f"Read {reopening.task.blinded_code} is not decided on: you asked for it, so a second person has to decide."
        )


def _keep(task: ReadTask, reopening: Reopening, actor: User, at: dt.datetime) -> None:
    content = task.signed_content()
    assert task.submitted_at is not None
    version = SignedVersion(
        task=task,
        reopening=reopening,
        number=SignedVersion.objects.filter(task=task).count() + 1,
        content=content,
        content_sha256=signing.digest(content),
        signed_at=task.submitted_at,
    )
    audit.save(version, action="signedversion.kept", actor=actor, at=at)


def _unfinish(timepoints: Sequence[int], actor: User, at: dt.datetime) -> None:
    """Timepoints that were read are open again."""
    read = Timepoint.objects.filter(pk__in=timepoints, reading_state=ReadingState.READ)
    for timepoint in read.select_related("subject__trial").order_by("order"):
        advance(timepoint, "reopen", field="reading_state", actor=None, at=at)
