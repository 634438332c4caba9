"""From what a reader stored to what a criteria pack reads: responses are derived here and nowhere typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

from django.db.models import Max, Min, QuerySet

from imaging.models import ImagingStudy, Series
from reading import criteria, verdicts
from reading.criteria import Criteria
from reading.criteria.form import MEASURED, TARGET, VOLUME, At, Entry, Form, Sheet, Values, typed
from reading.criteria.inputs import BaselineTarget
from reading.criteria.recist11_form import proposed
from reading.criteria.results import Step, SubjectResponse, TimepointResponse
from reading.criteria.values import plain
from reading.models import Assessment, Lesion, ReadTask
from reading.models.segment import segments_of
from reading.states import Purpose
from trials.models import ImagingCharter, Timepoint

NOT_EVALUABLE = "NE"


def pack_of(charter: ImagingCharter) -> Criteria[Any]:
    """Return the criteria pack of a charter version, with that version's parameters."""
    return criteria.get(charter.terms.criteria, charter.terms.criteria_parameters)


def is_baseline(timepoint: Timepoint) -> bool:
    """Tell whether a timepoint is the subject's baseline: the first of the schedule."""
    return timepoint.order == 0


def stands_alone(charter: ImagingCharter) -> bool:
    """Tell whether each timepoint is read by itself: readers see nothing earlier, and are asked everything anew."""
    return charter.terms.reads.by_itself


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


def sheets_of(tasks: Sequence[ReadTask], form: Form, days: Mapping[int, int]) -> list[Sheet]:
    """Return what a reader entered at each timepoint, typed as a pack's form declares it.

    Parameters
    ----------
    tasks
        Reads of one reader of one subject, each with its assessment, in order of time.
    form
        What the pack asks; of what it does not know, nothing is taken.
    days
        By timepoint key, as `days_of` gives them.

    Raises
    ------
    reading.criteria.values.InvalidRead
        A stored value is none that the form takes: it was entered for another pack.
    """
    facts: dict[str, Values] = {}
    return [_sheet(task, form, days[task.timepoint_id], facts) for task in tasks]


def _sheet(task: ReadTask, form: Form, day: int, facts: dict[str, Values]) -> Sheet:
    assessment, timepoint = task.assessment, task.timepoint
    entries = []
    name_of = called(task)
    for entry in assessment.entries():
        lesion, listed = entry.lesion, form.of(entry.lesion.category)
        if listed is None:
            continue
        name = name_of(lesion)
        values = typed(listed.fields, entry.stated(), f"Lesion {name}")
        stays = {field.name for field in listed.fields if field.at == (At.FIRST,)}
        known = facts.setdefault(name, {key: value for key, value in values.items() if key in stays})
        entries.append(
            Entry(name, lesion.category, lesion.organ, lesion.nodal, entry.state, {**known, **values}, entry.part)
        )
    asked = form.asked(at_of(task))
    answers = typed(asked, assessment.answers, f"Timepoint {timepoint.code}")
    return Sheet(timepoint.code, day, tuple(entries), answers, assessment.image_quality != "not_evaluable")


def called(task: ReadTask) -> Callable[[Lesion], str]:
    """Return what the criteria know a lesion by: its number, or what its reader calls it where nothing is followed.

    Timepoints that are read by themselves have in common only how their regions are called.
    """
    if stands_alone(task.charter):
        return lambda lesion: " ".join(lesion.organ.casefold().split()) or lesion.label
    return lambda lesion: lesion.label


def at_of(task: ReadTask) -> At:
    """Return where in a form's life a read stands: at its beginning, or afterwards."""
    return At.FIRST if is_baseline(task.timepoint) or stands_alone(task.charter) else At.LATER


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
    baseline, *sheets = sheets_of([first, *later], pack.form(), days)
    return pack.derive(baseline, sheets)


def _without_baseline(pack: Criteria[Any], later: Sequence[ReadTask], days: Mapping[int, int]) -> SubjectResponse:
    trace = (Step("baseline_not_evaluable", pack.no_baseline, {}, NOT_EVALUABLE),)
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


def baseline_burden(task: ReadTask, pack: Criteria[Any]) -> Decimal | None:
    """Return what a reader measured at baseline, in the pack's burden; None without anything to measure."""
    return pack.baseline_burden(baseline_sheet(task, pack))


def baseline_sheet(task: ReadTask, pack: Criteria[Any]) -> Sheet:
    """Return a baseline as it was entered."""
    (sheet,) = sheets_of([task], pack.form(), {task.timepoint_id: 0})
    return sheet


def derivation_of(task: ReadTask, earlier: Sequence[ReadTask]) -> dict[str, Any]:
    """Derive what an assessment amounts to, with its trace and the digests of the rules used, as plain JSON.

    Parameters
    ----------
    task
        The read, with its assessment complete.
    earlier
        The same reader's signed reads of the subject's earlier timepoints.
    """
    (derived,) = derivations_of([*earlier, task], start=len(earlier))
    return derived


def derivations_of(tasks: Sequence[ReadTask], start: int = 0) -> list[dict[str, Any]]:
    """Derive one reader's reads of one subject, each as it was when it was signed: from what came before it.

    Parameters
    ----------
    tasks
        Reads that belong together, each with its assessment, by order; what is entered in each is read once.
    start
        Place of the first read that is derived.
    """
    if stands_alone(tasks[0].charter):
        return [_entered_derivation(task, "alone") for task in tasks[start:]]
    pack, days = pack_of(tasks[0].charter), days_of([task.timepoint for task in tasks])
    evaluable = is_baseline(tasks[0].timepoint) and tasks[0].assessment.image_quality != "not_evaluable"
    sheets = sheets_of(tasks, pack.form(), days) if evaluable else []
    found = []
    for place, task in enumerate(tasks[start:], start):
        if is_baseline(task.timepoint):
            found.append(_entered_derivation(task, "baseline"))
            continue
        # A later read may date progression back to an earlier one, which was signed without knowing of it.
        response = (
            pack.derive(sheets[0], sheets[1 : place + 1]).timepoints[-1]
            if evaluable
            else _without_baseline(pack, [task], days).timepoints[0]
        )
        found.append({"kind": "follow_up", **response.to_json(), "charter": _stamp(task)})
    return found


def _entered_derivation(task: ReadTask, kind: str) -> dict[str, Any]:
    """Derive what was measured at a timepoint that is compared with no earlier one."""
    pack = pack_of(task.charter)
    sheet = baseline_sheet(task, pack)
    size, key = pack.baseline_burden(sheet), pack.burden.key
    found = None if size is None else plain(size)
    check = pack.check_baseline(proposed_targets(task, sheet)).to_json()
    trace, more = [pack.baseline_step(sheet)], {}
    if task.purpose == Purpose.ELIGIBILITY:
        more[verdicts.MEASURABLE], step = verdicts.measurable_of(sheet, check["violations"])
        trace.append(step)
    return {
        "kind": kind,
        "timepoint_id": task.timepoint.code,
        "sum_mm": found if key == "sum_mm" else None,
        "overall": "",
        "trace": [step.to_json() for step in trace],
        "violations": check["violations"],
        "pack": check["pack"],
        **({} if key == "sum_mm" else {"quantities": {key: found}}),
        **more,
        "charter": _stamp(task),
    }


def _stamp(task: ReadTask) -> dict[str, object]:
    return {"version": task.charter.version, "sha256": task.charter.sha256}


def proposed_targets(task: ReadTask, sheet: Sheet) -> list[BaselineTarget]:
    """Return the targets chosen at baseline with what decides whether they are measurable."""
    entries = task.assessment.measurements.filter(lesion__category=TARGET).select_related("lesion", "instance__series")
    name_of = called(task)
    series = {name_of(entry.lesion): entry.instance.series for entry in entries if entry.instance}
    return [
        proposed(
            target,
            slice_interval_mm(series.get(target.lesion)),
            "MR" if target.lesion in series and series[target.lesion].modality == "MR" else "CT",
        )
        for target in sheet.of(TARGET)
    ]


def slice_interval_mm(series: Series | None) -> Decimal | None:
    """Return the usual distance between slices as quality control measured it, in mm; None where unknown."""
    facts = series.facts if series else {}
    value = median(facts["spacing_mm"]) if facts.get("spacing_mm") else facts.get("slice_thickness_mm")
    return None if value is None else Decimal(str(value)).quantize(Decimal("0.001"))


def carried_forward(before: Sequence[ReadTask]) -> QuerySet[Lesion]:
    """The lesions that a reader follows: those found in the signed reads before this one, by number."""
    return Lesion.every.filter(first_seen__in=before).order_by("number")


def unanswered(task: ReadTask, before: Sequence[ReadTask]) -> tuple[str, ...]:
    """Return what stands between an entered assessment and a signature, one sentence each; empty: nothing.

    A lesion on images that cannot be evaluated needs no entry: it then counts as not assessed.
    """
    assessment = getattr(task, "assessment", None)
    if assessment is None:
        return ("Nothing is entered yet.",)
    pack = pack_of(task.charter)
    if assessment.image_quality == "not_evaluable":
        return verdicts.open_points(task, assessment, pack)
    form, at, name_of = pack.form(), at_of(task), called(task)
    sheet = sheets_of([*before, task], form, days_of([t.timepoint for t in (*before, task)]))[-1]
    answered = {entry.lesion for entry in sheet.entries}
    found_here = Lesion.every.filter(first_seen=task).order_by("number")
    lesions = [name_of(lesion) for lesion in (*carried_forward(before), *found_here)]
    points = [f"Lesion {name} has no entry yet." for name in lesions if name not in answered]
    points += [f"Two are called “{name}”. Give each a name of its own." for name in _twice(lesions)]
    points += [f"Lesion {x.label}: the {_place(form, x)} is not chosen yet." for x in found_here if not x.organ]
    here = {name_of(lesion) for lesion in found_here}
    for entry in sheet.entries:
        listed = form.of(entry.category)
        assert listed is not None
        missing = listed.missing(entry.values, entry.state, At.FIRST if entry.lesion in here else At.LATER, {})
        points += [f"Lesion {entry.lesion}: {field.label.lower()} is not entered yet." for field in missing]
    points += [f"“{question.label}” is not answered yet." for question in form.unanswered(sheet.answers, at)]
    if at is At.FIRST and not points:
        check = pack.check_baseline(proposed_targets(task, sheet))
        points += [violation.message for violation in check.violations]
    answer = verdicts.open_points(task, assessment, pack)
    return (*points, *_redrawn(assessment), *_repainted(assessment, form), *_disagreement(assessment), *answer)


def _place(form: Form, lesion: Lesion) -> str:
    """What tells where a lesion is, as the form names it."""
    listed = form.of(lesion.category)
    return listed.place.lower() if listed else "organ"


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _redrawn(assessment: Assessment) -> tuple[str, ...]:
    """A mark that was moved or removed since the draft took its measurement from it."""
    taken = assessment.measurements.exclude(mark=None).select_related("lesion", "mark")
    return tuple(
        f"Lesion {entry.lesion.label} was measured anew after the draft was saved. Save the draft."
        for entry in taken.annotate(last=Max("mark__mark__versions__number")).order_by("lesion__number", "part")
        if entry.mark and entry.mark.number != entry.last
    )


def _repainted(assessment: Assessment, form: Form) -> tuple[str, ...]:
    """A region that was painted, or said to be a lesion, since the draft took the volume from it."""
    volumes = {region.lesion: region.volume_ml for region in segments_of(assessment.task) if region.volume_ml}
    asked = [listed.category for listed in form.lesions if any(field.name == VOLUME for field in listed.fields)]
    entries = assessment.measurements.filter(
        lesion__number__in=[number for number in volumes if number], lesion__category__in=asked, state=MEASURED
    )
    return tuple(
        f"Lesion {entry.lesion.label}: its region was painted after the draft was saved. Save the draft."
        for entry in entries.select_related("lesion").order_by("lesion__number", "part")
        if Decimal(str(entry.values.get(VOLUME, 0))) != volumes[entry.lesion.number]
    )


def _disagreement(assessment: Assessment) -> tuple[str, ...]:
    """A reader may disagree with the derived response, with a reason, and with another response than it."""
    if not assessment.stated_response:
        return ()
    if assessment.stated_response == assessment.derivation.get("overall"):
        return ("The response that you state is the derived one. Take it back.",)
    return () if assessment.stated_reason else ("Say why you disagree with the derived response.",)
