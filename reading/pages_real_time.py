"""What the pages show of reads on a clock: to each person what the charter lets that person know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compliance import access
from compliance.models import User
from reading import clocks
from reading import selectors_real_time as selectors
from reading.models import RealTimeRead
from reading.questions import QUESTIONS, TONES
from reading.selectors_real_time import Outcome, Turnaround
from reading.states import Purpose, RealTimeState
from trials.models import Timepoint, Trial
from trials.selectors import is_locked

#: Columns of the list for spreadsheets; no outcome is among them.
COLUMNS = (
    "site",
    "subject",
    "timepoint",
    "purpose",
    "round",
    "state",
    "asked_at",
    "started_at",
    "due_at",
    "answered_at",
    "hours_taken",
    "hours_given",
    "in_time",
    "reader",
)


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A read on a clock as one person sees it: `outcome` is None where there is none, or none for this person."""

    question: RealTimeRead
    title: str
    clock: str
    tone: str
    outcome: Outcome | None
    outcome_tone: str
    to_note: bool

    @property
    def is_open(self) -> bool:
        """Whether an answer is still to come."""
        return self.question.is_open


def rows_for(user: User, questions: Iterable[RealTimeRead], at: dt.datetime) -> list[ClockRow]:
    """Return reads on a clock as a person sees them: the open ones by what is due first, then the latest answers."""
    rows = [(row_for(user, one, at), one) for one in questions]
    dated = {one.pk: (clock.due_at if (clock := selectors.clock_of(one)) else None) for _, one in rows}
    still = sorted(
        (pair for pair in rows if pair[1].is_open), key=lambda p: (dated[p[1].pk] is None, dated[p[1].pk] or at)
    )
    past = sorted(
        (pair for pair in rows if not pair[1].is_open), key=lambda p: p[1].answered_at or p[1].asked_at, reverse=True
    )
    return [row for row, _ in (*still, *past)]


def row_for(user: User, question: RealTimeRead, at: dt.datetime) -> ClockRow:
    """Return a read on a clock as a person sees it."""
    outcome = outcome_for(user, question)
    site = access.may(user, "reading.take_note", question)
    return ClockRow(
        question,
        QUESTIONS[question.purpose].title,
        *_clock(question, at),
        outcome,
        TONES[question.purpose].get(outcome.verdict, "wait") if outcome else "",
        site and outcome is not None and question.noted_at is None,
    )


def outcome_for(user: User, question: RealTimeRead) -> Outcome | None:
    """Return what a person is told of the answer: those who see results all of it, a site what its charter says."""
    if access.may(user, "reading.see_results", question):
        return selectors.told_in_full(question)
    return selectors.told_to_site(question) if access.may(user, "reading.take_note", question) else None


def _clock(question: RealTimeRead, at: dt.datetime) -> tuple[str, str]:
    clock = selectors.clock_of(question)
    if question.state == RealTimeState.WITHDRAWN:
        return "withdrawn", "wait"
    if clock is None:
        return "not started: the images are not cleared yet", "wait"
    if question.is_open:
        soon = dt.timedelta(hours=question.charter.terms.real_time.remind)
        return clock.said(at), clock.tone(at, soon)
    time = selectors.taken(question)
    assert time is not None
    in_time = selectors.is_in_time(question)
    return f"{clocks.span(time)}, {'in time' if in_time else 'too late'}", "ok" if in_time else "warn"


def turnarounds_for(user: User, trial: Trial, at: dt.datetime) -> list[Turnaround]:
    """Return how fast reads on a clock are answered, to those who follow the reading, and to the sponsor as agreed."""
    questions = RealTimeRead.objects.filter(timepoint__subject__trial=trial)
    questions = questions.select_related("timepoint__subject", "charter").prefetch_related("timepoint__queries")
    if not access.may(user, "reading.see_progress", trial):
        charter = trial.charter_in_force
        told = is_locked(trial) or (charter is not None and bool(charter.terms.real_time.sponsor_sees))
        if not (told and access.may(user, "reading.see_package", trial)):
            return []
    return selectors.turnarounds(questions, at)


def listed(questions: Iterable[RealTimeRead]) -> Iterator[tuple[object, ...]]:
    """Return reads on a clock as rows under `COLUMNS`."""
    for one in questions:
        clock, time, in_time = selectors.clock_of(one), selectors.taken(one), selectors.is_in_time(one)
        yield (
            *(one.timepoint.subject.site.code, one.timepoint.subject.code, one.timepoint.code),
            *(one.purpose, one.round, one.state),
            *map(_moment, (one.asked_at, one.started_at, clock.due_at if clock else None, one.answered_at)),
            "" if time is None else round(time.total_seconds() / 3600, 2),
            one.charter.terms.real_time.hours(one.purpose),
            "" if in_time is None else "yes" if in_time else "no",
            one.reader.username if one.reader else "",
        )


def _moment(at: dt.datetime | None) -> str:
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


@dataclass(frozen=True, slots=True)
class ClockCard:
    """What the page of a timepoint shows: its reads on a clock, and whether the person may ask for one."""

    rows: tuple[ClockRow, ...]
    may_ask: bool
    why_not: str


def card_for(user: User, timepoint: Timepoint, why_not: str, at: dt.datetime) -> ClockCard | None:
    """Return what a person sees on the page of a timepoint; None where its charter has no reads on a clock.

    Parameters
    ----------
    why_not
        Why progression cannot be asked for here; empty: it can.
    """
    terms = timepoint.charter.terms.real_time
    if not terms.any or not access.may(user, "reading.watch_real_time", timepoint):
        return None
    questions = selectors.real_time_reads_seen_by(user).filter(timepoint=timepoint)
    asks = terms.asks(Purpose.PROGRESSION) and timepoint.order > 0
    may_ask = asks and access.may(user, "reading.ask_real_time", timepoint)
    rows = tuple(rows_for(user, questions, at))
    if not rows and not may_ask:
        return None
    return ClockCard(rows, may_ask and not why_not, why_not if may_ask else "")
