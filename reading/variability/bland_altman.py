"""Limits of agreement between two readers' measurements.

Sources: Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of
clinical measurement. Lancet 1986; i:307-310. Bland JM, Altman DG. Measuring agreement in method
comparison studies. Statistical Methods in Medical Research 1999; 8:135-160.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import special

from .base import (
    Interval,
    InvalidRatings,
    Undefined,
    as_json,
    check_confidence,
    complete_pairs,
    counted,
    number,
)


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Mean difference (first - second), limits of agreement, and a confidence interval of each, in the data's unit.

    `pairs` holds the complete pairs that were used, for the plot.
    """

    n: int
    mean_diff: float
    sd: float
    loa: Interval
    mean_ci: Interval
    loa_lower_ci: Interval
    loa_upper_ci: Interval
    multiplier: float
    confidence: float
    pairs: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "n": self.n,
            "mean_diff": self.mean_diff,
            "sd": self.sd,
            "loa": as_json(self.loa),
            "mean_ci": as_json(self.mean_ci),
            "loa_lower_ci": as_json(self.loa_lower_ci),
            "loa_upper_ci": as_json(self.loa_upper_ci),
            "multiplier": self.multiplier,
            "confidence": self.confidence,
        }


def bland_altman(
    first: Sequence[float | None],
    second: Sequence[float | None],
    *,
    multiplier: float = 1.96,
    confidence: float = 0.95,
    limit_variance: Literal["1999", "1986"] = "1999",
) -> BlandAltman | Undefined:
    """Mean difference and limits of agreement of paired measurements.

    Intervals use Student's t with n - 1 degrees of freedom. The variance of a limit is
    s² (1/n + multiplier² / (2 (n - 1))) as in the 1999 paper, or its older approximation 3 s²/n (1986).

    Parameters
    ----------
    first, second
        Measurements of the same cases in the same order and unit; None marks a missing one, and drops the pair.
    multiplier
        Standard deviations from the mean difference to each limit.

    Returns
    -------
    BlandAltman or Undefined
        Undefined with fewer than two complete pairs.

    Raises
    ------
    InvalidRatings
        The readers differ in number of readings, a reading is not a finite number, or the multiplier
        is not positive.
    """
    check_confidence(confidence)
    if not 0 < multiplier < math.inf:
        raise InvalidRatings("The multiplier of the standard deviation must be positive.")
    pairs = tuple((number(a), number(b)) for a, b in complete_pairs(first, second))
    n = len(pairs)
    if n < 2:
        return Undefined(f"Limits of agreement need at least two complete pairs, and have {counted(n, 'pair')}.")
    differences = [a - b for a, b in pairs]
    # fsum is exact, so the same data give the same bytes on any machine and in any order.
    mean = math.fsum(differences) / n
    sd = math.sqrt(math.fsum((d - mean) ** 2 for d in differences) / (n - 1))
    t = float(special.stdtrit(n - 1, (1 + confidence) / 2))
    of_limit = 3 / n if limit_variance == "1986" else 1 / n + multiplier**2 / (2 * (n - 1))
    lower, upper = mean - multiplier * sd, mean + multiplier * sd

    def around(centre: float, variance: float) -> Interval:
        half = t * sd * math.sqrt(variance)
        return (centre - half, centre + half)

    return BlandAltman(
        n=n,
        mean_diff=mean,
        sd=sd,
        loa=(lower, upper),
        mean_ci=around(mean, 1 / n),
        loa_lower_ci=around(lower, of_limit),
        loa_upper_ci=around(upper, of_limit),
        multiplier=multiplier,
        confidence=confidence,
        pairs=pairs,
    )
