"""What a reader enters, as the services take it from pages and programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class LesionEntry:
    """One lesion, or one part of a target that split, as entered at the present timepoint.

    Attributes
    ----------
    number
        The lesion's number; None for one that is not known yet.
    category, organ, nodal, description
        Of a lesion found at this timepoint; a known lesion keeps its own.
    state
        One of `Measurement.State`; empty while nothing is entered.
    diameter_mm
        The chief diameter, where the pack's form asks for one.
    instance, frame
        Key of the picture on which it was measured, as `blinding` gave it, and the frame in it, from 1.
    part
        0, or the number of a part of a target that has split.
    values
        What else the pack's form asks of a lesion, by name; None where it is left open.
    mark
        Key of the mark that it is taken from; its diameter and its picture are the mark's.
    """

    number: int | None
    category: str
    organ: str = ""
    nodal: bool = False
    description: str = ""
    state: str = ""
    diameter_mm: Decimal | None = None
    instance: str | None = None
    frame: int = 1
    reason: str = ""
    part: int = 0
    values: Mapping[str, object] = field(default_factory=dict)
    mark: UUID | None = None


@dataclass(frozen=True, slots=True)
class AssessmentEntry:
    """What a reader entered; `version` is that of the draft it started from (0: none).

    The entry is the whole draft: a lesion found at this timepoint that it does not list is removed. `answers` are
    to the form's questions about the timepoint. `stated_response` is what the reader says against the derived one,
    `verdict` what is answered to the question of a read on a clock.
    """

    version: int
    image_quality: str = "adequate"
    comment: str = ""
    lesions: tuple[LesionEntry, ...] = ()
    answers: Mapping[str, object] = field(default_factory=dict)
    stated_response: str = ""
    stated_reason: str = ""
    verdict: str = ""
    verdict_reason: str = ""


@dataclass(frozen=True, slots=True)
class MarkEntry:
    """What a reader drew, as a page sends it.

    Attributes
    ----------
    instance, frame
        Key of the picture as `blinding` gave it, and the frame in it, from 1.
    points
        In the patient (LPS, mm: three numbers each), or in the picture (column and row, pixels).
    view
        How the reader looked at it.
    software
        What it was drawn with, and its version.
    """

    tool: str
    instance: str
    frame: int
    points: tuple[tuple[float, ...], ...]
    view: Mapping[str, object] = field(default_factory=dict)
    software: str = ""
