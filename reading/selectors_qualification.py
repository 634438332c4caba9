"""Questions about training and qualification: who may read, whose turn it is, and when a reference is shown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from compliance.models import User
from reading.models import Attempt, CaseRead, CaseReference, QualificationCase, ReadTask
from reading.states import (
    QUALIFIED,
    UNDER_WAY,
    AttemptState,
    CaseState,
    Purpose,
    ReferenceState,
)
from trials.models import ImagingCharter, Role, Trial
from trials.reader_terms import ReaderTerms
from trials.selectors import members_with, trials_of
from trials.states import SubjectState

#: Roles that may be asked to qualify.
EXAMINED = (Role.READER, Role.ADJUDICATOR)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in a trial.

    `state` is not_asked, to_do, begun, passed, waived, expired or failed; `is_open`: the person may read. `left` are
    the attempts that the person may still begin without the manager.
    """

    person: User
    state: str
    is_open: bool
    left: int
    attempts: tuple[Attempt, ...]

    @property
    def latest(self) -> Attempt | None:
        """The last attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def may_begin(self) -> bool:
        """Whether the person may begin an attempt now."""
        prepared = self.latest is not None and self.latest.state == AttemptState.PREPARED
        return self.state in ("to_do", "expired", "failed") and (prepared or self.left > 0)


def shown_to_begin(charter: ImagingCharter) -> dict[str, Any]:
    """What a person has before them who signs to begin: the statement, under this version of the charter."""
    return {"charter": charter.sha256, "statement": charter.terms.qualification.statement}


def shown_to_waive(standing: Standing) -> dict[str, Any]:
    """What a manager has before them who waives the rest: where the person stands, and how each attempt came out."""
    tried = [[one.number, str(one.state), one.result] for one in standing.attempts]
    return {"person": standing.person.username, "state": standing.state, "attempts": tried}


def terms_of(trial: Trial) -> ReaderTerms | None:
    """What the charter in force asks of readers; None where it asks nothing."""
    charter = trial.charter_in_force
    terms = charter.terms.qualification if charter else None
    return terms if terms and terms.asked else None


def standings_of(
    trial: Trial, people: Iterable[User], at: dt.datetime, *, role: Role = Role.READER
) -> dict[int, Standing]:
    """Where people stand in a trial in a role, by the person's key."""
    people, terms = list(people), terms_of(trial)
    attempts: dict[int, list[Attempt]] = {}
    for attempt in Attempt.objects.filter(trial=trial, person__in=people).select_related("charter").order_by("number"):
        attempts.setdefault(attempt.person_id, []).append(attempt)
    if role == Role.ADJUDICATOR and terms and not terms.adjudicators:
        terms = None
    return {person.pk: _standing(person, attempts.get(person.pk, []), terms, at) for person in people}


def standing_of(trial: Trial, person: User, at: dt.datetime, *, role: Role = Role.READER) -> Standing:
    """Where a person stands in a trial in a role."""
    return standings_of(trial, [person], at, role=role)[person.pk]


def _standing(person: User, attempts: Sequence[Attempt], terms: ReaderTerms | None, at: dt.datetime) -> Standing:
    kept = tuple(attempts)
    if terms is None:
        return Standing(person, "not_asked", True, 0, kept)
    failed = 0
    for attempt in attempts:
        failed = 0 if attempt.state in QUALIFIED else failed + (attempt.state == AttemptState.FAILED)
    left = max(terms.most_attempts - failed, 0)
    if qualifying := [one for one in attempts if one.qualifies(at)]:
        return Standing(person, qualifying[-1].state, True, left, kept)
    last = attempts[-1].state if attempts else AttemptState.PREPARED
    state = {AttemptState.PREPARED: "to_do", AttemptState.BEGUN: "begun", AttemptState.FAILED: "failed"}
    return Standing(person, state.get(AttemptState(last), "expired"), False, left, kept)


def able(trial: Trial, role: Role, at: dt.datetime) -> list[User]:
    """People who hold a role in a trial and may be given work in it: those who qualified, where that is asked."""
    people = list(members_with(trial, role))
    standings = standings_of(trial, people, at, role=role)
    return [person for person in people if standings[person.pk].is_open]


def is_open_to(task: ReadTask, at: dt.datetime) -> bool:
    """Tell whether a read's reader may read now; cases of the qualification itself are open to everybody."""
    if task.purpose == Purpose.QUALIFICATION:
        return True
    return standing_of(task.timepoint.subject.trial, task.reader, at).is_open


def trials_closed_to(reader: User, at: dt.datetime) -> set[int]:
    """Trials in which a person reads and has not qualified, or no more."""
    return {trial.pk for trial in trials_of(reader, Role.READER) if not standing_of(trial, reader, at).is_open}


def cases_of(trial: Trial) -> QuerySet[QualificationCase]:
    """The trial's cases, by kind and code."""
    return QualificationCase.objects.filter(subject__trial=trial).select_related("subject__site", "subject__trial")


def cases_managed_by(user: User) -> QuerySet[QualificationCase]:
    """Cases of the trials whose reading the person manages."""
    trials = trials_of(user, Role.READING_MANAGER)
    return QualificationCase.objects.filter(subject__trial__in=trials).select_related("subject__site", "subject__trial")


def references_managed_by(user: User) -> QuerySet[CaseReference]:
    """References of the trials whose reading the person manages."""
    trials = trials_of(user, Role.READING_MANAGER)
    found = CaseReference.objects.filter(case__subject__trial__in=trials)
    return found.select_related("case__subject__trial", "expert")


def references_in_force(trial: Trial) -> list[CaseReference]:
    """The approved reference of each case that is in use, by the code of the case."""
    found = CaseReference.objects.filter(
        case__subject__trial=trial,
        # Who withdrew consent is a case no more.
        case__subject__state=SubjectState.CASE,
        case__state=CaseState.IN_USE,
        state=ReferenceState.APPROVED,
    )
    return list(found.select_related("case__subject__trial", "expert").order_by("case__subject__code"))


def case_reads_of(person: User) -> QuerySet[CaseRead]:
    """Cases that a person reads or read to qualify, in trials where that is the person's role now."""
    found = CaseRead.objects.filter(attempt__person=person, attempt__trial__in=trials_of(person, *EXAMINED))
    return found.select_related("attempt__trial", "attempt__charter", "case__subject__trial", "reference__case")


def shown_with_reference(task: ReadTask) -> CaseRead | None:
    """The case to which a read belongs, once its reader may see the reference; None: not now.

    That is when every timepoint of the case is signed and scored, and the reader has it not before them again.
    """
    if task.purpose != Purpose.QUALIFICATION:
        return None
    found = CaseRead.objects.filter(case__subject=task.timepoint.subject_id, attempt__person=task.reader_id)
    again = found.filter(scored_at=None, attempt__state__in=UNDER_WAY).exists()
    scored = found.filter(slot=task.slot).exclude(scored_at=None)
    return None if again else scored.select_related("attempt__charter", "reference__case", "case__subject").first()
