"""What was drawn in reads, under the keys of whoever looks: the reader, an adjudicator, an auditor's replay."""

from __future__ import annotations

from collections.abc import Iterable

from reading import derivation
from reading.blinded import BlindedMark
from reading.blinding.names import Keys
from reading.criteria.form import MEASURED, TARGET, At, Entry
from reading.criteria.recist11_form import proposed
from reading.measuring import Tool, entered, not_square
from reading.models import MarkVersion, Measurement, ReadTask
from reading.models.mark import marks_of


def marks_of_reads(tasks: Iterable[ReadTask], code: str) -> tuple[BlindedMark, ...]:
    """Return the marks of reads as they stand; of a signed read they are what was signed, with what the reader saw.

    Parameters
    ----------
    code
        Code of the record through which they are looked at: series and instances are named by its keys.
    """
    return tuple(blinded_mark(version, task, code) for task in tasks for version in marks_of(task))


def blinded_mark(version: MarkVersion, task: ReadTask, code: str) -> BlindedMark:
    """Return a version of a mark as those see it who look through the record with this code."""
    names = Keys(task.timepoint.subject.trial, code)
    measured = (
        Measurement.objects.filter(assessment__task=task, mark__mark=version.mark_id).select_related("lesion").first()
    )
    return BlindedMark(
        key=str(version.mark.key),
        version=version.number,
        tool=version.tool,
        series_key=names.of(version.instance.series.series_instance_uid),
        instance_key=names.of(version.instance.sop_instance_uid),
        frame=version.frame,
        points=tuple(tuple(point) for point in version.points),
        view=version.view,
        software=version.software,
        measured=version.measured,
        hints=hints_of(version, measured, task),
        lesion=measured.lesion.number if measured else None,
        label=measured.lesion.label if measured else "",
        part=measured.part if measured else 0,
        removed=version.removed,
    )


def hints_of(version: MarkVersion, measured: Measurement | None, task: ReadTask) -> tuple[str, ...]:
    """Return what the rules say of a mark: how it was drawn, and whether a target chosen here is measurable."""
    said = [not_square(version.measured)]
    if measured and measured.lesion.category == TARGET and measured.lesion.first_seen_id == task.pk:
        lesion, series = measured.lesion, version.instance.series
        pack = derivation.pack_of(task.charter)
        listed = pack.form().of(TARGET)
        fields = listed.asked(At.FIRST) if listed else ()
        size = entered(Tool(version.tool), version.measured, fields, nodal=lesion.nodal, context={"state": MEASURED})
        if size:
            entry = Entry(lesion.label, TARGET, lesion.organ, lesion.nodal, MEASURED, size)
            modality = "MR" if series.modality == "MR" else "CT"
            check = pack.check_baseline([proposed(entry, derivation.slice_interval_mm(series), modality)])
            said += [violation.message.removeprefix(f"Lesion {lesion.label}: ") for violation in check.violations]
    return tuple(sentence for sentence in said if sentence)
