"""Questions about reads on a clock: who may see which, what a clock shows, and who is told what came of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from django.db.models import Q, QuerySet

from compliance.models import User
from imaging.selectors import reviews_of
from reading import clocks, verdicts
from reading.clocks import Clock, Rest
from reading.models import ReadTask, RealTimeRead
from reading.models.real_time import real_time_read_of
from reading.questions import QUESTIONS
from reading.selectors import SIGNED
from reading.states import Purpose, RealTimeState
from trials.models import Query, Role, Subject, Timepoint, Trial
from trials.real_time_terms import DETAIL
from trials.selectors import sites_coordinated_by, trials_of
from trials.states import QcState, TrialState

OPEN = (RealTimeState.ASKED, RealTimeState.RUNNING)
ANSWERED = (RealTimeState.ANSWERED, RealTimeState.LOCKED)
#: Roles that see the reads on a clock of a whole trial; a coordinator sees those of the own sites.
WATCHING = (Role.READING_MANAGER, Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
_WITH = ("timepoint__subject__trial", "timepoint__subject__site", "charter", "reader", "asked_by")


def real_time_reads_seen_by(user: User) -> QuerySet[RealTimeRead]:
    """Reads on a clock of trials in which the person watches them, and of sites that the person coordinates."""
    here = Q(timepoint__subject__trial__in=trials_of(user, *WATCHING))
    there = Q(timepoint__subject__site__in=sites_coordinated_by(user))
    return RealTimeRead.objects.filter(here | there).select_related(*_WITH)


def tasks_of_question(question: RealTimeRead) -> QuerySet[ReadTask]:
    """The tasks in which a question is read, by timepoint."""
    tasks = ReadTask.every.filter(timepoint__subject=question.timepoint.subject_id, slot=question.slot)
    return tasks.select_related("timepoint", "charter", "reader").order_by("order")


def deciding_task(question: RealTimeRead) -> ReadTask | None:
    """The signed task in which a question was answered."""
    signed = tasks_of_question(question).filter(timepoint=question.timepoint, state__in=SIGNED)
    return signed.select_related("assessment").first()


def to_be_read(question: RealTimeRead) -> list[Timepoint]:
    """Return the timepoints that are read to answer a question, in order; none while it cannot be read yet."""
    timepoint, subject = question.timepoint, question.timepoint.subject
    earlier = subject.timepoints.filter(order__lt=timepoint.order, qc_state=QcState.CLEARED).order_by("order")
    first = earlier.first()
    if timepoint.qc_state != QcState.CLEARED or subject.is_read_no_further:
        return []
    if question.purpose == Purpose.ELIGIBILITY:
        return [timepoint]
    if first is None or first.order != 0:
        return []
    whole = timepoint.charter.terms.real_time.progression_reads != "baseline"
    return [*(earlier if whole else [first]), timepoint]


def urgent_among(timepoints: Iterable[Timepoint]) -> set[int]:
    """Return the keys of the timepoints for whose clearance a read on a clock waits."""
    found = list(timepoints)
    asked = RealTimeRead.objects.filter(timepoint__in=found, state=RealTimeState.ASKED)
    keys = set(asked.values_list("timepoint", flat=True))
    answered = RealTimeRead.objects.filter(timepoint__in=found, purpose=Purpose.ELIGIBILITY, state__in=ANSWERED)
    known = set(answered.values_list("timepoint", flat=True))
    terms = {one.charter_id: one.charter.terms.real_time for one in found}
    return keys | {
        one.pk
        for one in found
        if one.order == 0 and one.pk not in known and terms[one.charter_id].asks(Purpose.ELIGIBILITY)
    }


# --- clocks ------------------------------------------------------------------------------------------------------


def rests_of(question: RealTimeRead, queries: Iterable[Query] | None = None) -> list[Rest]:
    """Return where a question's clock rests: while a query on its timepoint waits for the site, and while QC has it."""
    about = question.timepoint.queries.all() if queries is None else queries
    rests: list[Rest] = []
    for query in about:
        ends = [end for end in (query.answered_at, query.closed_at) if end is not None]
        rests.append((query.raised_at, min(ends, default=None)))
    if question.state == RealTimeState.RUNNING and question.timepoint.qc_state != QcState.CLEARED:
        review = reviews_of(question.timepoint).first()
        assert question.started_at is not None
        rests.append((review.opened_at if review else question.started_at, None))
    return rests


def clock_of(question: RealTimeRead) -> Clock | None:
    """Return what a question's clock shows; None before the images are cleared."""
    if question.started_at is None:
        return None
    terms = question.charter.terms.real_time
    return clocks.clock_of(
        question.started_at, terms.hours(question.purpose), rests_of(question), working_days=bool(terms.rest)
    )


def taken(question: RealTimeRead) -> dt.timedelta | None:
    """Return how long the clock ran until the answer; None before it."""
    if question.started_at is None or question.answered_at is None:
        return None
    rests = bool(question.charter.terms.real_time.rest)
    return clocks.counted(question.started_at, question.answered_at, rests_of(question), working_days=rests)


def is_in_time(question: RealTimeRead) -> bool | None:
    """Tell whether a question was answered in time; None before the answer."""
    time = taken(question)
    if time is None:
        return None
    return time <= dt.timedelta(hours=question.charter.terms.real_time.hours(question.purpose))


@dataclass(frozen=True, slots=True)
class Turnaround:
    """How fast the questions of one purpose are answered in a trial; times in hours, None without any answer."""

    purpose: str
    asked: int
    open: int
    overdue: int
    answered: int
    in_time: int
    median_hours: float | None
    longest_hours: float | None

    @property
    def percent_in_time(self) -> float | None:
        """Share of the answers that came in time, in percent."""
        return 100 * self.in_time / self.answered if self.answered else None


def turnarounds(questions: Iterable[RealTimeRead], at: dt.datetime) -> list[Turnaround]:
    """Return how fast questions are answered, by purpose; what was withdrawn does not count."""
    found = [one for one in questions if one.state != RealTimeState.WITHDRAWN]
    return [
        _turnaround(purpose, of)
        for purpose in QUESTIONS
        if (of := [(one, clock_of(one), at) for one in found if one.purpose == purpose])
    ]


def _turnaround(purpose: str, questions: list[tuple[RealTimeRead, Clock | None, dt.datetime]]) -> Turnaround:
    times = [time.total_seconds() / 3600 for one, _, _ in questions if (time := taken(one)) is not None]
    still = [(clock, at) for one, clock, at in questions if one.is_open]
    return Turnaround(
        purpose=purpose,
        asked=len(questions),
        open=len(still),
        overdue=sum(clock is not None and clock.is_overdue(at) for clock, at in still),
        answered=len(times),
        in_time=sum(bool(is_in_time(one)) for one, _, _ in questions),
        median_hours=median(times) if times else None,
        longest_hours=max(times, default=None),
    )


# --- who is told what ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question, as far as somebody is told: the answer, perhaps with why and what was derived."""

    verdict: str
    words: str
    reason: str = ""
    derived: str = ""


def told_to_site(question: RealTimeRead) -> Outcome | None:
    """Return what the charter lets a question's site know of the answer; None: nothing, or nothing yet."""
    told = question.charter.terms.real_time.to_site(question.purpose)
    return _outcome(question, detail=told == DETAIL) if told else None


def told_in_full(question: RealTimeRead) -> Outcome | None:
    """Return what came of a question, for those who see results; None before the answer."""
    return _outcome(question, detail=True)


def _outcome(question: RealTimeRead, *, detail: bool) -> Outcome | None:
    if question.state not in ANSWERED:
        return None
    words, task = QUESTIONS[question.purpose].say(question.verdict), deciding_task(question)
    if not detail or task is None:
        return Outcome(question.verdict, words)
    assessment = task.assessment
    return Outcome(
        question.verdict, words, assessment.verdict_reason, verdicts.said_of_derived(task, assessment.derivation)
    )


def outcomes_to_note(coordinator: User) -> list[RealTimeRead]:
    """Return what was released to the sites that a person coordinates and nobody there has taken note of."""
    sites = sites_coordinated_by(coordinator)
    new = RealTimeRead.objects.filter(timepoint__subject__site__in=sites, state__in=ANSWERED, noted_at=None)
    return [one for one in new.select_related(*_WITH).order_by("answered_at", "pk") if told_to_site(one)]


def kept_apart(subject: Subject) -> set[int]:
    """Return the keys of those who read a subject on a clock, and may by its charter not read it otherwise."""
    questions = RealTimeRead.objects.filter(timepoint__subject=subject).exclude(reader=None).select_related("charter")
    return {one.reader_id for one in questions if one.reader_id and not one.charter.terms.real_time.readers}


def open_questions_of(trial: Trial) -> QuerySet[RealTimeRead]:
    """Questions of a trial whose answer is still to come."""
    asked = RealTimeRead.objects.filter(timepoint__subject__trial=trial, state__in=OPEN)
    return asked.select_related(*_WITH).order_by("asked_at", "pk")


def held_up() -> QuerySet[Subject]:
    """Subjects whose questions have no reader yet: none was free, or the news of the clearance was lost."""
    asked = RealTimeRead.objects.filter(
        Q(state=RealTimeState.ASKED) | Q(state=RealTimeState.RUNNING, reader=None), timepoint__qc_state=QcState.CLEARED
    )
    return Subject.objects.filter(pk__in=asked.values("timepoint__subject")).exclude(trial__state=TrialState.LOCKED)


def clock_of_task(task: ReadTask) -> Clock | None:
    """Return the clock of the question that a task is made for; None for a task on no clock, or one that is signed."""
    question = real_time_read_of(task) if task.state not in SIGNED else None
    return clock_of(question) if question and question.is_open else None
