"""What a reader enters for RECIST 1.1, and how the pack reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from .base import Burden, Figure
from .form import ACROSS, DIAMETER, MEASURED, NEW, NON_TARGET, TARGET, Entry, Field, Form, Lesions, Sheet, When
from .inputs import (
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
from .recist11_settings import NONTARGET_STATES

#: States of a target after baseline; it begins by being measured.
TARGET_STATES = (MEASURED, *TargetState)
WHEN_MEASURED = (When("state", (MEASURED,)),)

TARGETS = Lesions(
    TARGET,
    "Target lesions",
    "Add target",
    "Up to five in all and two per organ; each measurable, and measured on this timepoint.",
    "No target lesions were chosen at baseline.",
    (MEASURED,),
    TARGET_STATES,
    (
        Field(
            DIAMETER,
            "Longest diameter",
            node_label="Short axis",
            brief="longest",
            unit="mm",
            when=WHEN_MEASURED,
            help="The actual size, also of a normal node",
            code="LDIAM",
            node_code="LPERP",
        ),
    ),
    splits=True,
)
NONTARGETS = Lesions(
    NON_TARGET,
    "Non-target lesions",
    "Add non-target",
    "All other disease, without sizes.",
    "No non-target lesions were named at baseline.",
    (NonTargetState.PRESENT,),
    NONTARGET_STATES,
)
NEW_LESIONS = Lesions(
    NEW,
    "New lesions",
    "Add new lesion",
    "None entered.",
    "None entered.",
    (NewLesionState.EQUIVOCAL, NewLesionState.UNEQUIVOCAL),
    tuple(NewLesionState),
)
FORM = Form((TARGETS, NONTARGETS, NEW_LESIONS))


BURDEN = Burden("sum_mm", "Sum of diameters", "mm", "baseline_sum_of_diameters", "RECIST 1.1 §4.2")
MEASURED_AS = "Diameters are in millimetres: the short axis of a node, else the longest diameter."
FIGURES = (
    Figure("sum_mm", "Sum of diameters", "Sum", "mm", at_baseline=True, code="SUMDIAM"),
    Figure("percent_from_baseline", "From baseline", "From baseline", "%", code="PCBSD"),
    Figure("percent_from_nadir", "From nadir", "From nadir", "%", beside="nadir_mm", code="PCNSD"),
    Figure("target", "Target lesions", "Target", code="TRGRESP"),
    Figure("nontarget", "Non-target lesions", "Non-target", code="NTRGRESP"),
    Figure("new_lesion", "New lesions", "New", code="NEWLIND"),
)


def capped(form: Form, most: int) -> Form:
    """Return a form with the charter's cap on target lesions."""
    return replace(
        form, lesions=tuple(replace(one, maximum=most) if one.category == TARGET else one for one in form.lesions)
    )


def diameters(baseline: Sheet) -> Mapping[str, Decimal]:
    """Return the diameters of the target lesions of a baseline, in mm."""
    found = {entry.lesion: entry.number(DIAMETER) for entry in baseline.of(TARGET)}
    return {lesion: size for lesion, size in found.items() if size is not None}


def history(baseline: Sheet, later: Sequence[Sheet]) -> SubjectHistory:
    """Return a subject as RECIST 1.1 reads it; parts of a split target are added up there."""
    targets = tuple(
        TargetLesion(entry.lesion, entry.organ, entry.nodal, size)
        for entry in baseline.of(TARGET)
        if (size := entry.number(DIAMETER)) is not None
    )
    return SubjectHistory(
        BaselineRead(targets, nontarget_lesions(baseline), baseline.study_day),
        tuple(_timepoint(sheet) for sheet in later),
    )


def nontarget_lesions(baseline: Sheet) -> tuple[NonTargetLesion, ...]:
    """Return the non-target lesions of a baseline."""
    return tuple(NonTargetLesion(entry.lesion, entry.organ, entry.nodal) for entry in baseline.of(NON_TARGET))


def nontarget_statuses(sheet: Sheet) -> tuple[NonTargetStatus, ...]:
    """Return what was stated of the non-target lesions."""
    return tuple(NonTargetStatus(entry.lesion, NonTargetState(entry.state)) for entry in sheet.of(NON_TARGET))


def new_lesions(sheet: Sheet) -> tuple[NewLesion, ...]:
    """Return the new lesions with the reader's certainty."""
    return tuple(NewLesion(entry.lesion, NewLesionState(entry.state)) for entry in sheet.of(NEW))


def measures(entries: Iterable[Entry]) -> tuple[TargetMeasure, ...]:
    """Return the target lesions of one timepoint."""
    by_lesion: dict[str, list[Entry]] = {}
    for entry in entries:
        by_lesion.setdefault(entry.lesion, []).append(entry)
    return tuple(_measure(lesion, parts) for lesion, parts in by_lesion.items())


def _measure(lesion: str, entries: Sequence[Entry]) -> TargetMeasure:
    sizes = [size for entry in entries if (size := entry.number(DIAMETER)) is not None]
    if len(entries) > 1:
        return TargetMeasure(lesion, parts_mm=tuple(sizes))
    if sizes:
        return TargetMeasure(lesion, diameter_mm=sizes[0])
    return TargetMeasure(lesion, state=TargetState(entries[0].state))


def _timepoint(sheet: Sheet) -> TimepointRead:
    return TimepointRead(
        sheet.timepoint_id,
        sheet.study_day,
        measures(sheet.of(TARGET)),
        nontarget_statuses(sheet),
        new_lesions(sheet),
    )


def proposed(target: Entry, slice_mm: Decimal | None, modality: str) -> BaselineTarget:
    """Return a target chosen at baseline with what decides whether it is measurable.

    Where two diameters are asked they are its axes; where one is, it is a node's short axis, else the longest.
    """
    size, across = target.number(DIAMETER), target.number(ACROSS)
    nodal = target.nodal and across is None
    return BaselineTarget(
        lesion_id=target.lesion,
        organ=target.organ,
        nodal=target.nodal,
        long_axis_mm=None if nodal else size,
        short_axis_mm=size if nodal else across,
        slice_mm=slice_mm,
        modality=modality,
    )
