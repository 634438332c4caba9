"""Reviewing: a reader goes over the whole case at the end, and confirms or changes its responses by signature."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from compliance import access, audit, jobs, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading import blinding, derivation, selectors, signals
from reading.models import GlobalReview, ReadTask
from reading.services.assigning import locked
from reading.states import GlobalReviewState
from trials.models import Subject
from trials.states import TrialState

_OVERTAKEN = "a read that it rests on was added or signed anew"


class InvalidReview(HouseError):
    """A response is none of the criteria, is changed without a reason, or stands at a timepoint that has none."""

    code = "invalid_review"
    status = 422


class ReviewNotReady(HouseError):
    """A timepoint came in after the review was opened, and is to be read first."""

    code = "review_not_ready"
    status = 409


@dataclass(frozen=True, slots=True)
class Changed:
    """What a response is changed to, and why."""

    response: str
    reason: str


def open_reviews(*, subject: Subject, at: dt.datetime) -> tuple[GlobalReview, ...]:
    """Open a global review to each reader who has signed every timepoint of a subject; calling again changes nothing.

    Where reads were added or signed anew since a review, that one is superseded.

    Returns
    -------
    tuple of GlobalReview
        Those that this call opened; none where the charter asks for no review.
    """
    opened = []
    with transaction.atomic():
        subject = locked(subject.pk)
        charter = selectors.reading_charter(subject)
        asked = charter is not None and charter.terms.reads.global_review
        if not asked or subject.trial.state == TrialState.LOCKED or subject.is_read_no_further:
            return ()
        standing = {review.slot: review for review in GlobalReview.objects.filter(subject=subject)}
        for slot, tasks in _read_in_full(subject).items():
            rests_on, review = _digests(tasks), standing.get(slot)
            if review is not None and review.rests_on == rests_on:
                continue
            if review is not None:
                advance(review, "supersede", actor=None, at=at, reason=_OVERTAKEN)
            opened.append(_open(subject, slot, tasks[0].reader, rests_on, at))
    return tuple(opened)


def _read_in_full(subject: Subject) -> dict[int, list[ReadTask]]:
    """The signed reads of each reader who has signed every timepoint of a subject that is to be read, by place."""
    needed = {t.pk for t in subject.timepoints.select_related("subject") if selectors.is_readable(t)}
    signed = ReadTask.objects.filter(timepoint__subject=subject, state__in=selectors.SIGNED)
    by_slot: dict[int, list[ReadTask]] = {}
    for task in signed.select_related("timepoint", "charter", "reader", "assessment").order_by("slot", "order"):
        by_slot.setdefault(task.slot, []).append(task)
    return {slot: tasks for slot, tasks in by_slot.items() if needed <= {task.timepoint_id for task in tasks}}


def _digests(tasks: list[ReadTask]) -> list[dict[str, str]]:
    return [{"read": task.blinded_code, "sha256": signing.digest(task.signed_content())} for task in tasks]


def _open(subject: Subject, slot: int, reader: User, rests_on: list[dict[str, str]], at: dt.datetime) -> GlobalReview:
    review = GlobalReview(
        subject=subject,
        reader=reader,
        slot=slot,
        blinded_code=blinding.review_code(subject, slot),
        rests_on=rests_on,
        opened_at=at,
    )
    return audit.save(review, action="globalreview.opened", actor=None, at=at)


def open_review(*, review: GlobalReview, actor: User, at: dt.datetime) -> GlobalReview:
    """Record that the reader looks at a case as a whole."""
    access.require(actor, "reading.review", review)
    audit.record("globalreview.viewed", review, actor=actor, at=at)
    return review


def sign_review(
    *, review: GlobalReview, changes: Mapping[str, Changed], signature: Intent, actor: User, at: dt.datetime
) -> GlobalReview:
    """Confirm a case, with the responses that are changed; from then on they are the ones that count.

    What the reads say stays as it was signed. Whether readers differ is looked into by a job written in the same
    transaction.

    Parameters
    ----------
    changes
        By code of the read. A response that is the derived one changes nothing.

    Raises
    ------
    InvalidReview, ReviewNotReady
    compliance.signing.WrongPassword, compliance.transitions.IllegalMove, compliance.access.AccessDenied
    """
    access.require(actor, "reading.review", review)
    with transaction.atomic():
        subject = locked(review.subject_id)
        tasks = _read_in_full(subject).get(review.slot)
        if review.state == GlobalReviewState.OPEN and (tasks is None or _digests(tasks) != review.rests_on):
            raise ReviewNotReady(
                f"Global review {review.blinded_code} was not signed: a timepoint of the case came in and is to be "
                "read first. Read it; the review comes again."
            )
        said = _said(review, tasks or [], changes)
        advance(review, "sign", actor=actor, at=at, signature=signature, changes=said, signed_at=at)
        jobs.enqueue("reading.open_adjudications", str(subject.pk), at=at, subject_id=subject.pk)
        transaction.on_commit(lambda: signals.review_signed.send(sender=GlobalReview, review=review, at=at))
    return review


def _said(review: GlobalReview, tasks: list[ReadTask], changes: Mapping[str, Changed]) -> list[dict[str, str]]:
    by_code = {task.blinded_code: task for task in tasks}
    if unknown := sorted(changes.keys() - by_code.keys()):
        raise InvalidReview(f"Read {unknown[0]} is no part of this review, so nothing was signed. Reload the page.")
    outcome = next(slot.outcome for slot in selectors.slot_results(review.subject) if slot.slot == review.slot)
    derived = {response.timepoint_id: response.overall for response in outcome.timepoints}
    said: list[dict[str, str]] = []
    for code, task in by_code.items():
        change = changes.get(code)
        if change is None or not change.response or change.response == derived.get(task.timepoint.code):
            continue
        _require_valid(task, change)
        place: dict[str, Any] = {"timepoint": task.timepoint.code, "read": code}
        was = derived[task.timepoint.code]
        said.append({**place, "derived": was, "response": change.response, "reason": change.reason.strip()})
    return said


def _require_valid(task: ReadTask, change: Changed) -> None:
    terms = {str(term.value) for term in derivation.pack_of(task.charter).terms}
    if derivation.is_baseline(task.timepoint) or change.response not in terms:
        raise InvalidReview(f"Read {task.blinded_code} cannot be given this response. Choose one that is offered.")
    if not change.reason.strip():
        raise InvalidReview(f"Read {task.blinded_code} is given another response: say why.")
