"""The parameters and the form of iRECIST: those of RECIST 1.1, and what is its own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from .base import Field, Form, Parameter
from .inputs import NewLesionChange, NewLesionClass, NonTargetState
from .recist11_settings import FORM as RECIST_FORM
from .recist11_settings import PARAMETERS as RECIST_PARAMETERS

PARAMETERS: tuple[Parameter, ...] = (
    # An iUPD keeps its own date, so there is nothing to date back.
    *(parameter for parameter in RECIST_PARAMETERS if not parameter.name.startswith("equivocal")),
    Parameter(
        "icpd_min_days",
        28,
        "Least time from the first iUPD to a timepoint that confirms it, days",
        "iRECIST: 4 to 8 weeks; EORTC questions and clarifications on iRECIST: not before 4 weeks",
    ),
    Parameter(
        "icpd_max_days",
        0,
        "Most time from the first iUPD to a timepoint that confirms it, days; 0: any",
        "iRECIST: 4 to 8 weeks. A protocol may say 56; a later scan confirms where none was made in time",
    ),
    Parameter(
        "icpd_increase_mm",
        Decimal(5),
        "Least further growth of a sum, over the sum at the first iUPD, that confirms, mm",
        "iRECIST, Table 2; EORTC questions and clarifications on iRECIST: sequential increases add up",
    ),
)

_NEW_LESION = (
    Field("lesion_class", "Followed as", "state", choices=tuple(NewLesionClass)),
    Field("diameter_mm", "Diameter", "diameter_mm", help="Of a new target lesion; kept apart from the sum"),
    Field("change", "Since the last timepoint", "state", choices=tuple(NewLesionChange)),
)


def _changed(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(replace(field, choices=tuple(NonTargetState)) if field.name == "status" else field for field in fields)


FORM = Form(
    tuple(
        replace(section, fields=_changed(section.fields))
        if (section.name, section.at) == ("nontargets", "follow_up")
        else replace(section, fields=(*section.fields, *_NEW_LESION))
        if section.name == "new_lesions"
        else section
        for section in RECIST_FORM.sections
    )
)
