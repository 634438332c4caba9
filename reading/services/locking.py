"""Locking: what still stands between a trial and its database lock, and the lock itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

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
from reading.models import Adjudication, GlobalReview, ReadTask, RealTimeRead, Unblinding
from reading.services import outstanding
from reading.services.outstanding import Blocker
from reading.states import AdjudicationState, GlobalReviewState, ReadState, RealTimeState, UnblindingState
from trials import locked_rows
from trials.models import Timepoint, Trial
from trials.selectors import open_queries_of
from trials.states import NOT_ENROLLED, SubjectState, TrialState


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
        yield from outstanding.of_subject(subject)
    every = Timepoint.objects.filter(subject__trial=trial)
    yield from outstanding.reopenings(every)
    for event in Unblinding.objects.filter(trial=trial).exclude(state=UnblindingState.CLOSED).order_by("pk"):
        sentence = f"The {event} is not assessed and closed."
        yield Blocker(sentence, reverse("reading:unblinding", args=[event.pk]))
    yield from outstanding.questions(every)
    yield from outstanding.queries(open_queries_of(trial))
    if held := held_count(trial):
        noun = "instance waits" if held == 1 else "instances wait"
        url = reverse("imaging:quarantine", args=[trial.pk])
        yield Blocker(f"{held} {noun} in quarantine: assign or discard.", url)
    if ReceivedInstance.objects.filter(transfer__site__trial=trial, state=ReceivedState.RECEIVED).exists():
        processed = "Received instances are still being processed. Try again in a minute."
        yield Blocker(processed, reverse("imaging:transfers", args=[trial.pk]))


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
    # Those of frozen subjects, too.
    closing: dict[str, Any] = {"actor": actor, "at": at, "thaw": True}
    with transaction.atomic():
        reads = ReadTask.every.filter(timepoint__subject__trial=trial).exclude(state=ReadState.WITHDRAWN)
        for task in reads.order_by("blinded_code"):
            # What is left open here is a hidden re-read: nothing waits for it.
            advance(task, "lock" if task.state == ReadState.SUBMITTED else "withdraw", **closing)
        signed = GlobalReview.objects.filter(subject__trial=trial, state=GlobalReviewState.SIGNED)
        for review in signed.order_by("blinded_code"):
            advance(review, "lock", **closing)
        decided = Adjudication.objects.filter(subject__trial=trial, state=AdjudicationState.DECIDED)
        for adjudication in decided.order_by("blinded_code"):
            advance(adjudication, "lock", **closing)
        answered = RealTimeRead.objects.filter(timepoint__subject__trial=trial, state=RealTimeState.ANSWERED)
        for question in answered.order_by("pk"):
            advance(question, "lock", **closing)
        advance(trial, step, actor=actor, at=at, signature=signature, locked_at=at)
        jobs.enqueue("reading.build_package", str(trial.pk), at=at, trial_id=trial.pk, actor_id=packed_for.pk)
    return trial
