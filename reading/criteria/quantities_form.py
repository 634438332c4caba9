"""What packs that follow a quantity ask for: one number of each lesion or region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from . import recist11_form
from .form import MEASURED, TARGET, Entry, Field, Lesions, Sheet
from .inputs import BaselineTarget, TargetState
from .quantities import QuantityHistory, QuantityRead
from .results import Violation


def followed(
    title: str, add: str, hint: str, later_hint: str, number: Field, *, gone: bool, **place: object
) -> Lesions:
    """Return a list of lesions or regions with one number each; `gone`: one may be absent, which is 0."""
    absent = (TargetState.ABSENT,) if gone else ()
    return replace(
        Lesions(
            TARGET,
            title,
            add,
            hint,
            later_hint,
            (MEASURED,),
            (MEASURED, *absent, TargetState.NOT_EVALUABLE),
            (replace(number, when=recist11_form.WHEN_MEASURED),),
        ),
        **place,  # type: ignore[arg-type]
    )


def values(baseline: Sheet, name: str) -> Mapping[str, Decimal]:
    """Return the number of each lesion of a baseline."""
    found = {entry.lesion: entry.number(name) for entry in baseline.of(TARGET)}
    return {lesion: value for lesion, value in found.items() if value is not None}


def history(baseline: Sheet, later: Sequence[Sheet], name: str) -> QuantityHistory:
    """Return a subject by one number of each lesion; an absent lesion has 0."""
    known = values(baseline, name)
    return QuantityHistory(
        known,
        tuple(
            QuantityRead(
                sheet.timepoint_id,
                sheet.study_day,
                {entry.lesion: _value(entry, name) for entry in sheet.of(TARGET) if entry.lesion in known},
                recist11_form.new_lesions(sheet),
            )
            for sheet in later
        ),
    )


def nothing_measured(targets: Sequence[BaselineTarget]) -> tuple[Violation, ...]:
    """Return the violation of a baseline without anything to follow."""
    if targets:
        return ()
    message = "Nothing is measured. Measure at least one, or say that the images cannot be evaluated."
    return (Violation("NOTHING_MEASURED", (), message, "Nothing can be followed without a baseline value"),)


def _value(entry: Entry, name: str) -> Decimal | None:
    return Decimal(0) if entry.state == TargetState.ABSENT else entry.number(name)
