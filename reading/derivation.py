"""From what a reader stored to what a criteria pack reads: responses are derived here and nowhere typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

from django.db.models import Min, QuerySet

from imaging.models import ImagingStudy, Series
from reading import criteria
from reading.criteria import Criteria
from reading.criteria.inputs import (
    BaselineRead,
    BaselineTarget,
    NewLesion,
    NewLesionState,
    NonTargetLesion,
    NonTargetState,
    NonTargetStatus,
    SubjectHistory,
    TargetLesion,
    TargetMeasure,
    TargetState,
    TimepointRead,
)
from reading.criteria.results import Step, SubjectResponse, TimepointResponse
from reading.criteria.values import plain, total
from reading.models import Assessment, Lesion, Measurement, ReadTask
from trials.models import ImagingCharter, Timepoint

TARGET, NON_TARGET, NEW = Lesion.Category.TARGET, Lesion.Category.NON_TARGET, Lesion.Category.NEW
MEASURED = Measurement.State.MEASURED
NOT_EVALUABLE = "NE"


def pack_of(charter: ImagingCharter) -> Criteria[Any]:
    """Return the criteria pack of a charter version, with that version's parameters."""
    return criteria.get(charter.terms.criteria, charter.terms.criteria_parameters)


def is_baseline(timepoint: Timepoint) -> bool:
    """Tell whether a timepoint is the subject's baseline: the first of the schedule."""
    return timepoint.order == 0


def days_of(timepoints: Iterable[Timepoint]) -> Mapping[int, int]:
    """Days from the subject's day 1 to the earliest scan that readers were shown, by timepoint key.

    A timepoint without a known study day counts on its planned day. A scan that is not later than the one of
    the visit before counts one day after that one, so that the schedule's order holds.
    """
    ordered = sorted(timepoints, key=lambda timepoint: timepoint.order)
    studies = ImagingStudy.objects.filter(timepoint__in=ordered, series__for_reading=True, study_day__isnull=False)
    scanned = dict(studies.values_list("timepoint").annotate(Min("study_day")))
    days: dict[int, int] = {}
    last: int | None = None
    for timepoint in ordered:
        day = scanned.get(timepoint.pk, timepoint.day)
        # Study days have no 0 (SDTMIG 4.4.4); a pack counts day 1 as 0.
        elapsed = day - 1 if day > 0 else day
        last = elapsed if last is None else max(elapsed, last + 1)
        days[timepoint.pk] = last
    return days


def _measurements(assessment: Assessment) -> list[Measurement]:
    return list(assessment.measurements.select_related("lesion").order_by("lesion__number", "part"))


def baseline_read(assessment: Assessment, day: int) -> BaselineRead:
    """Return a baseline assessment as the pack reads it."""
    targets, nontargets = [], []
    for entry in _measurements(assessment):
        lesion = entry.lesion
        if lesion.category == TARGET and entry.diameter_mm is not None:
            targets.append(TargetLesion(lesion.label, lesion.organ, lesion.nodal, entry.diameter_mm))
        elif lesion.category == NON_TARGET:
            nontargets.append(NonTargetLesion(lesion.label, lesion.organ, lesion.nodal))
    return BaselineRead(tuple(targets), tuple(nontargets), day)


def timepoint_read(assessment: Assessment, timepoint: Timepoint, day: int) -> TimepointRead:
    """Return a follow-up assessment as the pack reads it; parts of a split target are added up there."""
    by_target: dict[str, list[Measurement]] = {}
    nontargets, new_lesions = [], []
    for entry in _measurements(assessment):
        label = entry.lesion.label
        if entry.lesion.category == TARGET:
            by_target.setdefault(label, []).append(entry)
        elif entry.lesion.category == NON_TARGET:
            nontargets.append(NonTargetStatus(label, NonTargetState(entry.state)))
        else:
            new_lesions.append(NewLesion(label, NewLesionState(entry.state)))
    targets = tuple(_target(label, entries) for label, entries in by_target.items())
    return TimepointRead(timepoint.code, day, targets, tuple(nontargets), tuple(new_lesions))


def _target(label: str, entries: Sequence[Measurement]) -> TargetMeasure:
    sizes = [entry.diameter_mm for entry in entries if entry.diameter_mm is not None]
    if len(entries) > 1:
        return TargetMeasure(label, parts_mm=tuple(sizes))
    if sizes:
        return TargetMeasure(label, diameter_mm=sizes[0])
    return TargetMeasure(label, state=TargetState(entries[0].state))


def subject_response(tasks: Sequence[ReadTask], charter: ImagingCharter | None = None) -> SubjectResponse:
    """Derive one reader's result of a subject from that reader's reads.

    Without a baseline that could be evaluated there is nothing to compare with: every timepoint is NE.

    Parameters
    ----------
    tasks
        Reads of one reader of one subject, each with its assessment, in any order; at least one.
    charter
        The version to derive by, where it is not the one that the reads were made under.
    """
    ordered = sorted(tasks, key=lambda task: task.order)
    pack = pack_of(charter or ordered[0].charter)
    days = days_of([task.timepoint for task in ordered])
    first, later = ordered[0], [task for task in ordered if not is_baseline(task.timepoint)]
    if not is_baseline(first.timepoint) or first.assessment.image_quality == "not_evaluable":
        return _without_baseline(pack, later, days)
    return pack.derive_subject(
        SubjectHistory(
            baseline_read(first.assessment, days[first.timepoint_id]),
            tuple(timepoint_read(task.assessment, task.timepoint, days[task.timepoint_id]) for task in later),
        )
    )


def _without_baseline(pack: Criteria[Any], later: Sequence[ReadTask], days: Mapping[int, int]) -> SubjectResponse:
    trace = (Step("baseline_not_evaluable", "RECIST 1.1 §4.1", {}, NOT_EVALUABLE),)
    timepoints = tuple(
        TimepointResponse(
            timepoint_id=task.timepoint.code,
            study_day=days[task.timepoint_id],
            sum_mm=None,
            nadir_mm=None,
            percent_from_baseline=None,
            percent_from_nadir=None,
            target=None,
            nontarget=None,
            new_lesion=False,
            overall=NOT_EVALUABLE,
            progression_by=(),
            trace=trace,
            pack=pack.stamp,
        )
        for task in later
    )
    return SubjectResponse(
        timepoints=timepoints,
        bor=NOT_EVALUABLE,
        bor_confirmed=None,
        responder=False,
        progression_day=None,
        first_response_day=None,
        trace=trace,
        pack=pack.stamp,
        settings=pack.settings,
    )


def baseline_sum(assessment: Assessment) -> Decimal | None:
    """Sum of the target lesions chosen at baseline, in mm; None without targets (RECIST 1.1 §4.2)."""
    sizes = [e.diameter_mm for e in _measurements(assessment) if e.lesion.category == TARGET and e.diameter_mm]
    return total(sizes) if sizes else None


def derivation_of(task: ReadTask, earlier: Sequence[ReadTask]) -> dict[str, Any]:
    """Derive what an assessment amounts to, with its trace and the digests of the rules used, as plain JSON.

    Parameters
    ----------
    task
        The read, with its assessment complete.
    earlier
        The same reader's signed reads of the subject's earlier timepoints.
    """
    if is_baseline(task.timepoint):
        size = baseline_sum(task.assessment)
        check = pack_of(task.charter).check_baseline(proposed_targets(task.assessment)).to_json()
        derived: dict[str, Any] = {
            "timepoint_id": task.timepoint.code,
            "sum_mm": None if size is None else plain(size),
            "overall": "",
            "trace": [
                {
                    "rule": "baseline_sum_of_diameters",
                    "clause": "RECIST 1.1 §4.2",
                    "inputs": {
                        e.lesion.label: plain(e.diameter_mm)
                        for e in _measurements(task.assessment)
                        if e.lesion.category == TARGET and e.diameter_mm is not None
                    },
                    "result": "no target lesions" if size is None else f"{plain(size)} mm",
                }
            ],
            "violations": check["violations"],
            "pack": check["pack"],
        }
    else:
        response = subject_response([*earlier, task])
        derived = next(r for r in response.timepoints if r.timepoint_id == task.timepoint.code).to_json()
    return {"kind": "baseline" if is_baseline(task.timepoint) else "follow_up", **derived, "charter": _stamp(task)}


def _stamp(task: ReadTask) -> dict[str, object]:
    return {"version": task.charter.version, "sha256": task.charter.sha256}


def proposed_targets(assessment: Assessment) -> list[BaselineTarget]:
    """Return the targets chosen at baseline with what decides whether they are measurable."""
    proposed = []
    entries = assessment.measurements.select_related("lesion", "instance__series").order_by("lesion__number", "part")
    for entry in entries:
        lesion = entry.lesion
        if lesion.category != TARGET:
            continue
        series = entry.instance.series if entry.instance else None
        proposed.append(
            BaselineTarget(
                lesion_id=lesion.label,
                organ=lesion.organ,
                nodal=lesion.nodal,
                long_axis_mm=None if lesion.nodal else entry.diameter_mm,
                short_axis_mm=entry.diameter_mm if lesion.nodal else None,
                slice_mm=slice_interval_mm(series),
                modality="MR" if series is not None and series.modality == "MR" else "CT",
            )
        )
    return proposed


def slice_interval_mm(series: Series | None) -> Decimal | None:
    """Return the usual distance between slices as quality control measured it, in mm; None where unknown."""
    facts = series.facts if series else {}
    value = median(facts["spacing_mm"]) if facts.get("spacing_mm") else facts.get("slice_thickness_mm")
    return None if value is None else Decimal(str(value)).quantize(Decimal("0.001"))


def carried_forward(before: Sequence[ReadTask]) -> QuerySet[Lesion]:
    """The lesions that a reader follows: those found in the signed reads before this one, by number."""
    return Lesion.objects.filter(first_seen__in=before).order_by("number")


def unanswered(task: ReadTask, before: Sequence[ReadTask]) -> tuple[str, ...]:
    """Return what stands between an entered assessment and a signature, one sentence each; empty: nothing.

    A lesion on images that cannot be evaluated needs no entry: it then counts as not assessed.
    """
    assessment = getattr(task, "assessment", None)
    if assessment is None:
        return ("Nothing is entered yet.",)
    if assessment.image_quality == "not_evaluable":
        return ()
    answered = set(assessment.measurements.values_list("lesion", flat=True))
    lesions = [*carried_forward(before), *Lesion.objects.filter(first_seen=task).order_by("number")]
    open_points = [f"Lesion {lesion.label} has no entry yet." for lesion in lesions if lesion.pk not in answered]
    if is_baseline(task.timepoint) and not open_points:
        check = pack_of(task.charter).check_baseline(proposed_targets(assessment))
        open_points += [violation.message for violation in check.violations]
    return tuple(open_points)
