"""Agreement of any number of raters at any level of measurement, with readings missing.

Source: Krippendorff K. Computing Krippendorff's alpha-reliability. 2011, University of Pennsylvania,
https://repository.upenn.edu/asc_papers/43. Hayes AF, Krippendorff K. Answering the call for a standard
reliability measure for coding data. Communication Methods and Measures 2007; 1:77-89.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np

from .base import InvalidRatings, Undefined, exact, used_categories


class Level(StrEnum):
    """Level of measurement, which says how far two readings are apart."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha over the units that at least two raters read, with `readings` readings in all."""

    value: float
    level: Level
    units: int
    readings: int
    observed: float
    expected: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "value": self.value,
            "level": str(self.level),
            "units": self.units,
            "readings": self.readings,
            "observed_disagreement": self.observed,
            "expected_disagreement": self.expected,
        }


def krippendorff_alpha(
    ratings: Sequence[Sequence[Hashable | None]],
    level: Level | str,
    *,
    categories: Sequence[Hashable] | None = None,
) -> Alpha | Undefined:
    """Krippendorff's alpha: 1 - observed / expected disagreement.

    A unit with fewer than two readings has nothing to be compared with, and is left out. Ordinal readings lie
    apart by the readings between them, so that the order of the categories is part of the statistic.

    Parameters
    ----------
    ratings
        One row per rater, one column per unit; None marks a missing reading.
    level
        "nominal", "ordinal", "interval" or "ratio"; the last two take numbers only.
    categories
        All categories in their order. Ordinal names need them; numbers have their own order without.

    Returns
    -------
    Alpha or Undefined
        Undefined when no unit has two readings, when all readings are the same, or when a ratio does not exist.

    Raises
    ------
    InvalidRatings
        Rows differ in length, the level is unknown, or a reading is not of its kind.
    """
    try:
        level = Level(level)
    except ValueError:
        raise InvalidRatings("The level of measurement is one of " + ", ".join(Level) + ".") from None
    if any(len(row) != len(ratings[0]) for row in ratings):
        raise InvalidRatings("Each rater needs a reading of each unit; give null for a missing one.")
    declared = used_categories([x for row in ratings for x in row], categories)
    if level is Level.ORDINAL and categories is None and any(isinstance(x, str) for x in declared):
        raise InvalidRatings("Ordinal readings that are names need their categories, in order.")
    given = [[x for x in unit if x is not None] for unit in zip(*ratings, strict=True)]
    units: list[list[Any]] = [unit for unit in given if len(unit) > 1]
    if level in (Level.INTERVAL, Level.RATIO):
        units = [[exact(x) for x in unit] for unit in units]
    readings = [x for unit in units for x in unit]
    if not readings:
        return Undefined("No unit was read by two raters.")
    distinct = set(readings)
    if len(distinct) == 1:
        return Undefined("All readings are the same, so that no disagreement is to be expected.")
    if level is Level.ORDINAL:
        rank = _middle_ranks(readings, declared)
        units = [[rank[x] for x in unit] for unit in units]
        readings = [x for unit in units for x in unit]
    if level is Level.RATIO and any(-x in distinct for x in distinct if x):
        return Undefined("Two readings are x and -x, which have no ratio.")
    between = {Level.NOMINAL: _unequal, Level.RATIO: _ratios}.get(level, _squares)
    observed = sum((between(unit) / (len(unit) - 1) for unit in units), Fraction()) / len(readings)
    expected = between(readings) / (len(readings) * (len(readings) - 1))
    return Alpha(
        value=float(1 - observed / expected),
        level=level,
        units=len(units),
        readings=len(readings),
        observed=float(observed),
        expected=float(expected),
    )


def _middle_ranks(readings: Sequence[Hashable], order: Sequence[Hashable]) -> dict[Hashable, Fraction]:
    """Rank of each category: the difference of two is the number of readings between them, with half of each's own."""
    counts = Counter(readings)
    up_to = accumulate(counts[category] for category in order)
    return {category: Fraction(2 * last - counts[category], 2) for category, last in zip(order, up_to, strict=True)}


def _unequal(values: Sequence[Hashable]) -> Fraction:
    """Ordered pairs that differ."""
    return Fraction(len(values) ** 2 - sum(count**2 for count in Counter(values).values()))


def _squares(values: Sequence[Fraction]) -> Fraction:
    """Squared differences, summed over all ordered pairs."""
    return 2 * (len(values) * sum((x * x for x in values), Fraction()) - sum(values, Fraction()) ** 2)


def _ratios(values: Sequence[Fraction]) -> Fraction:
    """Squared differences as shares of the sums, summed over all ordered pairs."""
    counts = Counter(values)
    largest = max(map(abs, counts))
    if not largest:
        return Fraction()
    x, n = np.array([float(value / largest) for value in counts]), np.array(list(counts.values()))

    def against(value: float) -> float:
        total = x + value
        share = np.divide(x - value, total, out=np.zeros_like(x), where=total != 0)
        return float(n @ share**2)

    return Fraction(math.fsum(count * against(value) for value, count in zip(x.tolist(), n.tolist(), strict=True)))
