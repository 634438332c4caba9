"""What packs read that follow a quantity: a volume or another number of each lesion, and lesions that are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .inputs import NewLesion
from .results import TimepointResponse
from .values import InvalidRead, exact, total


@dataclass(frozen=True, slots=True)
class QuantityRead:
    """One timepoint: the value of each lesion or region; one without an entry, or with None, was not assessed.

    Attributes
    ----------
    values
        In the unit of the pack, from 0.
    new_lesions
        With the reader's certainty, as in RECIST.
    """

    timepoint_id: str
    study_day: int
    values: Mapping[str, Decimal | None]
    new_lesions: tuple[NewLesion, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _exact(self.values, f"Timepoint {self.timepoint_id}"))


@dataclass(frozen=True, slots=True)
class QuantityHistory:
    """A subject as one reader saw it. Timepoints are put in order of study day."""

    baseline: Mapping[str, Decimal]
    timepoints: tuple[QuantityRead, ...]
    start_day: int = 0

    def __post_init__(self) -> None:
        values = _exact(self.baseline, "Baseline")
        if not values or any(value is None for value in values.values()):
            raise InvalidRead("The baseline has no value, or a lesion without one; measure each.")
        object.__setattr__(self, "baseline", values)
        days = [read.study_day for read in self.timepoints]
        if len(set(days)) < len(days) or len({read.timepoint_id for read in self.timepoints}) < len(days):
            raise InvalidRead("The subject has two timepoints with one name or on one study day; keep one.")
        for read in self.timepoints:
            for name in sorted(set(read.values) - set(values)):
                raise InvalidRead(f"Lesion {name} is not one of the baseline; record it elsewhere.")
        object.__setattr__(self, "timepoints", tuple(sorted(self.timepoints, key=lambda read: read.study_day)))


@dataclass(frozen=True, slots=True)
class QuantityResponse(TimepointResponse):
    """A response with the quantities it was derived from, by name with their unit; None where there is none.

    `by_pet`: what PET says, where a pack judges by CT and by PET.
    """

    quantities: Mapping[str, Decimal | None] = field(default_factory=dict)
    by_pet: str | None = None


def summed(baseline: Mapping[str, Any], read: QuantityRead) -> tuple[Decimal, bool]:
    """Return the sum of what was measured, and whether every lesion of the baseline was."""
    known = [value for value in (read.values.get(name) for name in baseline) if value is not None]
    return total(known), len(known) == len(baseline)


def _exact(values: Mapping[str, Any], where: str) -> Mapping[str, Decimal | None]:
    return {name: None if value is None else exact(value, f"{where}, lesion {name},") for name, value in values.items()}
