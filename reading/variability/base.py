"""What every statistic of reader variability shares: undefined values, confidence, missing readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TypeVar

from compliance.errors import HouseError

Interval = tuple[float, float]
T = TypeVar("T")


class InvalidRatings(HouseError):
    """The ratings, or an option of the statistic, are not of the form that the statistic is defined for."""

    code = "invalid_ratings"
    status = 422


@dataclass(frozen=True, slots=True)
class Undefined:
    """A statistic that does not exist for these data; never a NaN, and never silently 0 or 1.

    Attributes
    ----------
    reason
        One sentence that says why.
    """

    reason: str

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {"undefined": True, "reason": self.reason}


def as_json(value: Interval | float | Undefined) -> object:
    """Return a number, an interval, or its reason for not existing, as JSON holds it."""
    if isinstance(value, Undefined):
        return value.to_json()
    return list(value) if isinstance(value, tuple) else value


def check_confidence(confidence: float) -> None:
    """Refuse a confidence level outside (0, 1).

    Raises
    ------
    InvalidRatings
        The level is not strictly between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise InvalidRatings("The confidence level must lie between 0 and 1, for example 0.95.")


def number(value: object) -> float:
    """Return a reading as a float.

    Raises
    ------
    InvalidRatings
        The value is not a finite number; a missing reading is None.
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal) or not math.isfinite(value):
        raise InvalidRatings("A reading is not a finite number. Give null for a missing reading.")
    return float(value)


def complete_pairs(first: Sequence[T | None], second: Sequence[T | None]) -> list[tuple[T, T]]:
    """Pair two readers' results by position and drop pairs in which one is missing (None).

    Raises
    ------
    InvalidRatings
        The sequences differ in length.
    """
    if len(first) != len(second):
        raise InvalidRatings("The two readers must have the same number of readings; give null for a missing one.")
    return [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]


def counted(n: int, singular: str) -> str:
    """Return a count with its noun: "1 pair", "3 pairs"."""
    return f"{n} {singular}" if n == 1 else f"{n} {singular}s"
