"""A trial that nobody read: its charter and schedule, with results made up by a table, for a dry run.

Nothing here asks for a site, a subject, a scan, a read or an adjudication of the trial: what is not reached cannot
leak. The same charter gives the same values. Each row names a subject `DRY-…`, and each read counts as simulated.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.errors import HouseError
from reading.agreement_inputs import BurdenPair, Case, Pair, VariabilityInputs
from reading.criteria import Criteria
from reading.criteria.discordance import Trigger as Found
from reading.criteria.discordance import discordant
from reading.criteria.recist11 import Recist11
from reading.derivation import pack_of
from reading.exports import dummy_reads
from reading.exports.dicom_objects import uid_of
from reading.exports.dummy_reads import COMMENT, COURSES, MISSED, Course, letter_at
from reading.exports.locked import (
    ADJUDICATED,
    ADJUDICATOR,
    CONSENSUS,
    LockedAdjudication,
    LockedPicture,
    LockedResult,
    LockedSubject,
    LockedTimepoint,
    LockedTrial,
    Trigger,
    evalid,
)
from reading.exports.locked_review import LockedReview
from reading.exports.locked_series import LockedSeries
from reading.exports.locked_work import LockedWork
from reading.exports.signed_work import ADJUDICATION, READ
from reading.exports.snapshot import charters_of, locked_criteria
from reading.services.measuring import agreement_of
from trials.charter import Charter, Visit
from trials.models import Trial
from trials.schedule import date_of, visit_window

SITES = (("DRY-A", "Dry run, site A"), ("DRY-B", "Dry run, site B"))
#: Day 1 of all of them: a day before there was any trial here.
DAY_1 = dt.date(2000, 1, 3)
_IMAGES, _BYTES = 60, 524_288
_CLASSES = {"MR": "1.2.840.10008.5.1.4.1.1.4", "PT": "1.2.840.10008.5.1.4.1.1.128"}
_CT = "1.2.840.10008.5.1.4.1.1.2"
#: Days from a scan until it was read, and from the last one until it was adjudicated.
_READ_AFTER, _DECIDED_AFTER = 7, 14
_DATES = {"progression_date": "progression_day", "first_response_date": "first_response_day"}


class NoDryRun(HouseError):
    """The charter is not in force, or results by its criteria are not made up yet."""

    code = "no_dry_run"
    status = 409


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the charter says of every dummy subject."""

    trial: str
    charter: Charter
    pack: Criteria[Any]
    visits: tuple[Visit, ...]


def pack_of_dummies(trial: Trial) -> Criteria[Any]:
    """Return the criteria by which results of a trial are made up.

    Raises
    ------
    NoDryRun
    """
    in_force = trial.charter_in_force
    if in_force is None:
        raise NoDryRun(f"There is no dry run of trial {trial.code} yet, because its charter is not signed.")
    pack = pack_of(in_force)
    if not isinstance(pack, Recist11):
        raise NoDryRun(
            f"There is no dry run of trial {trial.code}: results by {pack.identifier} are not made up yet, only "
            "those by RECIST 1.1 and mRECIST."
        )
    if not any(visit.is_for("") for visit in in_force.terms.schedule):
        raise NoDryRun(f"There is no dry run of trial {trial.code}: every visit of its charter is of one arm alone.")
    return pack


def dummy_trial(trial: Trial) -> LockedTrial:
    """Return a trial as its charter plans it, with results that are nobody's.

    Raises
    ------
    NoDryRun
    """
    pack, charter = pack_of_dummies(trial), trial.charter_in_force.terms
    plan = _Plan(trial.code, charter, pack, tuple(visit for visit in charter.schedule if visit.is_for("")))
    charters, signatures = charters_of(trial)
    subjects = tuple(_subject(plan, number, SITES[number % len(SITES)][0]) for number in range(len(COURSES)))
    return LockedTrial(
        code=trial.code,
        # Files that name the trial's title say so, too: ODM, Define-XML, the report.
        title=f"DRY RUN, made up: {trial.title}",
        indication=trial.indication,
        sponsor=trial.sponsor_name,
        locked_at=charters[-1].signed_at,
        criteria=locked_criteria(pack),
        sites=SITES,
        charters=charters,
        signatures=signatures,
        subjects=subjects,
        variability=agreement_of(trial.code, pack, _inputs(subjects)),
        dry_run=True,
    )


def _subject(plan: _Plan, number: int, site: str) -> LockedSubject:
    code = f"DRY-{number + 1:03d}"
    slots = range(1, plan.charter.readers_per_timepoint + 1)
    courses = tuple(dummy_reads.course(plan.pack, plan.visits, number, slot) for slot in slots)
    visits = tuple(_visit(plan, code, number, order, courses) for order in range(len(plan.visits)))
    adjudications = tuple(_adjudications(plan.charter, courses, visits))
    return LockedSubject(
        code=code,
        site=site,
        state="enrolled",
        shifted_day_1=DAY_1,
        timepoints=visits,
        lesions=tuple(lesion for one in courses for lesion in dummy_reads.lesions(one)),
        results=tuple(_results(courses, adjudications)),
        adjudications=adjudications,
        reviews=tuple(_reviews(visits)) if plan.charter.reads.global_review else (),
        work=tuple(_work(visits, adjudications)),
    )


def _visit(plan: _Plan, subject: str, number: int, order: int, courses: Sequence[Course]) -> LockedTimepoint:
    visit = plan.visits[order]
    first_day, last_day = visit_window(visit.day, visit.window_before, visit.window_after)
    planned: dict[str, Any] = {
        "code": visit.code,
        "name": visit.name,
        "order": order,
        "planned_day": visit.day,
        "window_first_day": first_day,
        "window_last_day": last_day,
    }
    if letter_at(number, 1, order) == MISSED:
        return LockedTimepoint(**planned, images="missed", qc="not_ready", reading="not_ready")
    place = ("dry run", plan.trial, subject, visit.code)
    study, picture = uid_of(*place), uid_of(*place, "picture")
    series = [
        LockedSeries(
            study,
            uid_of(*place, one.label),
            one.modality,
            one.label,
            True,
            _IMAGES,
            _IMAGES * _BYTES,
            hashlib.sha256("\0".join((*place, one.label)).encode()).hexdigest(),
        )
        for one in plan.charter.series
        if one.required
    ]
    shown = [
        LockedPicture(picture, _CLASSES.get(one.modality, _CT), one.series_instance_uid, study, one.modality)
        for one in series[:1]
    ]
    return LockedTimepoint(
        **planned,
        images="received",
        qc="cleared",
        reading="read",
        study_day=visit.day,
        shifted_date=date_of(visit.day, DAY_1),
        series_read=len(series),
        study_instance_uid=study,
        pictures=tuple(shown),
        series=tuple(sorted(series, key=lambda one: one.series_instance_uid)),
        reads=tuple(dummy_reads.read(one, visit.code, plan.pack, picture if shown else "") for one in courses),
    )


def _adjudications(
    charter: Charter, courses: Sequence[Course], visits: Sequence[LockedTimepoint]
) -> Iterator[LockedAdjudication]:
    """Adjudicate as the charter says; the first reader's evaluation is the one that is chosen."""
    if len(courses) < 2:
        return
    terms = charter.adjudication
    by_subject = terms.by == "subject"
    found = discordant(
        courses[0].outcome,
        courses[1].outcome,
        terms.triggers if by_subject else ("overall_response",),
        terms.date_window_days,
    )
    told = tuple(trigger for one in found for trigger in _spread(one, courses, visits))
    how: dict[str, Any] = {
        "chosen": evalid(1),
        "rationale": COMMENT,
        "simulated": True,
        "by_consensus": terms.by_consensus,
    }
    for place, triggers in {"": told}.items() if by_subject else ((one.timepoint, (one,)) for one in told):
        if triggers:
            yield LockedAdjudication(place, triggers, **how)


def _spread(found: Found, courses: Sequence[Course], visits: Sequence[LockedTimepoint]) -> Iterator[Trigger]:
    """Tell a trigger as packages do: by visit; dates as visit and study day."""
    days = {visit.code: visit.study_day for visit in visits}
    if found.name in _DATES:
        codes = [course.on(getattr(course.outcome, _DATES[found.name])) for course in courses]
        yield Trigger(
            found.name,
            "; ".join(found.timepoint_ids),
            *(f"{code}, day {days[code]}" if code else "none" for code in codes),
        )
        return
    for place, (first, second) in zip(found.timepoint_ids or ("",), found.values, strict=True):
        yield Trigger(found.name, place, first, second)


def _results(courses: Sequence[Course], adjudications: Sequence[LockedAdjudication]) -> Iterator[LockedResult]:
    """Give each reader's result and the one that counts: the first reader's, who is always chosen."""
    by_visit = any(one.timepoint for one in adjudications)
    for course in courses:
        found = course.outcome
        yield LockedResult(
            evalid=evalid(course.slot),
            accepted=course.slot == 1 and not by_visit,
            bor=found.bor,
            confirmed=found.bor_confirmed,
            progression=course.on(found.progression_day),
            first_response=course.on(found.first_response_day),
        )
    if by_visit:
        first = courses[0]
        dates = (first.on(day) for day in (first.outcome.progression_day, first.outcome.first_response_day))
        yield LockedResult(ADJUDICATED, True, first.outcome.bor, None, *dates)


def _reviews(visits: Sequence[LockedTimepoint]) -> Iterator[LockedReview]:
    """Let each reader confirm each response at the end."""
    at = _days_after(visits, _DECIDED_AFTER)
    for visit in visits:
        for read in visit.reads:
            if read.overall:
                yield LockedReview(read.evalid, visit.code, read.overall, read.overall, "", at)


def _work(visits: Sequence[LockedTimepoint], adjudications: Sequence[LockedAdjudication]) -> Iterator[LockedWork]:
    for visit in visits:
        for read in visit.reads:
            yield LockedWork(READ, visit.code, read.evalid, 1, _days_after([visit], _READ_AFTER))
    for one in adjudications:
        who = CONSENSUS if one.by_consensus else ADJUDICATOR
        yield LockedWork(ADJUDICATION, one.timepoint or "SUBJECT", who, 1, _days_after(visits, _DECIDED_AFTER))


def _days_after(visits: Sequence[LockedTimepoint], days: int) -> dt.datetime:
    last = max(visit.shifted_date for visit in visits if visit.shifted_date)
    return dt.datetime.combine(last + dt.timedelta(days=days), dt.time(12), dt.UTC)


def _inputs(subjects: Sequence[LockedSubject]) -> VariabilityInputs:
    """Pair what the two readers found, as agreement is computed from it."""
    burdens, responses, best, cases = list[BurdenPair](), list[Pair](), list[Pair](), list[Case]()
    names = evalid(1), evalid(2)
    for subject in subjects:
        for visit in subject.timepoints:
            if len(visit.reads) != 2:
                continue
            first, second = visit.reads
            if first.sum_mm is not None and second.sum_mm is not None:
                burdens.append(BurdenPair(subject.code, visit.code, first.sum_mm, second.sum_mm, ()))
            if first.overall and second.overall:
                responses.append(Pair(subject.code, visit.code, first.overall, second.overall))
        results = [one.bor for one in subject.results if one.evalid in names]
        if len(results) == 2:
            best.append(Pair(subject.code, "", *results))
            triggers = tuple(dict.fromkeys(t.name for one in subject.adjudications for t in one.triggers))
            adjudicated = bool(subject.adjudications)
            chosen = names[0] if adjudicated else None
            cases.append(Case(subject.code, *names, adjudicated, chosen, subject.site, DAY_1, triggers, ()))
    return VariabilityInputs(tuple(burdens), tuple(responses), tuple(best), tuple(cases))
