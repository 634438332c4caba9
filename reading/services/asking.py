"""Asking: a timepoint is to be read at once, by the charter or as a site wishes; when its images are cleared, it is."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Max

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import ReasonRequired, advance
from reading import blinding
from reading.assignment import CaseRef, NotEnoughReaders, assign
from reading.models import ReadTask, RealTimeRead
from reading.selectors_real_time import OPEN, tasks_of_question, to_be_read
from reading.services import telling
from reading.services.answering import release
from reading.services.assigning import locked
from reading.services.calling_off import withdraw, withdraw_all
from reading.services.drawing import eligible_readers, readers_to_be, references
from reading.states import Purpose, RealTimeState
from trials.models import Subject, Timepoint
from trials.selectors import is_locked
from trials.states import ImageState, SubjectState

#: Slots of reads on a clock lie above those of reads and re-reads.
FIRST_SLOT = 21


class NotAsked(HouseError):
    """A read on a clock cannot be asked for here, or not now."""

    code = "not_asked"
    status = 409


def ask_progression(*, timepoint: Timepoint, reason: str, actor: User, at: dt.datetime) -> RealTimeRead:
    """Ask that progression be verified at a timepoint; it is read as soon as quality control has cleared it.

    Raises
    ------
    NotAsked
        The charter has no such reads, the images are not there, or this is asked already.
    compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "reading.ask_real_time", timepoint)
    if not reason.strip():
        raise ReasonRequired(f"Nothing was asked of timepoint {timepoint}: say why progression is to be verified.")
    with transaction.atomic():
        subject = locked(timepoint.subject_id)
        timepoint = Timepoint.objects.select_related("subject__trial", "charter").get(pk=timepoint.pk)
        if why := why_not(timepoint, Purpose.PROGRESSION):
            raise NotAsked(f"Progression at timepoint {timepoint} is not verified: {why}")
        question = _ask(timepoint, Purpose.PROGRESSION, at, actor=actor, reason=reason.strip()[:1000])
        telling.asked(question, at=at)
        _start(subject, at)
    return RealTimeRead.objects.get(pk=question.pk)


def why_not(timepoint: Timepoint, purpose: Purpose) -> str:
    """Return why a timepoint cannot be asked to be read for a purpose, in a sentence; empty: it can."""
    subject = timepoint.subject
    if not timepoint.charter.terms.real_time.asks(purpose):
        return "its charter has no such reads."
    if is_locked(subject.trial):
        return "the database is locked."
    if subject.is_read_no_further:
        return "its subject is read no further."
    if (timepoint.order == 0) is (purpose == Purpose.PROGRESSION):
        return "eligibility is read at the first timepoint, progression after it."
    if timepoint.image_state != ImageState.RECEIVED:
        return "its images are not here yet. Upload them first."
    if RealTimeRead.objects.filter(timepoint=timepoint, purpose=purpose, state__in=OPEN).exists():
        return "this is asked already, and the answer is still to come."
    return ""


def ask_eligibility_again(*, timepoint: Timepoint, reason: str, actor: User, at: dt.datetime) -> RealTimeRead:
    """Have eligibility read anew, as a reading manager, with a reason: an answer that was given stays as it is.

    Raises
    ------
    NotAsked
    compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", timepoint)
    if not reason.strip():
        raise ReasonRequired(f"Nothing was asked of timepoint {timepoint}: say why eligibility is to be read again.")
    with transaction.atomic():
        subject = locked(timepoint.subject_id)
        timepoint = Timepoint.objects.select_related("subject__trial", "charter").get(pk=timepoint.pk)
        if why := why_not(timepoint, Purpose.ELIGIBILITY):
            raise NotAsked(f"Eligibility at timepoint {timepoint} is not read again: {why}")
        question = _ask(timepoint, Purpose.ELIGIBILITY, at, actor=actor, reason=reason.strip()[:1000])
        _start(subject, at)
    return RealTimeRead.objects.get(pk=question.pk)


def _ask(
    timepoint: Timepoint,
    purpose: str,
    at: dt.datetime,
    *,
    actor: User | None = None,
    reason: str = "",
    like: RealTimeRead | None = None,
) -> RealTimeRead:
    """Ask, or ask the same again that was withdrawn as images came (`like`): its reader keeps it."""
    known = RealTimeRead.objects.filter(timepoint__subject=timepoint.subject_id)
    question = RealTimeRead(
        timepoint=timepoint,
        purpose=purpose,
        round=known.filter(timepoint=timepoint, purpose=purpose).count() + 1,
        slot=(known.aggregate(last=Max("slot"))["last"] or FIRST_SLOT - 1) + 1,
        charter=timepoint.charter,
        reader=like.reader if like else None,
        asked_by=like.asked_by if like else actor,
        asked_at=at,
        reason=like.reason if like else reason,
    )
    return audit.save(question, action="realtimeread.asked", actor=actor, at=at, reason=reason)


def go_on(*, subject: Subject, at: dt.datetime) -> None:
    """Bring a subject's reads on a clock to where they can be: calling again changes nothing.

    Eligibility is asked as soon as the first timepoint is cleared, once; what waited for its images is given to a
    reader; of a subject that is read no further, what is open is withdrawn.
    """
    with transaction.atomic():
        subject = locked(subject.pk)
        if is_locked(subject.trial):
            return
        if subject.is_read_no_further:
            withdraw_all(subject, "its subject is read no further", at)
            return
        _ask_eligibility(subject, at)
        _start(subject, at)


def _ask_eligibility(subject: Subject, at: dt.datetime) -> None:
    first = subject.timepoints.select_related("charter").filter(order=0).first()
    if first is None or subject.state not in (SubjectState.SCREENED, SubjectState.ENROLLED):
        return
    known = RealTimeRead.objects.filter(timepoint=first, purpose=Purpose.ELIGIBILITY)
    asks = first.charter.terms.real_time.asks(Purpose.ELIGIBILITY)
    if asks and first.qc_state == "cleared" and not known.exists():
        _ask(first, Purpose.ELIGIBILITY, at)


def _start(subject: Subject, at: dt.datetime) -> None:
    """Start the clocks of what is cleared, and give it to readers, as far as there are any."""
    open_ones = RealTimeRead.objects.filter(timepoint__subject=subject, state__in=OPEN)
    for question in open_ones.select_related("timepoint__subject__trial", "timepoint__charter").order_by("slot"):
        timepoints = to_be_read(question)
        if question.state == RealTimeState.ASKED and timepoints:
            advance(question, "start", actor=None, at=at, started_at=at, charter=question.timepoint.charter)
        if question.state == RealTimeState.RUNNING and timepoints and not tasks_of_question(question).exists():
            _give(question, timepoints, at)


def _give(question: RealTimeRead, timepoints: list[Timepoint], at: dt.datetime) -> None:
    try:
        reader = _reader_for(question, at)
    except NotEnoughReaders:
        # The clock runs on; whoever sweeps next looks again, and the reading manager's page says so.
        return
    question.reader = reader
    audit.save(question, action="realtimeread.given", actor=None, at=at)
    subject = question.timepoint.subject
    for timepoint in timepoints:
        task = ReadTask(
            timepoint=timepoint,
            reader=reader,
            slot=question.slot,
            charter=question.charter,
            blinded_code=blinding.read_code(timepoint, question.slot),
            case_code=blinding.case_code(subject, f"reader {question.slot}"),
            order=timepoint.order,
            purpose=question.purpose,
            created_at=at,
        )
        audit.save(task, action="readtask.assigned", actor=None, at=at)
    release(question, at)


def _reader_for(question: RealTimeRead, at: dt.datetime) -> User:
    """Draw who reads, by the trial's seed, from those without a conflict of interest.

    They do not read the subject for the endpoint, unless the charter says otherwise. Who had the question before its
    images changed keeps it; whoever had it in another round has it again only if nobody else can.

    Raises
    ------
    reading.assignment.NotEnoughReaders
    """
    subject, charter = question.timepoint.subject, question.charter
    people = {user.username: user for user in eligible_readers(subject.trial, at) if user.is_active}
    own = set[str]() if charter.terms.real_time.readers else readers_to_be(subject, charter, at)
    case = CaseRef(subject.code, subject.site.code)
    able = [ref for ref in references(subject.trial, list(people.values())) if ref.may_read(case) and ref.id not in own]
    if question.reader and question.reader.username in {ref.id for ref in able}:
        return question.reader
    same = RealTimeRead.objects.filter(timepoint=question.timepoint_id, purpose=question.purpose)
    had = set(same.values_list("reader__username", flat=True))
    others = [ref for ref in able if ref.id not in had]
    seed = f"{subject.trial.seed} {question.purpose} {question.timepoint.code} {question.round}"
    (drawn,) = assign((case,), others or able, per_case=1, seed=seed)
    return people[drawn.reader_ids[0]]


def begin_anew(*, timepoint: Timepoint, at: dt.datetime) -> None:
    """Images came for a timepoint that is being read on a clock: what is open is withdrawn, and asked anew.

    The new clock is started when the images are cleared. An answer that was signed stays.
    """
    with transaction.atomic():
        subject = locked(timepoint.subject_id)
        running = RealTimeRead.objects.filter(timepoint__subject=subject, state=RealTimeState.RUNNING)
        for question in running.select_related("timepoint__subject__trial", "timepoint__charter", "asked_by", "reader"):
            read = set(tasks_of_question(question).values_list("timepoint", flat=True))
            if timepoint.pk in {question.timepoint_id, *read}:
                withdraw(question, "withdraw", "other images came before the answer", None, at)
                _ask(question.timepoint, question.purpose, at, like=question)
        _start(subject, at)
