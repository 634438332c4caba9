"""What a reader may see of a timepoint, and the only way anything of it reaches one.

Everything here is built from an allow-list: codes that tell nothing, labels of the charter, and the reader's own
entries. Series and instances are named by keys of which another task has others. What the charter does not list
under `blinded_to` is added by name; a pixel leaves as a windowed picture, never as the file it lies in.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from compliance import access, audit, keys
from compliance.errors import HouseError
from compliance.models import AuditEvent, User
from imaging.models import Instance, Series
from imaging.selectors import series_for_reading
from imaging.services import viewing
from reading import derivation, selectors
from reading.assignment import blinded_code
from reading.blinded import (
    BlindedAdjudication,
    BlindedLesion,
    BlindedMeasurement,
    BlindedPreset,
    BlindedRead,
    BlindedResponse,
    BlindedSeries,
    BlindedSide,
    BlindedSlice,
    BlindedStep,
    BlindedTask,
    BlindedTimepoint,
    BlindedTrigger,
)
from reading.models import Adjudication, Lesion, Measurement, ReadTask
from reading.states import ReadState
from trials.models import ImagingCharter, Subject, Timepoint, Trial
from trials.states import QcState


class NotShown(HouseError):
    """The series, slice or display window asked for is no part of the read."""

    code = "not_shown"
    status = 404


class NotOpen(HouseError):
    """The read cannot be worked on now."""

    code = "read_not_open"
    status = 409


# --- names that tell nothing ------------------------------------------------------------------------------


class _InUse:
    """The codes that records of one type bear already, asked for one by one."""

    def __init__(self, record_type: type[ReadTask] | type[Adjudication]) -> None:
        self.record_type = record_type

    def __contains__(self, code: object) -> bool:
        return self.record_type._base_manager.filter(blinded_code=code).exists()


def read_code(timepoint: Timepoint, slot: int) -> str:
    """Return the name under which a reader sees the read of a timepoint."""
    secret = keys.of_trial(timepoint.subject.trial.code)
    return blinded_code(secret, "read", f"{timepoint.subject.code} {timepoint.code} {slot}", taken=_InUse(ReadTask))


def case_code(subject: Subject, place: str) -> str:
    """Return the name under which one reader (`place`: the slot) or the adjudicator sees a subject, and no other."""
    return blinded_code(keys.of_trial(subject.trial.code), "case", f"{subject.code} {place}")


def adjudication_code(subject: Subject, timepoint: Timepoint | None) -> str:
    """Return the name under which an adjudicator sees an adjudication."""
    secret = keys.of_trial(subject.trial.code)
    key = f"{subject.code} {timepoint.code if timepoint else ''}"
    return blinded_code(secret, "adjudication", key, taken=_InUse(Adjudication))


class _Keys:
    """Names for series and instances inside one read: the same one has another key in every other read."""

    def __init__(self, trial: Trial, code: str) -> None:
        self.secret, self.code = keys.of_trial(trial.code), code

    def of(self, uid: str) -> str:
        """Return the key of a series or instance by its UID."""
        return hmac.digest(self.secret, f"shown\0{self.code}\0{uid}".encode(), hashlib.sha256).hex()[:32]


# --- building them ------------------------------------------------------------------------------------------


def title_of(timepoint: Timepoint, charter: ImagingCharter) -> str:
    """Name a timepoint by its place; by its visit too where the charter does not hide dates."""
    place = f"Timepoint {timepoint.order + 1}"
    return place if "dates" in charter.terms.blinded_to else f"{place}, {timepoint.name}"


def _disclosed(subject: Subject, charter: ImagingCharter) -> dict[str, str]:
    values = {"site": subject.site.code, "subject": subject.code, "arm": subject.arm}
    return {name: value for name, value in values.items() if name not in charter.terms.blinded_to}


def _presets(charter: ImagingCharter) -> tuple[BlindedPreset, ...]:
    return tuple(BlindedPreset(p.name, p.centre, p.width) for p in charter.terms.window_presets)


@dataclass(frozen=True, slots=True)
class _Stack:
    """A series with its pictures in order, as they are stored; `blinded` is what leaves."""

    series: Series
    pictures: tuple[tuple[Instance, int], ...]
    blinded: BlindedSeries

    def place(self, instance: Instance, frame: int) -> int | None:
        return next((n for n, (i, f) in enumerate(self.pictures, 1) if i.pk == instance.pk and f == frame), None)


def _named(names: _Keys, timepoint: Timepoint, charter: ImagingCharter) -> list[tuple[str, str, Series]]:
    """The series of a timepoint that readers are shown, in the charter's order: label, key, series."""
    order = [terms.label for terms in charter.terms.series]
    found = []
    for series in series_for_reading(timepoint):
        # A label is the charter's own word; anything else, such as a site's description, is not repeated.
        label = series.label if series.label in order else f"{series.modality} series"
        rank = order.index(label) if label in order else len(order)
        found.append((rank, label, names.of(series.series_instance_uid), series))
    found.sort(key=lambda row: row[:3])
    labels = [label for _, label, _, _ in found]
    return [
        (label if labels.count(label) == 1 else f"{label} ({labels[: place + 1].count(label)})", key, series)
        for place, (_, label, key, series) in enumerate(found)
    ]


def _pictures(series: Series) -> tuple[tuple[Instance, int], ...]:
    instances = series.instances.order_by("position_mm", "number", "sop_instance_uid")
    return tuple((instance, frame) for instance in instances for frame in range(1, instance.frames + 1))


def _stacks(names: _Keys, timepoint: Timepoint, charter: ImagingCharter) -> tuple[_Stack, ...]:
    return tuple(_stack(names, key, label, series) for label, key, series in _named(names, timepoint, charter))


def _stack(names: _Keys, key: str, label: str, series: Series) -> _Stack:
    pictures = _pictures(series)
    first = pictures[0][0] if pictures else None
    start = first.position_mm if first else None
    slices = tuple(
        BlindedSlice(
            n,
            names.of(instance.sop_instance_uid),
            frame,
            None if start is None or instance.position_mm is None else round(instance.position_mm - start, 3),
        )
        for n, (instance, frame) in enumerate(pictures, 1)
    )
    spacing = _numbers(series.facts.get("pixel_spacing_mm"))
    interval = derivation.slice_interval_mm(series)
    blinded = BlindedSeries(
        key=key,
        label=label,
        modality=series.modality,
        rows=first.rows if first else 0,
        columns=first.columns if first else 0,
        pixel_spacing_mm=(spacing[0], spacing[1]) if len(spacing) == 2 else None,
        slice_interval_mm=None if interval is None else float(interval),
        slices=slices,
    )
    return _Stack(series, pictures, blinded)


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list | tuple) else []
    return [float(v) for v in values if isinstance(v, int | float)]


def blinded_task(task: ReadTask) -> BlindedTask:
    """Return what a reader sees of a read: the present timepoint, and the reader's own signed earlier ones."""
    subject, charter = task.timepoint.subject, task.charter
    names, terms = _Keys(subject.trial, task.blinded_code), charter.terms
    before = list(selectors.own_reads_before(task))
    stacks = {t.pk: _stacks(names, t.timepoint, charter) for t in (*before, task)}
    shown = [stack for group in stacks.values() for stack in group]
    assessment = getattr(task, "assessment", None)
    return BlindedTask(
        code=task.blinded_code,
        case=task.case_code,
        title=title_of(task.timepoint, charter),
        state=task.state,
        is_baseline=derivation.is_baseline(task.timepoint),
        is_open=task.state in (ReadState.ASSIGNED, ReadState.READING) and _images_cleared(task),
        criteria=terms.criteria,
        version=assessment.version if assessment else 0,
        image_quality=assessment.image_quality if assessment else "adequate",
        comment=assessment.comment if assessment else "",
        presets=_presets(charter),
        series=tuple(stack.blinded for stack in stacks[task.pk]),
        earlier=tuple(
            BlindedTimepoint(
                title_of(t.timepoint, charter),
                tuple(stack.blinded for stack in stacks[t.pk]),
                _response(t.assessment.derivation),
            )
            for t in before
        ),
        lesions=_lesions(task, before, shown, names),
        response=_response(assessment.derivation) if assessment else None,
        unanswered=() if task.state in selectors.SIGNED else derivation.unanswered(task, before),
        disclosed=_disclosed(subject, charter),
    )


def _images_cleared(task: ReadTask) -> bool:
    return task.timepoint.qc_state == QcState.CLEARED


def _lesions(
    task: ReadTask, before: Sequence[ReadTask], stacks: Sequence[_Stack], names: _Keys
) -> tuple[BlindedLesion, ...]:
    """The reader's lesions known up to and including a read."""
    reads = [*before, task]
    titles = {t.pk: title_of(t.timepoint, task.charter) for t in reads}
    found = Lesion.objects.filter(first_seen__in=reads).order_by("number")
    entries = (
        Measurement.objects.filter(lesion__in=found, assessment__task__in=reads)
        .select_related("assessment", "instance")
        .order_by("assessment__task__order", "part")
    )
    by_lesion: dict[int, list[Measurement]] = {}
    for entry in entries:
        by_lesion.setdefault(entry.lesion_id, []).append(entry)

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
            series_key=series_key,
            slice=place,
            instance_key=names.of(entry.instance.sop_instance_uid) if entry.instance and series_key else "",
            frame=entry.frame,
            reason=entry.reason,
        )

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
        )
        for lesion in found
    )


def _response(derived: Mapping[str, Any]) -> BlindedResponse | None:
    """Pick from a stored derivation what a reader may see; days and visit codes stay behind."""
    if not derived:
        return None

    def decimal(name: str) -> Decimal | None:
        value = derived.get(name)
        return None if value is None else Decimal(value)

    return BlindedResponse(
        overall=derived.get("overall") or "",
        target=derived.get("target") or "",
        nontarget=derived.get("nontarget") or "",
        new_lesion=bool(derived.get("new_lesion")),
        sum_mm=decimal("sum_mm"),
        nadir_mm=decimal("nadir_mm"),
        percent_from_baseline=decimal("percent_from_baseline"),
        percent_from_nadir=decimal("percent_from_nadir"),
        steps=tuple(BlindedStep(s["rule"], s["clause"], s["result"]) for s in derived.get("trace", [])),
    )


def blinded_adjudication(adjudication: Adjudication) -> BlindedAdjudication:
    """Return what an adjudicator sees: both reads side by side, unnamed, and the images both were made on."""
    subject = adjudication.subject
    charter = selectors.reading_charter(subject)
    assert charter is not None
    names = _Keys(subject.trial, adjudication.blinded_code)
    timepoints = [t for t in subject.timepoints.order_by("order") if _adjudicated(t, adjudication)]
    stacks = {t.pk: _stacks(names, t, charter) for t in timepoints}
    shown = [stack for group in stacks.values() for stack in group]
    by_slot = {result.slot: result for result in selectors.slot_results(subject)}
    left, right = by_slot[adjudication.left_slot], by_slot[3 - adjudication.left_slot]
    titles = {t.code: title_of(t, charter) for t in timepoints}

    def side(name: str, result: selectors.SlotResult) -> BlindedSide:
        whole = adjudication.timepoint_id is None
        reads = [read for read in result.reads if read.timepoint.code in titles]
        return BlindedSide(
            side=name,
            best_overall_response=result.outcome.bor if whole else "",
            progression=titles.get(result.timepoint_on(result.outcome.progression_day), "") if whole else "",
            first_response=titles.get(result.timepoint_on(result.outcome.first_response_day), "") if whole else "",
            reads=tuple(
                BlindedRead(
                    title=titles[read.timepoint.code],
                    image_quality=read.assessment.image_quality,
                    comment=read.assessment.comment,
                    response=_response(read.assessment.derivation),
                    lesions=_lesions(read.task, [r.task for r in reads[:position]], shown, names),
                )
                for position, read in enumerate(reads)
            ),
        )

    sides = side("left", left), side("right", right)
    chosen = adjudication.chosen_slot
    return BlindedAdjudication(
        code=adjudication.blinded_code,
        case=case_code(subject, "adjudicator"),
        title=title_of(adjudication.timepoint, charter) if adjudication.timepoint else "",
        state=adjudication.state,
        triggers=tuple(_triggers(adjudication.triggers, *sides, titles, adjudication.left_slot)),
        left=sides[0],
        right=sides[1],
        timepoints=tuple(
            BlindedTimepoint(titles[t.code], tuple(stack.blinded for stack in stacks[t.pk]), None) for t in timepoints
        ),
        presets=_presets(charter),
        choice="" if chosen is None else ("left" if chosen == adjudication.left_slot else "right"),
        rationale=adjudication.rationale,
        disclosed=_disclosed(subject, charter),
    )


def _adjudicated(timepoint: Timepoint, adjudication: Adjudication) -> bool:
    """Whether a timepoint is part of the case: read, and not after the one that is adjudicated."""
    last = adjudication.timepoint
    return selectors.is_read_by_all(timepoint) and (last is None or timepoint.order <= last.order)


def _triggers(
    rows: Iterable[Mapping[str, Any]], left: BlindedSide, right: BlindedSide, titles: Mapping[str, str], left_slot: int
) -> Iterable[BlindedTrigger]:
    """Spread triggers over the timepoints where they fired; an event's date is told by its timepoint."""
    dates = {"progression_date": "progression", "first_response_date": "first_response"}
    for row in rows:
        name, places = row["name"], row["timepoint_ids"]
        if name in dates:
            said = [getattr(side, dates[name]) or "none" for side in (left, right)]
            yield BlindedTrigger(name, "", said[0], said[1])
            continue
        for place, pair in zip(places or ("",), row["values"], strict=True):
            first, second = pair if left_slot == 1 else reversed(pair)
            yield BlindedTrigger(name, titles.get(place, ""), first, second)


# --- pictures -----------------------------------------------------------------------------------------------


def instance_of(task: ReadTask, instance_key: str, frame: int) -> Instance:
    """Find the instance of the present timepoint that a key of this task stands for.

    Raises
    ------
    NotShown
        No picture of this timepoint has the key, or the instance has no such frame.
    """
    names = _Keys(task.timepoint.subject.trial, task.blinded_code)
    for stack in _stacks(names, task.timepoint, task.charter):
        for picture, (instance, number) in zip(stack.blinded.slices, stack.pictures, strict=True):
            if picture.instance_key == instance_key and number == frame:
                return instance
    raise NotShown("A measurement names a picture that is not part of this read. Reload the page and enter it again.")


def frame_png(task: ReadTask, series_key: str, n: int, preset: str, *, actor: User, at: dt.datetime) -> bytes:
    """Return one picture of a read as PNG, in one of the charter's display windows; the viewing is recorded.

    Parameters
    ----------
    series_key
        Key of a series of the present timepoint, or of the reader's own earlier ones.
    n
        Place in the stack, from 1.
    preset
        Name of one of the charter's window presets.

    Raises
    ------
    NotShown, NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    if task.state not in selectors.SHOWN or task.state == ReadState.ASSIGNED:
        raise NotOpen(f"Read {task.blinded_code} is not open. Open it from your list of reads first.")
    timepoints = [t.timepoint for t in (task, *selectors.own_reads_before(task))]
    names = _Keys(task.timepoint.subject.trial, task.blinded_code)
    return _picture(task, names, timepoints, task.charter, series_key, n, preset, actor, at)


def adjudication_frame_png(
    adjudication: Adjudication, series_key: str, n: int, preset: str, *, actor: User, at: dt.datetime
) -> bytes:
    """Return one picture of an adjudicated case as PNG; as `frame_png`."""
    access.require(actor, "reading.adjudicate", adjudication)
    subject = adjudication.subject
    charter = selectors.reading_charter(subject)
    assert charter is not None
    timepoints = [t for t in subject.timepoints.order_by("-order") if _adjudicated(t, adjudication)]
    names = _Keys(subject.trial, adjudication.blinded_code)
    return _picture(adjudication, names, timepoints, charter, series_key, n, preset, actor, at)


def _picture(
    about: ReadTask | Adjudication,
    names: _Keys,
    timepoints: Iterable[Timepoint],
    charter: ImagingCharter,
    series_key: str,
    n: int,
    preset: str,
    actor: User,
    at: dt.datetime,
) -> bytes:
    window = next((p for p in charter.terms.window_presets if p.name == preset), None)
    shown = (row for timepoint in timepoints for row in _named(names, timepoint, charter))
    series = next((series for _, key, series in shown if key == series_key), None)
    pictures = _pictures(series) if series else ()
    if window is None or series is None or not 1 <= n <= len(pictures):
        raise NotShown("This picture is not part of the read. Reload the page.")
    instance, frame = pictures[n - 1]
    _record_viewing(about, series, names.code, actor, at)
    return viewing.picture(instance.archive_key, frame - 1, (window.centre, window.width))


def _record_viewing(about: ReadTask | Adjudication, series: Series, code: str, actor: User, at: dt.datetime) -> None:
    """Record once per read, series and day (UTC) that somebody looked at a series; never fewer times."""
    day = at.astimezone(dt.UTC).date().isoformat()
    seen = {"read": code, "day": day}
    known = AuditEvent.objects.filter(
        action="series.viewed",
        object_type=audit.label_of(series),
        object_id=str(series.pk),
        actor=actor,
        after__read=code,
        after__day=day,
    )
    if known.exists():
        return
    with transaction.atomic():
        # The first pictures of a stack are asked for at once: only one of the requests records.
        type(about)._base_manager.select_for_update().get(pk=about.pk)
        if not known.exists():
            audit.record("series.viewed", series, actor=actor, at=at, after=seen)
