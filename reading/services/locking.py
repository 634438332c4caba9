"""Locking: what still stands between a trial and its database lock, and the lock itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.urls import reverse

from compliance import access, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from imaging.models import ReceivedInstance
from imaging.selectors import held_count
from imaging.states import ReceivedState
from reading import selectors
from reading.models import Adjudication, GlobalReview, ReadTask, RealTimeRead, Reopening, Unblinding
from reading.selectors_real_time import open_questions_of
from reading.services.adjudicating import discordant_places
from reading.states import (
    UNDECIDED,
    AdjudicationState,
    GlobalReviewState,
    ReadState,
    RealTimeState,
    ReopeningState,
    UnblindingState,
)
from trials import locked_rows
from trials.models import Subject, Timepoint, Trial
from trials.selectors import open_queries_of
from trials.states import NOT_ENROLLED, ImageState, QcState, SubjectState, TrialState


class NotReady(HouseError):
    """The trial cannot be locked yet; `blockers` lists why."""

    code = "not_ready_to_lock"
    status = 409

    def __init__(self, trial: Trial, blockers: tuple[Blocker, ...]) -> None:
        listed = " ".join(blocker.sentence for blocker in blockers[:5])
        more = f" And {len(blockers) - 5} more." if len(blockers) > 5 else ""
        super().__init__(f"Trial {trial.code} was not locked. {listed}{more}")
        self.blockers = blockers


class SecondSignatureNeeded(HouseError):
    """The charter asks for two people to lock the trial."""

    code = "second_signature_needed"
    status = 409


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing to finish before the lock, and where: `url` may be empty."""

    sentence: str
    url: str = ""


def readiness(trial: Trial) -> tuple[Blocker, ...]:
    """Return everything that stands between a trial and its lock; empty: the trial can be locked.

    Each timepoint is missed, or was cleared and read by every planned reader; discordant reads are adjudicated;
    no query is open; nothing waits in quarantine. Of a subject that left, visits not reached need nothing.
    """
    return tuple(_blockers(trial))


def _blockers(trial: Trial) -> Iterator[Blocker]:
    if trial.state == TrialState.SETUP:
        yield Blocker("The trial has not started: sign its imaging charter.", reverse("trials:setup", args=[trial.pk]))
    if trial.state == TrialState.LOCKED:
        yield Blocker("The trial is locked already.")
    if not locked_rows.are_up():
        yield Blocker("The database would not refuse to change the locked trial: run “manage.py migrate” first.")
    if not trial.subjects.exclude(state__in=NOT_ENROLLED).exists():
        yield Blocker("No subject is enrolled: there is nothing to lock.", reverse("trials:home", args=[trial.pk]))
    for subject in trial.subjects.exclude(state=SubjectState.CASE).order_by("code"):
        if subject.state == SubjectState.SCREENED:
            screened = f"Subject {subject.code} is being screened: enrol it, or record that its screening failed."
            yield Blocker(screened, reverse("trials:subject", args=[subject.pk]))
            continue
        for timepoint in subject.timepoints.select_related("subject__trial").order_by("order"):
            if sentence := _open_point(timepoint):
                yield Blocker(sentence, reverse("imaging:timepoint", args=[timepoint.pk]))
        for review in GlobalReview.objects.filter(subject=subject, state=GlobalReviewState.OPEN):
            unsigned = f"Global review {review.blinded_code} is not signed."
            yield Blocker(unsigned, reverse("reading:progress", args=[trial.pk]))
        yield from _adjudication(subject)
    asked = Reopening.objects.filter(task__timepoint__subject__trial=trial, state=ReopeningState.ASKED)
    for reopening in asked.select_related("task").order_by("pk"):
        sentence = f"Read {reopening.task.blinded_code} was asked to be opened again: decide on it."
        yield Blocker(sentence, reverse("reading:reopening", args=[reopening.pk]))
    for event in Unblinding.objects.filter(trial=trial).exclude(state=UnblindingState.CLOSED).order_by("pk"):
        sentence = f"The {event} is not assessed and closed."
        yield Blocker(sentence, reverse("reading:unblinding", args=[event.pk]))
    for question in open_questions_of(trial):
        url = reverse("reading:real_time", args=[trial.pk])
        yield Blocker(f"The read for {question.purpose} at {question.timepoint} has no answer yet.", url)
    for query in open_queries_of(trial).select_related("site").order_by("pk"):
        yield Blocker(f"Query {query.pk} to {query.asked} is not closed.", reverse("trials:query", args=[query.pk]))
    if held := held_count(trial):
        noun = "instance waits" if held == 1 else "instances wait"
        url = reverse("imaging:quarantine", args=[trial.pk])
        yield Blocker(f"{held} {noun} in quarantine: assign or discard.", url)
    if ReceivedInstance.objects.filter(transfer__site__trial=trial, state=ReceivedState.RECEIVED).exists():
        processed = "Received instances are still being processed. Try again in a minute."
        yield Blocker(processed, reverse("imaging:transfers", args=[trial.pk]))


def _open_point(timepoint: Timepoint) -> str:
    if selectors.is_absent(timepoint):
        return ""
    if timepoint.image_state == ImageState.EXPECTED:
        return f"Timepoint {timepoint} has no images: wait for them, or mark it as missed."
    if timepoint.qc_state != QcState.CLEARED:
        state = timepoint.qc_state.replace("_", " ")
        return f"Timepoint {timepoint} is not cleared by quality control ({state})."
    if not selectors.is_readable(timepoint) or selectors.is_read_by_all(timepoint):
        return ""
    if selectors.is_too_late(timepoint):
        return f"Timepoint {timepoint} came after a later one was signed: the later reads have to be opened again."
    if not timepoint.read_tasks.exists():
        return f"Timepoint {timepoint} has no readers yet: add readers to the trial."
    return f"Timepoint {timepoint} is not signed by all its readers."


def _adjudication(subject: Subject) -> Iterator[Blocker]:
    known = {a.timepoint_id: a for a in subject.adjudications.all()}
    progress = reverse("reading:progress", args=[subject.trial_id])
    for adjudication in subject.adjudications.filter(state__in=UNDECIDED).order_by("blinded_code"):
        yield Blocker(f"Adjudication {adjudication.blinded_code} is not decided.", progress)
    charter = selectors.reading_charter(subject)
    together = charter is not None and charter.terms.adjudication.by_consensus
    todo = "their readers are not asked yet: try again in a minute" if together else "no adjudicator is free: add one"
    for timepoint, _ in discordant_places(subject):
        if (timepoint.pk if timepoint else None) not in known:
            where = progress if together else reverse("trials:setup", args=[subject.trial_id])
            yield Blocker(f"The reads of subject {subject.code} differ, and {todo}.", where)


def lock_trial(*, trial: Trial, signature: Intent, actor: User, at: dt.datetime) -> Trial:
    """Lock every read and adjudication, and with a signature the trial's database; after it nothing changes.

    A job written in the same transaction builds the endpoint package.

    Raises
    ------
    NotReady
        With everything that stands in the way.
    SecondSignatureNeeded
        The charter asks for two people: the lock is proposed first.
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.lock", trial)
    charter = trial.charter_in_force
    if charter is not None and charter.terms.locking.second_signature:
        raise SecondSignatureNeeded(
            f"Trial {trial.code} was not locked: its charter asks for a second person. Propose the lock first."
        )
    with transaction.atomic():
        locked_rows.wait_for_writers(trial.pk)
        fresh = Trial.objects.select_for_update().get(pk=trial.pk)
        blockers = readiness(fresh)
        if blockers:
            raise NotReady(fresh, blockers)
        return lock_records(trial, "lock", packed_for=actor, signature=signature, actor=actor, at=at)


def lock_records(
    trial: Trial, step: str, *, packed_for: User, signature: Intent, actor: User, at: dt.datetime
) -> Trial:
    """Lock every read and adjudication of a trial that is ready, then by a step of its life the trial itself.

    The package is built in the name of `packed_for`, who may take it.
    """
    with transaction.atomic():
        reads = ReadTask.every.filter(timepoint__subject__trial=trial).exclude(state=ReadState.WITHDRAWN)
        for task in reads.order_by("blinded_code"):
            # What is left open here is a hidden re-read: nothing waits for it.
            advance(task, "lock" if task.state == ReadState.SUBMITTED else "withdraw", actor=actor, at=at)
        signed = GlobalReview.objects.filter(subject__trial=trial, state=GlobalReviewState.SIGNED)
        for review in signed.order_by("blinded_code"):
            advance(review, "lock", actor=actor, at=at)
        decided = Adjudication.objects.filter(subject__trial=trial, state=AdjudicationState.DECIDED)
        for adjudication in decided.order_by("blinded_code"):
            advance(adjudication, "lock", actor=actor, at=at)
        answered = RealTimeRead.objects.filter(timepoint__subject__trial=trial, state=RealTimeState.ANSWERED)
        for question in answered.order_by("pk"):
            advance(question, "lock", actor=actor, at=at)
        advance(trial, step, actor=actor, at=at, signature=signature, locked_at=at)
        jobs.enqueue("reading.build_package", str(trial.pk), at=at, trial_id=trial.pk, actor_id=packed_for.pk)
    return trial
