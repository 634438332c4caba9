"""Control charts: which group, or from when on, differs by more than chance.

Source: Montgomery DC. Introduction to Statistical Quality Control, 6th ed. 2009, sections 7.2 (p-chart with limits for
each sample's size), 6.4 (spread from moving ranges) and 9.1 (tabular cusum). Page ES. Continuous inspection schemes.
Biometrika 1954; 41:100-115.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from .base import InvalidRatings, Undefined, exact

#: Mean range of two draws from a normal distribution, in SDs.
_RANGE_OF_TWO = 1.128


@dataclass(frozen=True, slots=True)
class PPoint:
    """One group's share x / n, between the limits for its size."""

    label: str
    x: int
    n: int
    rate: float
    lower: float
    upper: float

    @property
    def outside(self) -> bool:
        """Whether the share is beyond a limit."""
        return not self.lower <= self.rate <= self.upper

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "label": self.label,
            "x": self.x,
            "n": self.n,
            "rate": self.rate,
            "lower": self.lower,
            "upper": self.upper,
            "outside": self.outside,
        }


@dataclass(frozen=True, slots=True)
class PChart:
    """Shares of groups around the share of all, `centre`."""

    centre: float
    points: tuple[PPoint, ...]

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {"centre": self.centre, "points": [point.to_json() for point in self.points]}


@dataclass(frozen=True, slots=True)
class Cusum:
    """Sums of what exceeds the target upwards (`high`) and downwards (`low`), in SDs, after each value.

    Attributes
    ----------
    limit
        A sum above it is an alarm.
    alarms
        Positions of values after which a sum is above the limit.
    began
        Where the first alarm's sum last left 0, which is where the change is likely to have begun; None without alarm.
    """

    high: tuple[float, ...]
    low: tuple[float, ...]
    limit: float
    alarms: tuple[int, ...]
    began: int | None

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "high": list(self.high),
            "low": list(self.low),
            "limit": self.limit,
            "alarms": list(self.alarms),
            "began": self.began,
        }


def p_chart(groups: Sequence[tuple[str, int, int]], *, sigmas: float = 3.0) -> PChart | Undefined:
    """Shares of groups with control limits, centre ± sigmas × sqrt(centre (1 - centre) / n), within 0 and 1.

    Parameters
    ----------
    groups
        Label, count and size of each group, in the order of the chart; a group without cases is left out.

    Returns
    -------
    PChart or Undefined
        Undefined without cases.

    Raises
    ------
    InvalidRatings
        A count is negative, or above the size of its group.
    """
    if any(not 0 <= x <= n for _, x, n in groups):
        raise InvalidRatings("A group counts more cases than it has, or fewer than none.")
    total = sum(n for _, _, n in groups)
    if not total:
        return Undefined("There are no cases, so there is no rate.")
    centre = sum(x for _, x, _ in groups) / total

    def point(label: str, x: int, n: int) -> PPoint:
        half = sigmas * math.sqrt(centre * (1 - centre) / n)
        return PPoint(label, x, n, x / n, max(centre - half, 0.0), min(centre + half, 1.0))

    return PChart(centre, tuple(point(label, x, n) for label, x, n in groups if n))


def cusum(
    values: Sequence[float], *, sd: float, target: float = 0.0, slack: float = 0.5, limit: float = 5.0
) -> Cusum | Undefined:
    """Tabular cusum of values in their order: slack and limit in SDs as is usual, to find shifts of about one SD.

    With 0.5 and 5 a false alarm comes after about 465 values, and a shift of one SD is found after about 10.

    Parameters
    ----------
    values
        Of one reader, in order of reading, such as the relative difference from the other reader of each case.
    sd
        Spread of a single value while nothing changes, for example by `spread_of`.

    Returns
    -------
    Cusum or Undefined
        Undefined without spread, against which nothing can be judged.
    """
    numbers = [float(exact(value)) for value in values]
    if not sd > 0:
        return Undefined("The values have no spread, against which a change could be judged.")
    sums: list[tuple[float, float]] = []
    high = low = 0.0
    for value in numbers:
        z = (value - target) / sd
        high, low = max(0.0, high + z - slack), max(0.0, low - z - slack)
        sums.append((high, low))
    alarms = tuple(i for i, both in enumerate(sums) if max(both) > limit)
    began = None
    if alarms:
        side = int(sums[alarms[0]][1] > limit)
        began = max((i + 1 for i in range(alarms[0]) if not sums[i][side]), default=0)
    return Cusum(tuple(high for high, _ in sums), tuple(low for _, low in sums), limit, alarms, began)


def spread_of(sequences: Sequence[Sequence[float]]) -> float | Undefined:
    """SD of single values from the mean range of neighbours, which a slow drift hardly widens.

    Returns
    -------
    float or Undefined
        Undefined when no sequence holds two values.
    """
    ranges = [abs(float(exact(later) - exact(earlier))) for values in sequences for earlier, later in pairwise(values)]
    return fmean(ranges) / _RANGE_OF_TWO if ranges else Undefined("No reader has two values to compare.")
