"""What a reader saw when a read was signed, for those who may replay it: built from the signed content alone.

Series and pictures keep the keys that this read's reader had, so that a stored viewport fits them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reading import derivation
from reading.blinded import BlindedMark
from reading.blinding.names import Keys
from reading.blinding.reads import answered, presets, response_of, said_of, title_of_read
from reading.blinding.stacks import Stack, stacks_of
from reading.criteria.form import At, Form
from reading.models import Lesion, MarkVersion, ReadTask
from reading.questions import QUESTIONS
from reading.replayed import ReplayedMark, ReplayedMeasurement, ReplayedRead
from reading.selectors_signed import SignedRead, reads_shown_with


def replayed_read(read: SignedRead) -> ReplayedRead:
    """Return a signed version of a read, out of what was signed."""
    task, said = read.task, read.content["assessment"]
    charter, pack = task.charter, derivation.pack_of(task.charter)
    names = Keys(task.timepoint.subject.trial, task.blinded_code)
    places = _places(stacks_of(names, task.timepoint, charter))
    disagreement = said.get("disagreement", {})
    return ReplayedRead(
        code=task.blinded_code,
        case=task.case_code,
        title=title_of_read(task),
        is_baseline=derivation.at_of(task) is At.FIRST,
        by_itself=derivation.stands_alone(charter),
        criteria=charter.terms.criteria,
        image_quality=said["image_quality"],
        comment=said["comment"],
        answered=(*answered(said.get("answers", {}), pack.form()), *_verdict(said, task)),
        stated_response=disagreement.get("response", ""),
        stated_reason=disagreement.get("reason", ""),
        presets=presets(charter),
        measurements=tuple(_measurements(said["measurements"], pack.form(), places)),
        marks=tuple(_marks(said, task, names, places)),
        painted=tuple(_painted(said.get("segments", ()))),
        response=response_of(said["derivation"], pack),
    )


def _verdict(said: Mapping[str, Any], task: ReadTask) -> Iterable[tuple[str, str]]:
    """What was answered to the question of a read on a clock, and why."""
    if given := said.get("verdict"):
        question = QUESTIONS[task.purpose]
        yield question.asks, question.say(given["answer"])
        if given["reason"]:
            yield "Why", given["reason"]


def reads_of_replay(task: ReadTask) -> tuple[ReadTask, ...]:
    """The reads whose images the reader had: the own earlier ones that were ever signed, and this one."""
    return (*reads_shown_with(task), task)


#: A picture by the names of the archive: its UID and frame; and where it is shown: series, slice.
Places = Mapping[tuple[str, int], tuple[str, int]]


def _places(stacks: Iterable[Stack]) -> Places:
    return {
        (instance.sop_instance_uid, frame): (stack.blinded.key, n)
        for stack in stacks
        for n, (instance, frame) in enumerate(stack.pictures, 1)
    }


def _measurements(rows: Iterable[Mapping[str, Any]], form: Form, places: Places) -> Iterable[ReplayedMeasurement]:
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
            mark=row.get("mark", ""),
        )


def _marks(said: Mapping[str, Any], task: ReadTask, names: Keys, places: Places) -> Iterable[ReplayedMark]:
    lesions = {row["mark"]: row for row in said["measurements"] if "mark" in row}
    made = {
        (str(one.mark.key), one.number): one.made_at
        for one in MarkVersion.objects.filter(mark__task=task).select_related("mark")
    }
    for row in said.get("marks", ()):
        series_key, place = places.get((row["sop_instance_uid"], row["frame"]), ("", None))
        lesion = lesions.get(row["mark"])
        mark = BlindedMark(
            key=row["mark"],
            version=row["version"],
            tool=row["tool"],
            series_key=series_key,
            instance_key=names.of(row["sop_instance_uid"]),
            frame=row["frame"],
            points=tuple(tuple(point) for point in row["points"]),
            view=row["view"],
            software=row["software"],
            measured=row["measured"],
            hints=(),
            lesion=int(re.sub(r"\D", "", lesion["lesion"])) if lesion else None,
            label=lesion["lesion"] if lesion else "",
            part=lesion["part"] if lesion else 0,
            removed=False,
        )
        yield ReplayedMark(mark, made.get((row["mark"], row["version"])), place)


def _painted(rows: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    for row in rows:
        volume = f"{row['voxels']} voxels" if row["volume_ml"] is None else f"{row['volume_ml']} ml"
        yield ("No lesion" if row["lesion"] is None else f"Lesion {row['lesion']}"), volume
