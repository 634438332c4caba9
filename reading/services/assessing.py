"""Assessing: a reader opens a task, saves what is found, and signs; responses are derived, never typed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from compliance import access, audit, jobs
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading import blinding, derivation, selectors, signals
from reading.criteria import Criteria
from reading.criteria.form import At
from reading.criteria.values import InvalidRead, as_json
from reading.models import Assessment, ReadTask
from reading.models.real_time import is_asked
from reading.questions import QUESTIONS
from reading.services import answering, qualifying
from reading.services.assigning import locked, release_waiting
from reading.services.drafting import Draft, InvalidEntry
from reading.services.entries import AssessmentEntry
from reading.services.reviewing import open_reviews
from reading.services.working import locked_task, require_images, require_qualified, require_reading, require_sequence
from reading.states import REAL_TIME, Purpose, ReadState


class StaleDraft(HouseError):
    """The draft was saved elsewhere since this page was loaded."""

    code = "stale_draft"
    status = 409


class IncompleteRead(HouseError):
    """The read cannot be signed yet; `points` lists what is open."""

    code = "incomplete_read"
    status = 422

    def __init__(self, points: tuple[str, ...]) -> None:
        super().__init__("The read was not signed. " + " ".join(points) + " Complete it and sign again.")
        self.points = points


def open_task(*, task: ReadTask, actor: User, at: dt.datetime) -> ReadTask:
    """Open a reader's own task; each opening is recorded, also of a signed read.

    Raises
    ------
    reading.blinding.NotOpen
        The task waits for an earlier timepoint, or its images are with quality control again.
    compliance.access.AccessDenied
        The task is another reader's.
    """
    access.require(actor, "reading.read", task)
    with transaction.atomic():
        row = locked_task(task)
        if row.state in (ReadState.WAITING, ReadState.WITHDRAWN):
            raise blinding.NotOpen(f"Read {task.blinded_code} is not open. Finish the earlier timepoints of its case.")
        if row.state not in selectors.SIGNED:
            require_qualified(row, at)
        if row.state == ReadState.ASSIGNED:
            require_images(row)
            require_sequence(row)
            advance(task, "open", actor=actor, at=at, opened_at=at)
        else:
            task.state = row.state
            audit.record("readtask.viewed", row, actor=actor, at=at)
    return task


def save_draft(*, task: ReadTask, entry: AssessmentEntry, actor: User, at: dt.datetime) -> Assessment:
    """Store a draft as a whole; what it amounts to so far is derived from it.

    Raises
    ------
    StaleDraft
        `entry.version` is not the stored draft's: it was saved in another window.
    InvalidEntry, reading.blinding.NotShown, reading.blinding.NotOpen
    compliance.audit.RecordFrozen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    with transaction.atomic():
        row = locked_task(task)
        require_reading(row)
        assessment = _store(row, entry, actor, at)
    task._state.fields_cache.pop("assessment", None)
    return assessment


def submit_read(
    *,
    task: ReadTask,
    signature: Intent,
    actor: User,
    at: dt.datetime,
    entry: AssessmentEntry | None = None,
    simulated: bool = False,
) -> ReadTask:
    """Sign a read, with a last draft if one is given; from then on nothing in it changes.

    The reader's next timepoint opens; when every planned reader has signed, the timepoint is read, and whether
    the reads are discordant is looked into by a job written in the same transaction.

    Parameters
    ----------
    simulated
        The entries come from a simulation, and every export says so.

    Raises
    ------
    IncompleteRead
        A lesion has no entry, or the baseline breaks a rule of the criteria.
    compliance.signing.WrongPassword
        Nothing is stored, neither the signature nor the draft given with it.
    StaleDraft, InvalidEntry, reading.blinding.NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    with transaction.atomic():
        subject = locked(task.timepoint.subject_id)
        row = locked_task(task)
        require_reading(row)
        require_qualified(row, at)
        if entry is not None:
            # What is signed came with the signature; `version` says from which save its page started.
            _store(row, entry, actor, at)
            signature = signature and signature.once_compared()
        before = list(selectors.own_reads_before(row))
        row = ReadTask.every.select_related("timepoint__subject__trial", "charter").get(pk=row.pk)
        if points := derivation.unanswered(row, before):
            raise IncompleteRead(points)
        assessment = row.assessment
        assessment.derivation = derivation.derivation_of(row, before)
        audit.save(assessment, action="assessment.derived", actor=actor, at=at)
        advance(task, "submit", actor=actor, at=at, signature=signature, submitted_at=at, simulated=simulated)
        release_waiting(subject, at)
        open_reviews(subject=subject, at=at)
        if row.purpose == Purpose.QUALIFICATION:
            qualifying.settle(task=row, at=at)
        others = ReadTask.objects.filter(timepoint=task.timepoint_id)
        if row.counts and all(state in selectors.SIGNED for state in others.values_list("state", flat=True)):
            advance(row.timepoint, "finish", field="reading_state", actor=None, at=at)
            # Written here rather than on hearing the news, so that a crash after the commit cannot lose it.
            jobs.enqueue("reading.open_adjudications", str(subject.pk), at=at, subject_id=subject.pk)
        if row.purpose in REAL_TIME:
            answering.go_on(task=row, at=at)
        transaction.on_commit(lambda: signals.read_submitted.send(sender=ReadTask, task=task, at=at))
    return task


def _store(task: ReadTask, entry: AssessmentEntry, actor: User, at: dt.datetime) -> Assessment:
    assessment = Assessment.objects.filter(task=task).first() or Assessment(task=task)
    if entry.version != assessment.version:
        raise StaleDraft(
            f"Read {task.blinded_code} was saved in another window since you opened this page, so this draft was not "
            "stored. Reload the page and enter your changes again."
        )
    if entry.image_quality not in {value for value, _ in Assessment._meta.get_field("image_quality").choices or ()}:
        raise InvalidEntry("The image quality is unknown. Choose adequate, limited or not evaluable.")
    before = list(selectors.own_reads_before(task))
    pack = derivation.pack_of(task.charter)
    try:
        answers = pack.form().read_answers(entry.answers, derivation.at_of(task))
    except InvalidRead as problem:
        raise InvalidEntry(problem.message) from None
    _require_disagreement(task, pack, entry)
    _require_verdict(task, entry)
    assessment.image_quality, assessment.comment = entry.image_quality, entry.comment.strip()
    assessment.answers = as_json(answers)
    assessment.stated_response = entry.stated_response
    assessment.stated_reason = entry.stated_reason.strip() if entry.stated_response else ""
    assessment.verdict = entry.verdict
    assessment.verdict_reason = entry.verdict_reason.strip() if entry.verdict else ""
    assessment.version += 1
    audit.save(assessment, action="assessment.saved", actor=actor, at=at)
    Draft(task, assessment, before, {"actor": actor, "at": at}).take(entry.lesions)
    assessment = Assessment.objects.select_related("task").get(pk=assessment.pk)
    assessment.derivation = _so_far(task, before)
    return audit.save(assessment, action="assessment.derived", actor=actor, at=at)


def _require_disagreement(task: ReadTask, pack: Criteria[Any], entry: AssessmentEntry) -> None:
    """Refuse a stated response that the criteria do not have, and one where no response is derived, as at baseline."""
    stated = {""} if derivation.at_of(task) is At.FIRST else {"", *(term.value for term in pack.terms)}
    if entry.stated_response not in stated:
        raise InvalidEntry("The response that you state is none of the criteria here. Choose one that is offered.")


def _require_verdict(task: ReadTask, entry: AssessmentEntry) -> None:
    """Refuse an answer where nothing is asked, and one that the question does not have."""
    known = QUESTIONS[task.purpose].answers if is_asked(task) else {}
    if entry.verdict and entry.verdict not in known:
        raise InvalidEntry("The answer is none that is offered here. Choose one that is, or reload the page.")


def _so_far(task: ReadTask, before: list[ReadTask]) -> dict[str, Any]:
    """What a draft amounts to; nothing while its entries do not hold together."""
    fresh = ReadTask.every.select_related("timepoint__subject__trial", "charter").get(pk=task.pk)
    try:
        return derivation.derivation_of(fresh, before)
    except InvalidRead:
        return {}
