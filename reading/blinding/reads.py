"""What a reader sees of a read: the present timepoint, and the reader's own signed earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from reading import derivation, selectors, verdicts
from reading.blinded import (
    BlindedDue,
    BlindedFigure,
    BlindedLesion,
    BlindedMeasurement,
    BlindedPreset,
    BlindedQuestion,
    BlindedResponse,
    BlindedStep,
    BlindedTask,
    BlindedTimepoint,
)
from reading.blinding.names import Keys
from reading.blinding.stacks import Stack, stacks_of
from reading.criteria import Criteria
from reading.criteria.base import Figure
from reading.criteria.form import At, Form, amount, typed
from reading.measuring import not_square
from reading.models import Assessment, Lesion, Measurement, ReadTask
from reading.models.real_time import is_asked
from reading.models.segment import segments_of
from reading.questions import QUESTIONS
from reading.selectors_real_time import clock_of_task
from reading.states import ReadState
from trials.models import ImagingCharter, Subject, Timepoint
from trials.states import QcState

#: Stands for a figure that there is none of.
NOTHING = "–"
#: What a timepoint is called that tells no place among others.
BY_ITSELF = "Single timepoint"


def blinded_task(task: ReadTask) -> BlindedTask:
    """Return what a reader sees of a read: the present timepoint, and the reader's own signed earlier ones."""
    subject, charter = task.timepoint.subject, task.charter
    names, terms = Keys(subject.trial, task.blinded_code), charter.terms
    before = list(selectors.own_reads_before(task))
    stacks = {t.pk: stacks_of(names, t.timepoint, charter) for t in (*before, task)}
    shown = [stack for group in stacks.values() for stack in group]
    assessment = getattr(task, "assessment", None)
    pack = derivation.pack_of(charter)
    return BlindedTask(
        code=task.blinded_code,
        case=task.case_code,
        title=title_of_read(task),
        state=task.state,
        is_baseline=derivation.at_of(task) is At.FIRST,
        by_itself=derivation.stands_alone(charter),
        is_open=task.state in (ReadState.ASSIGNED, ReadState.READING) and _images_cleared(task),
        criteria=terms.criteria,
        form=pack.form(),
        terms=pack.terms,
        version=assessment.version if assessment else 0,
        image_quality=assessment.image_quality if assessment else "adequate",
        comment=assessment.comment if assessment else "",
        answers=assessment.answers if assessment else {},
        answered=answered(assessment.answers, pack.form()) if assessment else (),
        stated_response=assessment.stated_response if assessment else "",
        stated_reason=assessment.stated_reason if assessment else "",
        presets=presets(charter),
        series=tuple(stack.blinded for stack in stacks[task.pk]),
        earlier=tuple(
            BlindedTimepoint(
                title_of(t.timepoint, charter),
                tuple(stack.blinded for stack in stacks[t.pk]),
                response_of(t.assessment.derivation, pack),
            )
            for t in before
        ),
        lesions=lesions_of(task, before, shown, names),
        response=response_of(assessment.derivation, pack) if assessment else None,
        unanswered=() if task.state in selectors.SIGNED else derivation.unanswered(task, before),
        disclosed=disclosed(subject, charter),
        question=question_of(task, assessment),
        due=due_of(task),
    )


def question_of(task: ReadTask, assessment: Assessment | None) -> BlindedQuestion | None:
    """Return what is asked of a reader beside the criteria; None where nothing is."""
    if not is_asked(task):
        return None
    question, verdict = QUESTIONS[task.purpose], assessment.verdict if assessment else ""
    return BlindedQuestion(
        asks=question.asks,
        answers=tuple((value, words) for value, words in question.answers.items()),
        verdict=verdict,
        words=question.say(verdict),
        reason=assessment.verdict_reason if assessment else "",
        derived=verdicts.said_of_derived(task, assessment.derivation) if assessment else "",
    )


def due_of(task: ReadTask) -> BlindedDue | None:
    """Return until when a read is waited for; None for one that is on no clock, or signed."""
    clock = clock_of_task(task)
    return BlindedDue(clock.due_at) if clock else None


def title_of(timepoint: Timepoint, charter: ImagingCharter) -> str:
    """Name a timepoint by its place; by its visit in the schedule too where the charter does not hide dates."""
    place = f"Timepoint {timepoint.order + 1}"
    return place if timepoint.unscheduled or "dates" in charter.terms.blinded_to else f"{place}, {timepoint.name}"


def title_of_read(task: ReadTask) -> str:
    """Name a read to its reader; one that stands by itself does not tell its place."""
    return BY_ITSELF if derivation.stands_alone(task.charter) else title_of(task.timepoint, task.charter)


def disclosed(subject: Subject, charter: ImagingCharter) -> dict[str, str]:
    """Return what the charter does not hide of a subject, by its name under `blinded_to`."""
    values = {"site": subject.site.code, "subject": subject.code, "arm": subject.arm}
    return {name: value for name, value in values.items() if name not in charter.terms.blinded_to}


def presets(charter: ImagingCharter) -> tuple[BlindedPreset, ...]:
    """Return the display windows of the charter; there are no others."""
    return tuple(BlindedPreset(p.name, p.centre, p.width, p.unit) for p in charter.terms.window_presets)


def _images_cleared(task: ReadTask) -> bool:
    return task.timepoint.qc_state == QcState.CLEARED


def lesions_of(
    task: ReadTask,
    before: Sequence[ReadTask],
    stacks: Sequence[Stack],
    names: Keys,
    titled: Callable[[ReadTask], str] = title_of_read,
) -> tuple[BlindedLesion, ...]:
    """The reader's lesions known up to and including a read; `titled` names reads to whoever looks."""
    reads = [*before, task]
    titles = {t.pk: titled(t) for t in reads}
    found = Lesion.every.filter(first_seen__in=reads).order_by("number")
    entries = (
        Measurement.objects.filter(lesion__in=found, assessment__task__in=reads)
        .select_related("assessment", "instance", "lesion", "mark__mark")
        .order_by("assessment__task__order", "part")
    )
    by_lesion: dict[int, list[Measurement]] = {}
    for entry in entries:
        by_lesion.setdefault(entry.lesion_id, []).append(entry)

    form = derivation.pack_of(task.charter).form()

    def blinded(entry: Measurement) -> BlindedMeasurement:
        series_key, place = "", None
        if entry.instance is not None:
            for stack in stacks:
                if stack.series.pk == entry.instance.series_id:
                    series_key, place = stack.blinded.key, stack.place(entry.instance, entry.frame)
        return BlindedMeasurement(
            timepoint=titles[entry.assessment.task_id],
            part=entry.part,
            state=entry.state,
            state_label=entry.get_state_display(),
            diameter_mm=entry.diameter_mm,
            values=entry.values,
            said=said_of(form, entry.lesion.category, entry.lesion.label, entry.state, entry.stated()),
            series_key=series_key,
            slice=place,
            instance_key=names.of(entry.instance.sop_instance_uid) if entry.instance and series_key else "",
            frame=entry.frame,
            reason=entry.reason,
            mark=str(entry.mark.mark.key) if entry.mark else "",
        )

    def hints(lesion: Lesion) -> tuple[str, ...]:
        drawn = [e.mark.measured for e in by_lesion.get(lesion.pk, []) if e.mark and e.assessment.task_id == task.pk]
        said = [sentence for measured in drawn if (sentence := not_square(measured))]
        listed = form.of(lesion.category)
        place = [] if lesion.organ else [f"Choose the {listed.place.lower() if listed else 'organ'} before you sign."]
        return (*place, *_broken(task, lesion), *said)

    regions = {region.lesion: region.volume_ml for region in segments_of(task)}

    return tuple(
        BlindedLesion(
            number=lesion.number,
            label=lesion.label,
            category=lesion.category,
            organ=lesion.organ,
            nodal=lesion.nodal,
            description=lesion.description,
            prior=tuple(blinded(e) for e in by_lesion.get(lesion.pk, []) if e.assessment.task_id != task.pk),
            present=tuple(blinded(e) for e in by_lesion.get(lesion.pk, []) if e.assessment.task_id == task.pk),
            found_here=lesion.first_seen_id == task.pk,
            hints=hints(lesion),
            region_ml=regions.get(lesion.number),
        )
        for lesion in found
    )


def _broken(task: ReadTask, lesion: Lesion) -> list[str]:
    """The rules of the baseline that a lesion breaks, alone or with others, as the last save found them."""
    assessment = getattr(task, "assessment", None)
    violations = assessment.derivation.get("violations", ()) if assessment else ()
    return [
        v["message"].removeprefix(f"Lesion {lesion.label}: ") for v in violations if lesion.label in v["lesion_ids"]
    ]


def said_of(form: Form, category: str, label: str, state: str, stated: Mapping[str, object]) -> str:
    """Write what was entered of a lesion, as the criteria's form says it."""
    listed, words = form.of(category), Measurement.State(state).label
    return words.lower() if listed is None else listed.say(words, state, typed(listed.fields, stated, label))


def answered(answers: Mapping[str, object], form: Form) -> tuple[tuple[str, str], ...]:
    """Return what was answered about a timepoint: each question with its answer in words."""
    known = typed(form.questions, answers, "The timepoint")
    words = {True: "yes", False: "no"}
    return tuple(
        (q.label, words[value] if isinstance(value, bool) else q.say(value))
        for q in form.questions
        if (value := known.get(q.name)) is not None
    )


def response_of(derived: Mapping[str, Any], pack: Criteria[Any]) -> BlindedResponse | None:
    """Pick from a stored derivation what a reader may see; days and visit codes stay behind."""
    if not derived:
        return None

    def decimal(name: str) -> Decimal | None:
        value = derived.get(name)
        return None if value is None else Decimal(value)

    overall = derived.get("overall") or ""
    term = pack.term(overall)
    return BlindedResponse(
        overall=overall,
        words=term.words,
        tone=term.tone,
        figures=figures_of(derived, pack),
        target=derived.get("target") or "",
        nontarget=derived.get("nontarget") or "",
        new_lesion=bool(derived.get("new_lesion")),
        sum_mm=decimal("sum_mm"),
        nadir_mm=decimal("nadir_mm"),
        percent_from_baseline=decimal("percent_from_baseline"),
        percent_from_nadir=decimal("percent_from_nadir"),
        steps=tuple(BlindedStep(s["rule"], s["clause"], s["result"]) for s in derived.get("trace", [])),
    )


def figures_of(derived: Mapping[str, Any], pack: Criteria[Any]) -> tuple[BlindedFigure, ...]:
    """Write what the criteria show beside a response, in their order."""
    found = {**derived, **derived.get("quantities", {})}

    def written(figure: Figure) -> BlindedFigure:
        origin = found.get(figure.beside) if figure.beside else None
        title = figure.title if origin is None else f"{figure.title} ({amount(Decimal(origin), pack.burden.unit)})"
        text = _written(found.get(figure.key), figure)
        return BlindedFigure(title, figure.short, text, figure.at_baseline, bool(figure.unit))

    return tuple(written(figure) for figure in pack.figures)


def _written(value: object, figure: Figure) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if figure.key.startswith("percent"):
        return f"{Decimal(str(value)):+.1f} %".replace("-", "−")
    return amount(Decimal(str(value)), figure.unit).replace("-", "−") if figure.unit else str(value)
