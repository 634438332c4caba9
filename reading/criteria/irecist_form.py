"""What a reader enters for iRECIST: the form of RECIST 1.1, with new lesions followed and non-targets compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import recist11_form
from .form import DIAMETER, NEW, At, Entry, Field, Form, Kind, Sheet, When
from .inputs import NewLesion, NewLesionChange, NewLesionClass, NewLesionState, NonTargetState, SubjectHistory

_SEEN = (NewLesionState.EQUIVOCAL, NewLesionState.UNEQUIVOCAL)

FORM = Form(
    (
        recist11_form.TARGETS,
        replace(recist11_form.NONTARGETS, later=tuple(NonTargetState)),
        replace(
            recist11_form.NEW_LESIONS,
            fields=(
                Field(
                    "lesion_class",
                    "Followed as",
                    Kind.CHOICE,
                    choices=((NewLesionClass.TARGET, "Target"), (NewLesionClass.NONTARGET, "Non-target")),
                    at=(At.FIRST,),
                    help="Up to five new targets and two per organ, measured apart from those of the baseline",
                ),
                Field(
                    DIAMETER,
                    "Longest diameter",
                    node_label="Short axis",
                    brief="longest",
                    unit="mm",
                    when=(When("lesion_class", (NewLesionClass.TARGET,)), When("state", _SEEN)),
                    code="LDIAM",
                    node_code="LPERP",
                ),
                Field(
                    "change",
                    "Since the last timepoint",
                    Kind.CHOICE,
                    choices=(
                        (NewLesionChange.STABLE, "Stable"),
                        (NewLesionChange.INCREASED, "Increased"),
                        (NewLesionChange.DECREASED, "Decreased"),
                    ),
                    when=(
                        When("lesion_class", (NewLesionClass.NONTARGET,)),
                        When("state", (NewLesionState.UNEQUIVOCAL,)),
                    ),
                    at=(At.LATER,),
                ),
            ),
        ),
    )
)


def history(baseline: Sheet, later: Sequence[Sheet]) -> SubjectHistory:
    """Return a subject as iRECIST reads it."""
    plain = recist11_form.history(baseline, later)
    reads = zip(plain.timepoints, sorted(later, key=lambda sheet: sheet.study_day), strict=True)
    return replace(
        plain,
        timepoints=tuple(
            replace(read, new_lesions=tuple(_new_lesion(entry) for entry in sheet.of(NEW))) for read, sheet in reads
        ),
    )


def _new_lesion(entry: Entry) -> NewLesion:
    change = entry.values.get("change")
    return NewLesion(
        entry.lesion,
        NewLesionState(entry.state),
        NewLesionClass(str(entry.values.get("lesion_class", NewLesionClass.NONTARGET))),
        entry.number(DIAMETER),
        NewLesionChange.APPEARED if change is None else NewLesionChange(str(change)),
    )
