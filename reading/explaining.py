"""Why two readers of a subject differ, from what they stored: their lesions paired, and the cause classed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reading import derivation
from reading.criteria.discordance import Trigger, response_to_sums
from reading.models import Lesion, Measurement, ReadTask
from reading.selectors import SlotResult
from reading.variability.causes import Discordance, Reading, Visit, explain
from reading.variability.pairing import FoundLesion


def explained(first: SlotResult, second: SlotResult, triggers: Iterable[Trigger]) -> Discordance:
    """Return the cause for which two readers of a subject differ where the triggers say, with their lesions paired."""
    places = {place for trigger in triggers for place in trigger.timepoint_ids}
    pack = derivation.pack_of(first.reads[0].task.charter)
    return explain(reading_of(first), reading_of(second), places, response_to_sums(pack))


def as_stored(found: Discordance) -> dict[str, Any]:
    """Return a discordance as its adjudication keeps it: cause, timepoint, and lesions by their labels."""
    pairing = found.pairing
    return {
        "cause": str(found.cause),
        "timepoint": found.timepoint,
        "pairs": [[pair.first.id, pair.second.id] for pair in pairing.pairs],
        "only_first": [lesion.id for lesion in pairing.only_first],
        "only_second": [lesion.id for lesion in pairing.only_second],
    }


def reading_of(slot: SlotResult) -> Reading:
    entries: dict[int, list[Measurement]] = {read.task.pk: [] for read in slot.reads}
    stored = Measurement.objects.filter(assessment__task__in=entries).select_related(
        "assessment", "lesion", "instance__series"
    )
    for entry in stored.order_by("assessment__task__order", "lesion__number", "part"):
        entries[entry.assessment.task_id].append(entry)
    tasks = {read.task.pk: read.task for read in slot.reads}
    lesions = [
        _found(own, tasks[pk])
        for pk, measured in entries.items()
        for own in _by_lesion(measured).values()
        if own[0].lesion.first_seen_id == pk
    ]
    settings = derivation.pack_of(slot.reads[0].task.charter).settings
    without_size = {
        Measurement.State.ABSENT: 0.0,
        Measurement.State.TOO_SMALL: float(settings.get("too_small_mm", 5)),
    }
    visits = []
    for read in slot.reads:
        response = read.response
        measured = {
            own[0].lesion.label: own
            for own in _by_lesion(entries[read.task.pk]).values()
            if own[0].lesion.category == Lesion.Category.TARGET
        }
        sizes = {label: _size(own, without_size) for label, own in measured.items()}
        visits.append(
            Visit(
                read.timepoint.code,
                overall=read.overall,
                target=(response.target or "") if response else "",
                nontarget=(response.nontarget or "") if response else "",
                new_lesion=response.new_lesion if response else False,
                evaluable=read.assessment.image_quality != "not_evaluable",
                sizes_mm={label: size for label, size in sizes.items() if size is not None},
                series={label: str(own[0].instance.series_id) for label, own in measured.items() if own[0].instance},
            )
        )
    return Reading(tuple(lesions), tuple(visits), slot.outcome.bor)


def _by_lesion(entries: Iterable[Measurement]) -> dict[int, list[Measurement]]:
    found: dict[int, list[Measurement]] = {}
    for entry in entries:
        found.setdefault(entry.lesion_id, []).append(entry)
    return found


def _size(parts: Sequence[Measurement], without_size: Mapping[Any, float]) -> float | None:
    """Size of a lesion at a timepoint, its parts added up; None where it was not evaluable."""
    sizes = [without_size.get(p.state) if p.diameter_mm is None else float(p.diameter_mm) for p in parts]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _found(parts: Sequence[Measurement], task: ReadTask) -> FoundLesion:
    first = parts[0]
    lesion, instance = first.lesion, first.instance
    return FoundLesion(
        id=lesion.label,
        category=lesion.category,
        organ=lesion.organ,
        nodal=lesion.nodal,
        timepoint=task.timepoint.code,
        series=str(instance.series_id) if instance else "",
        orientation=str(instance.series.facts.get("orientation") or "") if instance else "",
        slice_mm=instance.position_mm if instance else None,
        size_mm=None if first.diameter_mm is None else float(first.diameter_mm),
    )
