"""What the pages of training and qualification show: to those examined under codes alone, and to the manager."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance import signing
from compliance.models import Signature, User
from reading import pages, qualifying, selectors
from reading import selectors_qualification as questions
from reading.models import Attempt, CaseRead, CaseReference, QualificationCase, ReadTask
from reading.selectors_qualification import Standing
from reading.services.qualifying import role_of
from reading.states import CaseState, Purpose, ReferenceState
from trials.models import Role, Timepoint, Trial
from trials.reader_terms import COMPARED, ReaderTerms
from trials.selectors import members_with, trials_of

# --- those who are examined: codes only ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """A case of an attempt: its points once it is scored, and where they are shown (empty: not now)."""

    case: str
    kind: str
    points: int
    of: int
    is_scored: bool
    code: str


@dataclass(frozen=True, slots=True)
class TriedOnce:
    """An attempt with its cases; `points`, `of` and `mark` once it is decided by points."""

    attempt: Attempt
    cases: tuple[ScoredCase, ...]

    @property
    def result(self) -> dict[str, Any]:
        """Points, of how many, and the mark."""
        return self.attempt.result


@dataclass(frozen=True, slots=True)
class Examined:
    """What a person has to do, and has done, to read in one trial, which is not named."""

    trial_id: int
    criteria: str
    charter_version: int
    terms: ReaderTerms
    compared: tuple[str, ...]
    standing: Standing
    tried: tuple[TriedOnce, ...]
    shown_sha256: str


def examined(person: User, at: dt.datetime) -> list[Examined]:
    """What is asked of a person, by trial."""
    found = []
    for trial in trials_of(person, *questions.EXAMINED).order_by("pk"):
        charter, terms = trial.charter_in_force, questions.terms_of(trial)
        standing = questions.standing_of(trial, person, at, role=role_of(person, trial))
        if charter is None or terms is None or (standing.state == "not_asked" and not standing.attempts):
            continue
        compared = tuple(COMPARED[name] for name in terms.counted)
        tried = tuple(tried_once(attempt) for attempt in reversed(standing.attempts))
        shown = signing.digest(questions.shown_to_begin(charter))
        found.append(
            Examined(trial.pk, charter.terms.criteria, charter.version, terms, compared, standing, tried, shown)
        )
    return found


def tried_once(attempt: Attempt) -> TriedOnce:
    """An attempt with its cases."""
    reads = attempt.cases.select_related("case").order_by("-case__kind", "pk")
    return TriedOnce(attempt, tuple(_scored(read) for read in reads))


def _scored(read: CaseRead) -> ScoredCase:
    tasks = list(read.tasks())
    points, of = qualifying.counted(read.points)
    shown = read.scored_at is not None and questions.shown_with_reference(tasks[-1]) is not None
    return ScoredCase(
        tasks[0].case_code,
        read.case.kind,
        points,
        of,
        read.scored_at is not None,
        tasks[-1].blinded_code if shown else "",
    )


def cases_to_read(person: User) -> list[pages.ReadRow]:
    """Reads of cases that a person has to do: those begun first."""
    found = selectors.tasks_of(person).filter(purpose=Purpose.QUALIFICATION).exclude(state__in=selectors.SIGNED)
    return [pages.read_row(task) for task in found.order_by("-state", "created_at", "pk")]


# --- the manager ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody who is to qualify."""

    person: User
    role: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case with its timepoints, the reference in force and the last one that was asked for."""

    case: QualificationCase
    timepoints: tuple[Timepoint, ...]
    in_force: CaseReference | None
    latest: CaseReference | None
    times_read: int


def people_of(trial: Trial, at: dt.datetime) -> list[PersonRow]:
    """Everybody of whom the charter in force asks that they qualify, by user name."""
    terms = questions.terms_of(trial)
    if terms is None:
        return []
    rows: dict[int, PersonRow] = {}
    for role in questions.EXAMINED if terms.adjudicators else (Role.READER,):
        people = list(members_with(trial, role))
        standings = questions.standings_of(trial, people, at, role=role)
        for person in people:
            rows.setdefault(person.pk, PersonRow(person, role.label, standings[person.pk]))
    return sorted(rows.values(), key=lambda row: row.person.username)


def case_rows(trial: Trial) -> list[CaseRow]:
    """The trial's cases, those in use first."""
    cases = questions.cases_of(trial).prefetch_related("references__expert").order_by("state", "kind", "subject__code")
    return [case_row(case) for case in cases]


def case_row(case: QualificationCase) -> CaseRow:
    """A case with what there is of it."""
    references = list(case.references.all())
    return CaseRow(
        case,
        tuple(case.subject.timepoints.order_by("order")),
        next((one for one in references if one.state == ReferenceState.APPROVED), None),
        references[-1] if references else None,
        case.reads.exclude(scored_at=None).count(),
    )


def missing_cases(trial: Trial, rows: list[CaseRow]) -> list[str]:
    """What the charter asks for and is not ready, one sentence each."""
    terms = questions.terms_of(trial)
    if terms is None:
        return []
    ready = [row.case.kind for row in rows if row.in_force and row.case.state == CaseState.IN_USE]
    asked = {"training": terms.training_cases or 0, "test": terms.test_cases or 0}
    return [
        f"{ready.count(kind)} of {number} {kind} case{'s' * (number != 1)} with an approved reference."
        for kind, number in asked.items()
        if ready.count(kind) < number
    ]


#: Columns of the list of attempts.
ATTEMPTS = (
    *("person", "attempt", "state", "charter_version", "begun", "decided", "valid_until"),
    *("points", "of", "pass_mark_percent", "tolerance_percent", "cases", "reason"),
)


def attempts_listed(trial: Trial) -> Iterator[tuple[object, ...]]:
    """The rows of the list of attempts; a case is named with the version of its reference."""
    attempts = Attempt.objects.filter(trial=trial).select_related("person", "charter")
    for one in attempts.order_by("person__username", "number"):
        moments = (one.begun_at, one.decided_at, one.valid_until)
        reads = one.cases.select_related("case__subject", "reference").order_by("case__subject__code")
        result = [one.result.get(name, "") for name in ("points", "of", "mark_percent", "tolerance_percent")]
        yield (
            *(one.person.username, one.number, one.state, one.charter.version),
            *(moment.astimezone(dt.UTC).isoformat(timespec="seconds") if moment else "" for moment in moments),
            *result,
            ", ".join(f"{read.case.subject.code} v{read.reference.number}" for read in reads),
            one.why,
        )


@dataclass(frozen=True, slots=True)
class CaseTrace:
    """How a case of an attempt was scored: `rows` are what was asked, where, both answers, and whether they agree."""

    read: CaseRead
    points: int
    of: int
    rows: tuple[tuple[str, str, str, str, bool], ...]


def tried_by(attempt: Attempt) -> tuple[Attempt, list[CaseTrace], list[Signature]]:
    """Somebody's attempt with its trace and signatures."""
    traces = []
    for read in attempt.cases.select_related("case__subject", "reference").order_by("-case__kind", "pk"):
        unit = qualifying.unit_of(read.tasks()[0])
        rows = tuple(
            (
                qualifying.ASKED[one["item"]],
                one["timepoint"],
                qualifying.said(one["item"], one["own"], unit),
                qualifying.said(one["item"], one["reference"], unit),
                one["agrees"],
            )
            for one in read.points
        )
        traces.append(CaseTrace(read, *qualifying.counted(read.points), rows))
    return attempt, traces, list(signing.signatures_on(attempt))


def findings_of(reference: CaseReference) -> list[tuple[ReadTask, list[tuple[str, str, str]], str]]:
    """What an expert signed of each timepoint: lesions (label, organ, what was found), and the response."""
    found = []
    for task in reference.tasks():
        if task.state not in selectors.SIGNED:
            continue
        content: Any = task.assessment.content()
        derived = content["derivation"]
        size = derived.get("sum_mm")
        said = derived.get("overall") or ("baseline" if size is None else f"baseline, sum {size} mm")
        rows = [
            (
                row["lesion"],
                row["organ"],
                f"{row['diameter_mm']} mm" if row["diameter_mm"] else row["state"].replace("_", " ").lower(),
            )
            for row in content["measurements"]
        ]
        found.append((task, rows, said))
    return found
