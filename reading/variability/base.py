"""What every statistic of reader variability shares: undefined values, confidence, missing readings."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
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


def exact(value: object) -> Fraction:
    """Return a reading as the decimal number that it was written as: 0.1 is one tenth, not the double nearest to it.

    So equal readings, and differences of 0, are seen as such, in any order and on any machine.

    Raises
    ------
    InvalidRatings
        The value is not a finite number; a missing reading is None.
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal) or not _finite(value):
        raise InvalidRatings("A reading is not a finite number. Give null for a missing reading.")
    return Fraction(value if isinstance(value, int | Fraction | Decimal) else Decimal(repr(float(value))))


def _finite(value: Real | Decimal) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return True


def whole(values: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return numbers as whole numbers over one denominator, with which sums are exact and quick."""
    denominator = math.lcm(*(value.denominator for value in values))
    return [value.numerator * (denominator // value.denominator) for value in values], denominator


def mean_and_squares(values: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
    """Mean, and sum of squared deviations from it, of at least one number, exactly."""
    numbers, denominator = whole(values)
    n, total = len(numbers), sum(numbers)
    squares = n * sum(x * x for x in numbers) - total * total
    return Fraction(total, n * denominator), Fraction(squares, n * denominator**2)


def root(value: Fraction) -> float:
    """Square root of a number that is not negative, also where the number itself is beyond the range of floats."""
    shift = max(0, 64 + (value.denominator.bit_length() - value.numerator.bit_length()) // 2)
    return float(Fraction(math.isqrt((value.numerator << 2 * shift) // value.denominator), 1 << shift))


def logarithm(value: Fraction) -> float:
    """Natural logarithm of a positive number, also where the number itself is beyond the range of floats."""
    if abs(value.numerator.bit_length() - value.denominator.bit_length()) < 1000:
        return math.log(value)
    return math.log(value.numerator) - math.log(value.denominator)


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


def used_categories(readings: Sequence[Hashable | None], categories: Sequence[Hashable] | None) -> list[Hashable]:
    """Return the declared categories, or without a declaration those in use, in their order.

    Numbers have their own order; names have none but the order in which they first appear.

    Raises
    ------
    InvalidRatings
        A category is declared twice, or a reading is not among those declared.
    """
    used = list(dict.fromkeys(reading for reading in readings if reading is not None))
    if categories is None:
        numeric = all(isinstance(reading, Real | Decimal) for reading in used)
        return sorted(used, key=exact) if numeric else used
    declared = list(dict.fromkeys(categories))
    if len(declared) != len(categories):
        raise InvalidRatings("A category is declared twice.")
    if not set(used) <= set(declared):
        raise InvalidRatings("A reading is not among the declared categories. Declare every category in use.")
    return declared


def counted(n: int, singular: str) -> str:
    """Return a count with its noun: "1 pair", "3 pairs"."""
    return f"{n} {singular}" if n == 1 else f"{n} {singular}s"
