"""What a reader states about a subject with glioma: the size of each target, and what bears on a response beside it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from .inputs import NewLesion, NonTargetLesion, NonTargetStatus, TargetState
from .values import InvalidRead, exact


class Component(StrEnum):
    """Which tumour a target belongs to: contrast-enhancing, or seen on T2/FLAIR alone."""

    CE = "CE"
    NON_CE = "NON_CE"


class Steroids(StrEnum):
    """Dose of corticosteroids: none (physiological replacement counts as none), or against that at baseline."""

    NONE = "NONE"
    NOT_ABOVE_BASELINE = "NOT_ABOVE_BASELINE"
    INCREASED = "INCREASED"


class Course(StrEnum):
    """How the clinical status, or the T2/FLAIR abnormality, compares with baseline."""

    NOT_WORSE = "NOT_WORSE"
    WORSE = "WORSE"


@dataclass(frozen=True, slots=True)
class RanoTarget:
    """A target as chosen at baseline; its size is the product of two diameters in mm², or a volume in ml."""

    lesion_id: str
    component: Component
    size: Decimal

    def __post_init__(self) -> None:
        size = exact(self.size, f"Baseline size of target lesion {self.lesion_id}")
        if not size:
            raise InvalidRead(f"Target lesion {self.lesion_id} has no size at baseline; measure or remove it.")
        object.__setattr__(self, "size", size)


@dataclass(frozen=True, slots=True)
class RanoMeasure:
    """A target at one timepoint: a size, or a state; with neither it was not assessed."""

    lesion_id: str
    size: Decimal | None = None
    state: TargetState | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.state is not None:
            raise InvalidRead(f"Target lesion {self.lesion_id} has two contradicting entries; keep one.")
        if self.size is not None:
            object.__setattr__(self, "size", exact(self.size, f"Target lesion {self.lesion_id}"))


@dataclass(frozen=True, slots=True)
class RanoVisit:
    """One follow-up timepoint; what nobody stated is None."""

    timepoint_id: str
    study_day: int
    targets: tuple[RanoMeasure, ...] = ()
    nontargets: tuple[NonTargetStatus, ...] = ()
    new_lesions: tuple[NewLesion, ...] = ()
    steroids: Steroids | None = None
    clinical: Course | None = None
    t2_flair: Course | None = None


@dataclass(frozen=True, slots=True)
class RanoHistory:
    """A subject as one reader saw it. Timepoints are put in order of study day.

    `since_radiotherapy_days`: from the end of radiotherapy to the baseline scan; None where there was none lately.
    """

    targets: tuple[RanoTarget, ...]
    visits: tuple[RanoVisit, ...]
    nontargets: tuple[NonTargetLesion, ...] = ()
    since_radiotherapy_days: int | None = None
    baseline_day: int = 0
    start_day: int = 0

    def __post_init__(self) -> None:
        known = [target.lesion_id for target in self.targets] + [lesion.lesion_id for lesion in self.nontargets]
        days = [visit.study_day for visit in self.visits]
        names = [visit.timepoint_id for visit in self.visits]
        if len(set(known)) < len(known) or len(set(days)) < len(days) or len(set(names)) < len(names):
            raise InvalidRead("A lesion of the baseline, a timepoint or a study day is given twice; keep one.")
        for visit in self.visits:
            stated = {one.lesion_id for one in visit.targets} | {one.lesion_id for one in visit.nontargets}
            for name in sorted(stated - set(known)):
                raise InvalidRead(f"Lesion {name} is not one of the baseline; record it elsewhere.")
        object.__setattr__(self, "visits", tuple(sorted(self.visits, key=lambda visit: visit.study_day)))
