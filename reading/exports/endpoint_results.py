"""What the endpoint figures are drawn from: a locked trial's results by each reader and as accepted, arms pooled.

Times count as in ADaM: end - start + 1, so that the study day of an event is its time from day 1. The core lab knows
neither deaths nor new treatments, so that progression is the one event; whoever was not seen to progress is followed
until the last timepoint that could be evaluated, or for one day without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from reading.exports.locked import LockedRead, LockedResult, LockedSubject, LockedTimepoint, LockedTrial, plain

ACCEPTED = "accepted"
#: Changes when what is kept of a trial changes its form, so that an older one is computed anew.
FORM = 1


@dataclass(frozen=True, slots=True)
class Visit:
    """A timepoint that was read: study day, weeks since the baseline scan, and percent change of the burden."""

    code: str
    day: int
    weeks: float | None
    overall: str
    change_percent: float | None
    new_lesion: bool


@dataclass(frozen=True, slots=True)
class Course:
    """A subject by one set of results; visits from the baseline until progression.

    `progression_day` and `response_day` are study days; `duration_days` is that of the response, None without one.
    `progressed` tells an event from the end of follow-up, for both times.
    """

    subject: str
    bor: str
    last_day: int | None
    withdrawn: bool
    progressed: bool
    free_days: int
    response_day: int | None
    progression_day: int | None
    duration_days: int | None
    visits: tuple[Visit, ...]

    @property
    def changes(self) -> list[tuple[Visit, float]]:
        """Visits with a complete value, and the change from baseline there."""
        return [(visit, visit.change_percent) for visit in self.visits if visit.change_percent is not None]


@dataclass(frozen=True, slots=True)
class ResultSet:
    """All subjects by one reader's place, or as accepted; `name` is part of addresses."""

    name: str
    title: str
    subjects: tuple[Course, ...]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """A locked trial's endpoints; `terms` are its responses from best to worst."""

    trial: str
    criteria: str
    burden: str
    unit: str
    thresholds_percent: tuple[float, ...]
    terms: tuple[str, ...]
    responders: tuple[str, ...]
    sets: tuple[ResultSet, ...]

    def results(self, name: str) -> ResultSet | None:
        """Find a set of results by its name."""
        return next((found for found in self.sets if found.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found: dict[str, Any] = plain(self)
        return {"form": FORM, **found}


def endpoints(trial: LockedTrial) -> Endpoints:
    """Return what the figures need of a locked trial: as accepted first, then by each reader where there are two."""
    evalids = trial.evalids if len(trial.evalids) > 1 else ()
    criteria = trial.criteria
    return Endpoints(
        trial=trial.code,
        criteria=criteria.name,
        burden=criteria.burden,
        unit=criteria.burden_unit,
        thresholds_percent=tuple(float(threshold) for threshold in criteria.thresholds_percent),
        terms=tuple(term.value for term in criteria.terms),
        responders=criteria.responders,
        sets=(
            ResultSet(ACCEPTED, "Accepted reads", _courses(trial, "")),
            *(ResultSet(name.lower().replace(" ", "-"), name.capitalize(), _courses(trial, name)) for name in evalids),
        ),
    )


def kept(found: Mapping[str, Any]) -> Endpoints | None:
    """Return endpoints from their JSON; None where it has an older form."""
    if found.get("form") != FORM:
        return None
    sets = tuple(
        ResultSet(one["name"], one["title"], tuple(_course_kept(course) for course in one["subjects"]))
        for one in found["sets"]
    )
    return Endpoints(
        trial=found["trial"],
        criteria=found["criteria"],
        burden=found["burden"],
        unit=found["unit"],
        thresholds_percent=tuple(found["thresholds_percent"]),
        terms=tuple(found["terms"]),
        responders=tuple(found["responders"]),
        sets=sets,
    )


def _course_kept(found: Mapping[str, Any]) -> Course:
    values = {field.name: found[field.name] for field in fields(Course)}
    return Course(**(values | {"visits": tuple(Visit(**visit) for visit in found["visits"])}))


def courses_of(trial: LockedTrial, subject: LockedSubject) -> Iterator[tuple[LockedResult, Course]]:
    """Give each result of a subject with the course that it rests on: of one reader, or of the accepted reads."""
    for result in subject.results:
        evalid = "" if result.accepted else result.evalid
        yield result, _course(subject, result, evalid, not_evaluable(trial), trial.criteria.responders)


def not_evaluable(trial: LockedTrial) -> set[str]:
    """Return the responses that say that nothing can be said."""
    return {term.value for term in trial.criteria.terms if term.chip == "NE"} | {"NE", ""}


def _courses(trial: LockedTrial, evalid: str) -> tuple[Course, ...]:
    unknown = not_evaluable(trial)
    courses = []
    for subject in trial.subjects:
        result = _result(subject, evalid)
        if result is not None:
            courses.append(_course(subject, result, evalid, unknown, trial.criteria.responders))
    return tuple(courses)


def _result(subject: LockedSubject, evalid: str) -> LockedResult | None:
    if not evalid:
        return subject.result
    return next((result for result in subject.results if result.evalid == evalid), None)


def _course(
    subject: LockedSubject, result: LockedResult, evalid: str, unknown: set[str], responders: Sequence[str]
) -> Course:
    read = _read_until_progression(subject, result, evalid)
    visits = tuple(_visit(subject, timepoint, found) for timepoint, found in read)
    days = {visit.code: visit.day for visit in visits}
    progression, response = days.get(result.progression), days.get(result.first_response)
    evaluable = [visit.day for visit in visits if visit.overall not in unknown and visit.day > 0]
    end = progression if progression is not None else max(evaluable, default=1)
    responded = response is not None and result.bor in responders
    scans = [timepoint.study_day for timepoint in subject.timepoints if timepoint.study_day is not None]
    return Course(
        subject=subject.code,
        bor=result.bor,
        last_day=max(scans, default=None),
        withdrawn=subject.state in ("withdrawn", "consent_withdrawn"),
        progressed=progression is not None,
        free_days=max(end, 1),
        response_day=response if responded else None,
        progression_day=progression,
        duration_days=max(end - response + 1, 1) if responded and response is not None else None,
        visits=visits,
    )


def _read_until_progression(
    subject: LockedSubject, result: LockedResult, evalid: str
) -> list[tuple[LockedTimepoint, LockedRead]]:
    found: list[tuple[LockedTimepoint, LockedRead]] = []
    for timepoint in subject.timepoints:
        reads = (read for read in timepoint.reads if (read.evalid == evalid if evalid else read.accepted))
        if (read := next(reads, None)) is not None:
            found.append((timepoint, read))
        if timepoint.code == result.progression:
            break
    return found


def _visit(subject: LockedSubject, timepoint: LockedTimepoint, read: LockedRead) -> Visit:
    change = read.change_from_baseline_percent
    return Visit(
        code=timepoint.code,
        day=_day(timepoint),
        weeks=_weeks(subject, timepoint),
        overall=read.overall,
        change_percent=None if change is None else float(change),
        new_lesion=bool(read.new_lesion),
    )


def _day(timepoint: LockedTimepoint) -> int:
    # As responses are derived: a scan without a day stands where it was planned.
    return timepoint.planned_day if timepoint.study_day is None else timepoint.study_day


def _weeks(subject: LockedSubject, timepoint: LockedTimepoint) -> float | None:
    """Return the weeks from the baseline scan to a later one; None where one of them has no day."""
    baseline, scan = _elapsed(subject.timepoints[0].study_day), _elapsed(timepoint.study_day)
    return None if baseline is None or scan is None or scan <= baseline else (scan - baseline) / 7


def _elapsed(study_day: int | None) -> int | None:
    # There is no study day 0 (SDTMIG 4.4.4).
    return study_day - 1 if study_day and study_day > 0 else study_day
