"""What a reader saw when a read was signed, for those who may replay it: built from the signed content alone.

Series and pictures keep the keys that this read's reader had, so that a stored viewport fits them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reading import derivation
from reading.blinded import ReplayedMeasurement, ReplayedRead
from reading.blinding.names import Keys
from reading.blinding.reads import answered, presets, response_of, said_of, title_of
from reading.blinding.stacks import Stack, stacks_of
from reading.criteria.form import Form
from reading.models import Lesion, ReadTask
from reading.selectors_signed import SignedRead, reads_shown_with


def replayed_read(read: SignedRead) -> ReplayedRead:
    """Return a signed version of a read, out of what was signed."""
    task, said = read.task, read.content["assessment"]
    charter, pack = task.charter, derivation.pack_of(task.charter)
    names = Keys(task.timepoint.subject.trial, task.blinded_code)
    stacks = stacks_of(names, task.timepoint, charter)
    disagreement = said.get("disagreement", {})
    return ReplayedRead(
        code=task.blinded_code,
        case=task.case_code,
        title=title_of(task.timepoint, charter),
        is_baseline=derivation.is_baseline(task.timepoint),
        criteria=charter.terms.criteria,
        image_quality=said["image_quality"],
        comment=said["comment"],
        answered=answered(said.get("answers", {}), pack.form()),
        stated_response=disagreement.get("response", ""),
        stated_reason=disagreement.get("reason", ""),
        presets=presets(charter),
        measurements=tuple(_measurements(said["measurements"], pack.form(), stacks)),
        response=response_of(said["derivation"], pack),
    )


def reads_of_replay(task: ReadTask) -> tuple[ReadTask, ...]:
    """The reads whose images the reader had: the own earlier ones that were ever signed, and this one."""
    return (*reads_shown_with(task), task)


def _measurements(
    rows: Iterable[Mapping[str, Any]], form: Form, stacks: Iterable[Stack]
) -> Iterable[ReplayedMeasurement]:
    places = {
        (instance.sop_instance_uid, frame): (stack.blinded.key, n)
        for stack in stacks
        for n, (instance, frame) in enumerate(stack.pictures, 1)
    }
    for row in rows:
        stated = {} if row["diameter_mm"] is None else {"diameter_mm": row["diameter_mm"]}
        stated |= row.get("values", {})
        series_key, place = places.get((row["sop_instance_uid"], row["frame"]), ("", None))
        yield ReplayedMeasurement(
            label=row["lesion"],
            organ=row["organ"],
            category=Lesion.Category(row["category"]).label,
            part=row["part"],
            said=said_of(form, row["category"], row["lesion"], row["state"], stated),
            reason=row["reason"],
            series_key=series_key,
            slice=place,
        )
