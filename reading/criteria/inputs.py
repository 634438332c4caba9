"""What a reader states about a subject: lesions at baseline, then each timepoint. No dates, no names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from .values import InvalidRead, exact

_State = TypeVar("_State", bound=StrEnum)


class TargetState(StrEnum):
    """Why a target lesion has no diameter at a timepoint."""

    ABSENT = "ABSENT"
    TOO_SMALL = "TOO_SMALL"
    NOT_EVALUABLE = "NOT_EVALUABLE"


class NonTargetState(StrEnum):
    """What a reader states about a non-target lesion; a node below 10 mm is ABSENT.

    The last three compare with the timepoint before, and are for iRECIST alone.
    """

    ABSENT = "ABSENT"
    PRESENT = "PRESENT"
    UNEQUIVOCAL_PD = "UNEQUIVOCAL_PD"
    NOT_EVALUABLE = "NOT_EVALUABLE"
    FURTHER_INCREASE = "FURTHER_INCREASE"
    NO_CHANGE_FROM_LAST = "NO_CHANGE_FROM_LAST"
    DECREASED = "DECREASED"


class NewLesionState(StrEnum):
    """How sure the reader is of a new lesion; NOT_A_LESION dismisses an earlier equivocal finding."""

    EQUIVOCAL = "EQUIVOCAL"
    UNEQUIVOCAL = "UNEQUIVOCAL"
    NOT_A_LESION = "NOT_A_LESION"


class NewLesionClass(StrEnum):
    """How iRECIST follows a new lesion: measured, or looked at."""

    TARGET = "TARGET"
    NONTARGET = "NONTARGET"


class NewLesionChange(StrEnum):
    """A new lesion against the timepoint before (iRECIST)."""

    APPEARED = "APPEARED"
    INCREASED = "INCREASED"
    STABLE = "STABLE"
    DECREASED = "DECREASED"


@dataclass(frozen=True, slots=True)
class TargetLesion:
    """A target lesion as chosen at baseline.

    Attributes
    ----------
    organ
        CDISC term (LIVER, LUNG, LYMPH NODE).
    diameter_mm
        Short axis of a node, longest diameter of anything else; mm, above 0. Decimal text is read exactly.
    """

    lesion_id: str
    organ: str
    nodal: bool
    diameter_mm: Decimal

    def __post_init__(self) -> None:
        diameter = exact(self.diameter_mm, f"Baseline diameter of target lesion {self.lesion_id}")
        if not diameter:
            raise InvalidRead(f"Target lesion {self.lesion_id} measures 0 mm at baseline; measure or remove it.")
        object.__setattr__(self, "diameter_mm", diameter)


@dataclass(frozen=True, slots=True)
class NonTargetLesion:
    """A non-target lesion, or a pooled group of them, as recorded at baseline."""

    lesion_id: str
    organ: str = ""
    nodal: bool = False


@dataclass(frozen=True, slots=True)
class TargetMeasure:
    """A target lesion at one timepoint: one of a diameter, the parts it split into, the lesion it merged into,
    or a state; with none of them it was not assessed.
    """

    lesion_id: str
    diameter_mm: Decimal | None = None
    parts_mm: tuple[Decimal, ...] = ()
    merged_into: str | None = None
    state: TargetState | None = None

    def __post_init__(self) -> None:
        what = f"Target lesion {self.lesion_id}"
        if self.diameter_mm is not None:
            object.__setattr__(self, "diameter_mm", exact(self.diameter_mm, what))
        object.__setattr__(self, "parts_mm", tuple(exact(part, what) for part in self.parts_mm))
        if self.state is not None:
            object.__setattr__(self, "state", _member(TargetState, self.state, what))
        given = (self.diameter_mm is None, not self.parts_mm, self.merged_into is None, self.state is None)
        if given.count(False) > 1:
            raise InvalidRead(f"{what} has two contradicting entries at one timepoint; keep one.")


@dataclass(frozen=True, slots=True)
class NonTargetStatus:
    """A non-target lesion at one timepoint; one without an entry was not assessed."""

    lesion_id: str
    status: NonTargetState

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", _member(NonTargetState, self.status, f"Lesion {self.lesion_id}"))


@dataclass(frozen=True, slots=True)
class NewLesion:
    """A lesion that was not there at baseline, with the reader's certainty at one timepoint.

    Class, diameter (mm) and change are what iRECIST asks for as well; RECIST 1.1 looks at none of them.
    """

    lesion_id: str
    status: NewLesionState
    lesion_class: NewLesionClass = NewLesionClass.NONTARGET
    diameter_mm: Decimal | None = None
    change: NewLesionChange | None = None

    def __post_init__(self) -> None:
        what = f"New lesion {self.lesion_id}"
        object.__setattr__(self, "status", _member(NewLesionState, self.status, what))
        object.__setattr__(self, "lesion_class", _member(NewLesionClass, self.lesion_class, what))
        if self.diameter_mm is not None:
            object.__setattr__(self, "diameter_mm", exact(self.diameter_mm, what))
        if self.change is not None:
            object.__setattr__(self, "change", _member(NewLesionChange, self.change, what))


@dataclass(frozen=True, slots=True)
class BaselineRead:
    """The lesions chosen at baseline; both empty where no disease was found."""

    targets: tuple[TargetLesion, ...] = ()
    nontargets: tuple[NonTargetLesion, ...] = ()
    study_day: int = 0

    def __post_init__(self) -> None:
        _distinct([*(t.lesion_id for t in self.targets), *(n.lesion_id for n in self.nontargets)], "Baseline")


@dataclass(frozen=True, slots=True)
class TimepointRead:
    """What a reader stated at one follow-up timepoint; `study_day` is days from start or randomisation."""

    timepoint_id: str
    study_day: int
    targets: tuple[TargetMeasure, ...] = ()
    nontargets: tuple[NonTargetStatus, ...] = ()
    new_lesions: tuple[NewLesion, ...] = ()

    def __post_init__(self) -> None:
        where = f"Timepoint {self.timepoint_id}"
        _distinct([*(t.lesion_id for t in self.targets), *(n.lesion_id for n in self.nontargets)], where)
        _distinct([lesion.lesion_id for lesion in self.new_lesions], where)


@dataclass(frozen=True, slots=True)
class SubjectHistory:
    """A subject as one reader saw it. Timepoints are put in order of study day."""

    baseline: BaselineRead
    timepoints: tuple[TimepointRead, ...]
    start_day: int = 0

    def __post_init__(self) -> None:
        _distinct([read.timepoint_id for read in self.timepoints], "The subject", "timepoint")
        _distinct([str(read.study_day) for read in self.timepoints], "The subject", "study day")
        ordered = tuple(sorted(self.timepoints, key=lambda read: read.study_day))
        object.__setattr__(self, "timepoints", ordered)


@dataclass(frozen=True, slots=True)
class BaselineTarget:
    """A lesion proposed as target, with the facts that decide whether it is measurable disease.

    Attributes
    ----------
    long_axis_mm, short_axis_mm, slice_mm
        mm; None where unknown. `slice_mm` is the reconstruction interval of the series it is measured on.
    flags
        Facts about the lesion (`reading.criteria.baseline.FLAGS`).
    modality
        CT, MR, XRAY or CLINICAL (calipers).
    """

    lesion_id: str
    organ: str
    nodal: bool
    long_axis_mm: Decimal | None
    short_axis_mm: Decimal | None = None
    slice_mm: Decimal | None = None
    flags: frozenset[str] = frozenset()
    modality: str = "CT"

    def __post_init__(self) -> None:
        for name in ("long_axis_mm", "short_axis_mm", "slice_mm"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, exact(value, f"Target lesion {self.lesion_id}"))


def _member(kind: type[_State], value: str, what: str) -> _State:
    try:
        return kind(value)
    except ValueError:
        raise InvalidRead(f"{what} has an unknown status; choose one of {', '.join(kind)}.") from None


def _distinct(names: list[str], where: str, kind: str = "lesion") -> None:
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise InvalidRead(f"{where} names {kind} {repeated[0]} twice; keep one.")
