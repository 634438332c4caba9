"""From the records of a locked trial to plain values. What is not read here cannot reach a package."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from compliance import signing
from compliance.errors import HouseError
from compliance.models import Record
from imaging.models import Finding, TransferForm
from imaging.states import ReviewState, Verdict
from reading import derivation, selectors
from reading.criteria import Criteria
from reading.criteria.base import Term
from reading.criteria.values import as_json
from reading.criteria.values import plain as exact_text
from reading.exports.archived import Archived, archived_of
from reading.exports.drawn import Painted, mark_in, pictures_of, segments_in
from reading.exports.earlier_locks import confirmed_proposal, earlier_locks
from reading.exports.endpoint_queries import queries
from reading.exports.endpoint_real_time import real_time_reads
from reading.exports.locked import (
    ADJUDICATED,
    NOT_READ,
    LockedAdjudication,
    LockedCharter,
    LockedCriteria,
    LockedFigure,
    LockedInterim,
    LockedLesion,
    LockedMeasurement,
    LockedParameter,
    LockedRead,
    LockedResult,
    LockedSubject,
    LockedTerm,
    LockedTimepoint,
    LockedTrial,
    RuleStep,
    Signed,
    Trigger,
    evalid,
)
from reading.exports.locked_review import LockedReview
from reading.exports.signed_work import shift_of, shifted, signed_work
from reading.exports.values import derived_values, entered_values
from reading.models import Adjudication, Lesion
from reading.models.segment import segments_by_read
from reading.selectors import ReadResult, SlotResult, SubjectResult
from reading.selectors_people import read_unblinded
from reading.selectors_reviews import signed_reviews
from reading.services.measuring import variability_report
from trials.models import Freeze, ImagingCharter, Timepoint, Trial
from trials.schedule import date_of
from trials.states import OPEN_CHARTER, FormState

#: What a signed derivation and its recomputation must have in common.
_DERIVED = ("overall", "target", "nontarget", "new_lesion", "sum_mm", "nadir_mm", "quantities")
_DATE_TRIGGERS = {"progression_date": "progression_day", "first_response_date": "first_response_day"}


class NotReproducible(HouseError):
    """A response that a reader signed does not come out again from that reader's measurements."""

    code = "not_reproducible"
    status = 409


def snapshot(trial: Trial) -> LockedTrial:
    """Return everything that an export may state of a trial, in an order that codes and the schedule decide.

    Raises
    ------
    NotReproducible
        A signed response is not what its rules derive from the measurements today.
    """
    proposal = confirmed_proposal(trial)
    signatures = [
        *_signatures(trial, "Database lock", standing=True),
        *(_signatures(proposal, "Proposal of the database lock") if proposal else ()),
    ]
    assert trial.locked_at is not None
    return dataclasses.replace(
        _snapshot(trial, _in_force_once(trial), trial.locked_at, signatures, selectors.subject_results(trial)),
        queries=queries(trial),
        earlier_locks=earlier_locks(trial),
        proposed_sha256=proposal.content_sha256 if proposal else "",
    )


def interim_snapshot(freeze: Freeze) -> LockedTrial:
    """Return what the package of an interim lock may state: the subjects that it covers, up to its cut-off.

    Raises
    ------
    NotReproducible
    """
    covered = {one.subject.code: one for one in freeze.covered.select_related("subject__trial", "subject__site")}
    results = (selectors.subject_result(one.subject, one.through) for _, one in sorted(covered.items()))
    signatures = _signatures(freeze, str(freeze).capitalize(), standing=True)
    stood_at = freeze.confirmed_at or freeze.made_at
    # Versions that came into force later are not what it was read by.
    charters = [one for one in _in_force_once(freeze.trial) if one.signed_at and one.signed_at <= stood_at]
    made = _snapshot(freeze.trial, charters, stood_at, signatures, results)
    visits = {(subject.code, visit.code) for subject in made.subjects for visit in subject.timepoints}
    sites = {subject.site for subject in made.subjects}
    asked = made.real_time
    return dataclasses.replace(
        made,
        sites=tuple(site for site in made.sites if site[0] in sites),
        # A charter may be signed again while the trial goes on, for subjects that are moved to it.
        signatures=tuple(mark for mark in made.signatures if mark.at <= stood_at),
        # As they were then: a subject's course goes on under the lock.
        subjects=tuple(dataclasses.replace(one, state=covered[one.code].state) for one in made.subjects),
        real_time=None if asked is None else tuple(q for q in asked if (q.subject, q.timepoint) in visits),
        queries=tuple(query for query in queries(freeze.trial) if (query.subject, query.timepoint) in visits),
        interim=LockedInterim(
            freeze.number,
            freeze.purpose,
            freeze.cut_off,
            tuple((code, one.through) for code, one in sorted(covered.items())),
        ),
    )


def _snapshot(
    trial: Trial,
    charters: Sequence[ImagingCharter],
    closed_at: dt.datetime,
    signatures: Iterable[Signed],
    results: Iterable[SubjectResult],
) -> LockedTrial:
    """Return what a package states of these results, under these versions of the charter."""
    pack = derivation.pack_of(charters[-1])
    subjects = list[LockedSubject]()
    variability = _variability(trial, _told(results, subjects, closed_at), subjects)
    return LockedTrial(
        code=trial.code,
        title=trial.title,
        indication=trial.indication,
        sponsor=trial.sponsor_name,
        locked_at=closed_at,
        criteria=locked_criteria(pack),
        sites=tuple(sorted((site.code, site.name) for site in trial.sites.all())),
        charters=tuple(map(_charter, charters)),
        signatures=tuple(
            sorted((*_charters_signed(charters), *signatures), key=lambda mark: (mark.at, mark.what, mark.printed_name))
        ),
        variability=variability,
        subjects=tuple(subjects),
        real_time=real_time_reads(trial),
    )


def charters_of(trial: Trial) -> tuple[tuple[LockedCharter, ...], tuple[Signed, ...]]:
    """Return the signed versions of a trial's charter, and their signatures."""
    charters = _in_force_once(trial)
    signed = sorted(_charters_signed(charters), key=lambda mark: (mark.at, mark.what, mark.printed_name))
    return tuple(map(_charter, charters)), tuple(signed)


def _in_force_once(trial: Trial) -> list[ImagingCharter]:
    return sorted(trial.charters.exclude(state__in=OPEN_CHARTER), key=lambda charter: charter.version)


def _charters_signed(charters: Iterable[ImagingCharter]) -> Iterable[Signed]:
    for charter in charters:
        yield from _signatures(charter, f"Imaging charter, version {charter.version}")


def locked_criteria(pack: Criteria[Any]) -> LockedCriteria:
    """Return a pack with its parameters as used, and what a report needs to know of it."""
    values: dict[str, Any] = {name: as_json(value) for name, value in pack.settings.items()}
    return LockedCriteria(
        pack.stamp.criteria,
        pack.stamp.version,
        pack.stamp.parameters_sha256,
        tuple(LockedParameter(p.name, p.title, values[p.name], p.source) for p in pack.parameters),
        tuple(LockedTerm(str(term.value), term.words, _chip(term)) for term in pack.terms),
        tuple(str(term.value) for term in pack.terms if term.value in pack.responses),
        tuple(LockedFigure(figure.key, figure.short, figure.unit) for figure in pack.figures),
        pack.burden.title,
        pack.burden.unit,
        tuple(pack.number(name) * (-1 if "decrease" in name else 1) for name in pack.thresholds),
        pack.measured_as,
    )


def _chip(term: Term) -> str:
    """Return the response of RECIST whose colour a response takes; empty for one that is no degree of response."""
    responses = {"ok": "CR" if term.degree == 0 else "PR", "bad": "PD", "wait": "NE"}
    return responses.get(term.tone, "" if term.degree is None else "SD")


def _told(
    results: Iterable[SubjectResult], subjects: list[LockedSubject], closed_at: dt.datetime
) -> Iterator[SubjectResult]:
    """Pass the results on, each put among the locked subjects first: what it holds of the database goes with it."""
    for result in results:
        subjects.append(_subject(result, closed_at))
        yield result


def _variability(trial: Trial, results: Iterable[SubjectResult], told: Sequence[LockedSubject]) -> dict[str, Any]:
    """Agreement by the readers' places; what is told of each reader by name is the core lab's own affair.

    `told` has each subject, with its visits, once its result was gone through.
    """
    report = variability_report(
        trial, results, within=lambda: {(one.code, visit.code) for one in told for visit in one.timepoints}
    )
    adjudication = {name: value for name, value in report["adjudication"].items() if name != "readers"}
    return {**report, "adjudication": adjudication}


def _charter(charter: ImagingCharter) -> LockedCharter:
    assert charter.signed_at is not None
    return LockedCharter(charter.version, charter.sha256, charter.signed_at, charter.change_summary, charter.sealed)


def _signatures(about: Record, what: str, *, standing: bool = False) -> list[Signed]:
    """The signatures on a record; of a lock those that stand, as those of earlier ones were ended."""
    return [
        Signed(what, mark.printed_name, mark.get_meaning_display(), mark.at, mark.content_sha256)
        for mark in signing.signatures_on(about)
        if not (standing and mark.ended)
    ]


def _subject(result: SubjectResult, closed_at: dt.datetime) -> LockedSubject:
    subject = result.subject
    beside = _beside(result, closed_at)
    timepoints = tuple(_timepoint(timepoint, result.slots, beside) for timepoint in result.timepoints)
    lesions = [
        _lesion(lesion, slot.slot)
        for slot in result.slots
        for lesion in Lesion.objects.filter(reader=slot.reader, subject=subject).select_related("first_seen__timepoint")
        if result.through is None or lesion.first_seen.timepoint.order <= result.through
    ]
    order = {None: -1} | {timepoint.pk: timepoint.order for timepoint in result.timepoints}
    day_1 = next((placed for visit in timepoints if (placed := _shifted_day_1(visit))), None)
    shift = shift_of(result, day_1)
    return LockedSubject(
        code=subject.code,
        site=subject.site.code,
        state=subject.state,
        shifted_day_1=day_1,
        timepoints=timepoints,
        lesions=tuple(sorted(lesions, key=lambda lesion: (lesion.evalid, lesion.number))),
        results=_results(result),
        adjudications=tuple(
            _adjudication(adjudication, result, timepoints)
            for adjudication in sorted(result.adjudications, key=lambda a: order[a.timepoint_id])
        ),
        reviews=tuple(_reviews(result, shift)),
        work=signed_work(result, shift),
    )


def _reviews(result: SubjectResult, shift: dt.timedelta | None) -> Iterable[LockedReview]:
    # What a global review says rests on every visit, and is no part of a result up to one of them.
    reviews = {} if result.through is not None else signed_reviews(result.subject)
    for slot in result.slots:
        review = reviews.get(slot.slot)
        if review is None or review.signed_at is None:
            continue
        for read in slot.reads:
            if read.response:
                said = read.response.overall, read.overall, read.changed_because
                yield LockedReview(evalid(slot.slot), read.timepoint.code, *said, shifted(review.signed_at, shift))


def _shifted_day_1(timepoint: LockedTimepoint) -> dt.date | None:
    """Place day 1 by a scan's study day and shifted date: the true date of either stays out."""
    day, scanned = timepoint.study_day, timepoint.shifted_date
    return None if day is None or scanned is None else scanned - (date_of(day, scanned) - scanned)


@dataclass(frozen=True, slots=True)
class _Beside:
    """What else is told of a subject's timepoints, by their keys: asked for the subject once."""

    archived: Mapping[int, Archived]
    waived: Mapping[int, set[str]]
    declared: set[int]
    unblinded: set[int]
    painted: Painted


def _beside(result: SubjectResult, closed_at: dt.datetime) -> _Beside:
    waived: dict[int, set[str]] = {}
    cleared = {"review__timepoint__subject": result.subject, "review__state": ReviewState.CLEARED}
    findings = Finding.objects.filter(**cleared, verdict=Verdict.WAIVE)
    for timepoint, code in findings.values_list("review__timepoint", "code"):
        waived.setdefault(timepoint, set()).add(code)
    forms = TransferForm.objects.filter(timepoint__subject=result.subject, state=FormState.SIGNED)
    return _Beside(
        archived_of(result.subject),
        waived,
        {form.timepoint_id for form in forms.select_related("charter") if _deviation_declared(form)},
        read_unblinded(result.subject, closed_at),
        segments_by_read([read.task for slot in result.slots for read in slot.reads]),
    )


def _timepoint(timepoint: Timepoint, slots: Sequence[SlotResult], beside: _Beside) -> LockedTimepoint:
    first_day, last_day = timepoint.window
    archived = beside.archived.get(timepoint.pk, Archived())
    shown = archived.shown
    dated = sorted((s for s in shown if s.study_day is not None), key=lambda s: (s.study_day, s.study_instance_uid))
    scan = dated[0] if dated else None
    reads = sorted(
        (read for slot in slots for read in slot.reads if read.timepoint.pk == timepoint.pk), key=lambda read: read.slot
    )
    return LockedTimepoint(
        code=timepoint.code,
        name=timepoint.name,
        order=timepoint.order,
        planned_day=timepoint.day,
        window_first_day=first_day,
        window_last_day=last_day,
        images=str(timepoint.image_state),
        qc=str(timepoint.qc_state),
        reading=str(timepoint.reading_state),
        unscheduled=timepoint.unscheduled,
        study_day=scan.study_day if scan else None,
        shifted_date=scan.shifted_date if scan else None,
        series_read=archived.series_read,
        study_instance_uid=next((study.study_instance_uid for study in (*dated, *shown)), ""),
        pictures=pictures_of(reads, beside.painted),
        series=archived.series,
        qc_waived=tuple(sorted(beside.waived.get(timepoint.pk, ()))),
        deviation_declared=timepoint.pk in beside.declared,
        unblinded=timepoint.pk in beside.unblinded,
        reads=tuple(_read(read, beside.painted) for read in reads),
    )


def _deviation_declared(form: TransferForm) -> bool:
    """Tell whether the site's signed transfer form says what was done otherwise; its words may name days and people."""
    return any(form.answers.get(one.key) for one in form.terms.fields if one.fact == "deviations")


def _read(read: ReadResult, painted: Painted) -> LockedRead:
    derived = read.derived
    pack = derivation.pack_of(read.task.charter)
    _must_be_reproduced(read, pack)
    response = read.response
    in_mm = pack.burden.key == "sum_mm"
    return LockedRead(
        evalid=evalid(read.slot),
        accepted=read.accepted,
        simulated=read.task.simulated,
        image_quality=read.assessment.image_quality,
        comment=read.assessment.comment,
        overall=read.overall,
        target=(response.target or "") if response else "",
        non_target=(response.nontarget or "") if response else "",
        new_lesion=response.new_lesion if response else None,
        sum_mm=_exact(read.burden) if in_mm else None,
        baseline_sum_mm=_exact(read.baseline_burden) if in_mm else None,
        nadir_sum_mm=_exact(response.nadir_mm) if response else None,
        change_from_baseline_percent=response.percent_from_baseline if response else None,
        change_from_nadir_percent=response.percent_from_nadir if response else None,
        stated_response=read.assessment.stated_response,
        stated_reason=read.assessment.stated_reason,
        measurements=tuple(_measurements(read)),
        segments=tuple(segments_in(read, painted)),
        values=(*entered_values(read.assessment, pack), *derived_values(derived, pack)),
        trace=tuple(
            RuleStep(step["rule"], step["clause"], step["inputs"], step["result"]) for step in derived.get("trace", ())
        ),
    )


def _must_be_reproduced(read: ReadResult, pack: Criteria[Any]) -> None:
    signed = read.assessment.derivation
    if read.response is not None and read.derived is signed:
        again = read.response.to_json()
        reproduced = all(signed.get(name) == again.get(name) for name in _DERIVED)
    else:
        # What was signed is compared with no earlier timepoint.
        key, size = pack.burden.key, derivation.baseline_burden(read.task, pack)
        found = {**signed, **signed.get("quantities", {})}.get(key)
        reproduced = found == (None if size is None else exact_text(size))
    if not reproduced:
        raise NotReproducible(
            f"No package was built: the response that {evalid(read.slot)} signed for {read.timepoint} does not come "
            "out again from the measurements. Compare the rule pack's version with the one in the read's derivation."
        )


def _exact(value: Decimal | None) -> Decimal | None:
    """Return a number in its one text form, whatever number of zeros a database keeps."""
    return None if value is None else Decimal(exact_text(value))


def _measurements(read: ReadResult) -> Iterable[LockedMeasurement]:
    for entry in read.assessment.entries():
        yield LockedMeasurement(
            lesion=entry.lesion.label,
            part=entry.part,
            state=entry.state,
            diameter_mm=_exact(entry.diameter_mm),
            sop_instance_uid=entry.instance.sop_instance_uid if entry.instance else "",
            frame=entry.frame,
            reason=entry.reason,
            mark=mark_in(entry.mark) if entry.mark else None,
        )


def _lesion(lesion: Lesion, slot: int) -> LockedLesion:
    return LockedLesion(
        evalid=evalid(slot),
        number=lesion.number,
        label=lesion.label,
        category=lesion.category,
        organ=lesion.organ,
        nodal=lesion.nodal,
        description=lesion.description,
        first_seen=lesion.first_seen.timepoint.code,
    )


def _results(result: SubjectResult) -> tuple[LockedResult, ...]:
    results = [
        LockedResult(
            evalid=evalid(slot.slot),
            accepted=slot.accepted,
            bor=slot.outcome.bor,
            confirmed=slot.outcome.bor_confirmed,
            progression=slot.timepoint_on(slot.outcome.progression_day),
            first_response=slot.timepoint_on(slot.outcome.first_response_day),
        )
        for slot in sorted(result.slots, key=lambda slot: slot.slot)
    ]
    if result.accepted is not None and result.accepted.slot is None:
        counts = result.accepted
        whose = ADJUDICATED if result.slots else NOT_READ
        results.append(LockedResult(whose, True, counts.bor, None, counts.progression, counts.first_response))
    return tuple(results)


def _adjudication(
    adjudication: Adjudication, result: SubjectResult, timepoints: Sequence[LockedTimepoint]
) -> LockedAdjudication:
    return LockedAdjudication(
        timepoint=adjudication.timepoint.code if adjudication.timepoint else "",
        triggers=tuple(
            fired for trigger in adjudication.triggers for fired in _fired(trigger, result.slots, timepoints)
        ),
        chosen=evalid(adjudication.chosen_slot) if adjudication.chosen_slot else "",
        rationale=adjudication.rationale,
        simulated=adjudication.simulated,
        by_consensus=adjudication.is_by_consensus,
    )


def _fired(
    trigger: dict[str, Any], slots: Sequence[SlotResult], timepoints: Sequence[LockedTimepoint]
) -> Iterable[Trigger]:
    """Spread a trigger over the timepoints at which it fired; dates are told as timepoint and study day."""
    name, places, values = trigger["name"], trigger["timepoint_ids"], trigger["values"]
    if name in _DATE_TRIGGERS:
        codes = [slot.timepoint_on(getattr(slot.outcome, _DATE_TRIGGERS[name])) for slot in slots]
        days = {timepoint.code: timepoint.study_day for timepoint in timepoints}
        said = [f"{code}, day {days[code]}" if code else "none" for code in codes]
        yield Trigger(name, "; ".join(places), *said[:2])
    elif places:
        for place, (first, second) in zip(places, values, strict=True):
            yield Trigger(name, place, first, second)
    else:
        for first, second in values:
            yield Trigger(name, "", first, second)
