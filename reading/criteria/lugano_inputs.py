"""What a reader states about a subject with lymphoma: two diameters of each target, spleen, marrow, PET."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .inputs import NewLesion, NonTargetLesion, NonTargetStatus, TargetState
from .values import InvalidRead, exact


class Uptake(StrEnum):
    """FDG uptake against baseline, where it is above the liver's."""

    REDUCED = "REDUCED"
    UNCHANGED = "UNCHANGED"
    INCREASED = "INCREASED"


class Marrow(StrEnum):
    """Bone marrow: normal by morphology (or by PET), involved as at baseline, or newly so."""

    NORMAL = "NORMAL"
    INVOLVED = "INVOLVED"
    NEW = "NEW"


@dataclass(frozen=True, slots=True)
class LuganoTarget:
    """A node or extranodal lesion as chosen at baseline; longest diameter and the shorter one across it, mm."""

    lesion_id: str
    organ: str
    nodal: bool
    long_mm: Decimal
    short_mm: Decimal

    def __post_init__(self) -> None:
        _two(self, f"Baseline diameter of target lesion {self.lesion_id}")
        if not self.short_mm:
            raise InvalidRead(f"Target lesion {self.lesion_id} measures 0 mm at baseline; measure or remove it.")


@dataclass(frozen=True, slots=True)
class LuganoMeasure:
    """A target at one timepoint: two diameters, or a state; with neither it was not assessed."""

    lesion_id: str
    long_mm: Decimal | None = None
    short_mm: Decimal | None = None
    state: TargetState | None = None

    def __post_init__(self) -> None:
        what = f"Target lesion {self.lesion_id}"
        if (self.long_mm is None) != (self.short_mm is None):
            raise InvalidRead(f"{what} has one diameter of two; measure both.")
        if self.long_mm is not None and self.state is not None:
            raise InvalidRead(f"{what} has two contradicting entries at one timepoint; keep one.")
        if self.long_mm is not None:
            _two(self, what)


@dataclass(frozen=True, slots=True)
class PetScan:
    """A PET at one timepoint: the Deauville score of the worst site, its uptake against baseline, new foci."""

    deauville: int
    uptake: Uptake | None = None
    new_foci: bool = False

    def __post_init__(self) -> None:
        if self.deauville not in range(1, 6):
            raise InvalidRead("A Deauville score is a whole number from 1 to 5; correct it.")


@dataclass(frozen=True, slots=True)
class LuganoVisit:
    """One follow-up timepoint; the spleen's length in mm, None where it was not measured."""

    timepoint_id: str
    study_day: int
    targets: tuple[LuganoMeasure, ...] = ()
    nonmeasured: tuple[NonTargetStatus, ...] = ()
    new_lesions: tuple[NewLesion, ...] = ()
    spleen_mm: Decimal | None = None
    marrow: Marrow | None = None
    pet: PetScan | None = None

    def __post_init__(self) -> None:
        if self.spleen_mm is not None:
            object.__setattr__(self, "spleen_mm", exact(self.spleen_mm, f"Spleen at timepoint {self.timepoint_id}"))


@dataclass(frozen=True, slots=True)
class LuganoHistory:
    """A subject as one reader saw it. Timepoints are put in order of study day."""

    targets: tuple[LuganoTarget, ...]
    visits: tuple[LuganoVisit, ...]
    nonmeasured: tuple[NonTargetLesion, ...] = ()
    spleen_mm: Decimal | None = None
    marrow_involved: bool = False
    start_day: int = 0

    def __post_init__(self) -> None:
        if self.spleen_mm is not None:
            object.__setattr__(self, "spleen_mm", exact(self.spleen_mm, "Spleen at baseline"))
        known = [lesion.lesion_id for lesion in self.targets] + [lesion.lesion_id for lesion in self.nonmeasured]
        days = [visit.study_day for visit in self.visits]
        if len(set(known)) < len(known) or len(set(days)) < len(days):
            raise InvalidRead("A lesion of the baseline or a study day is given twice; keep one.")
        for visit in self.visits:
            stated = {one.lesion_id for one in visit.targets} | {one.lesion_id for one in visit.nonmeasured}
            for name in sorted(stated - set(known)):
                raise InvalidRead(f"Lesion {name} is not one of the baseline; record it elsewhere.")
        object.__setattr__(self, "visits", tuple(sorted(self.visits, key=lambda visit: visit.study_day)))


def _two(lesion: LuganoTarget | LuganoMeasure, what: str) -> None:
    assert lesion.long_mm is not None
    assert lesion.short_mm is not None
    long, short = exact(lesion.long_mm, what), exact(lesion.short_mm, what)
    if short > long:
        raise InvalidRead(f"{what}: the shorter diameter is above the longest; exchange them.")
    object.__setattr__(lesion, "long_mm", long)
    object.__setattr__(lesion, "short_mm", short)
