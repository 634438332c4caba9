"""Limits of agreement between two readers' measurements.

Sources: Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of
clinical measurement. Lancet 1986; i:307-310. Bland JM, Altman DG. Measuring agreement in method
comparison studies. Statistical Methods in Medical Research 1999; 8:135-160.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import scipy

from .base import (
    Interval,
    InvalidRatings,
    Undefined,
    as_json,
    check_confidence,
    complete_pairs,
    counted,
    exact,
    logarithm,
    mean_and_squares,
    root,
)


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Mean difference (first - second), limits of agreement, and a confidence interval of each, in the data's unit.

    With `log`, of the natural logarithms; their antilogarithms are ratios first / second. `pairs` holds the
    complete pairs that were used, for the plot.
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
    log: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        found = {
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
        if self.log:
            found |= {
                "ratio": math.exp(self.mean_diff),
                "ratio_loa": _antilog(self.loa),
                "ratio_ci": _antilog(self.mean_ci),
                "ratio_loa_lower_ci": _antilog(self.loa_lower_ci),
                "ratio_loa_upper_ci": _antilog(self.loa_upper_ci),
            }
        return found


def bland_altman(
    first: Sequence[float | None],
    second: Sequence[float | None],
    *,
    multiplier: float = 1.96,
    confidence: float = 0.95,
    log: bool = False,
    limit_variance: str = "1986",
) -> BlandAltman | Undefined:
    """Mean difference and limits of agreement of paired measurements.

    Intervals use Student's t with n - 1 degrees of freedom. The variance of a limit is 3 s²/n as in the paper of
    1986, or s² (1/n + multiplier² / (2 (n - 1))) as in that of 1999.

    Parameters
    ----------
    first, second
        Measurements of the same cases in the same order and unit; None marks a missing one, and drops the pair.
    multiplier
        Standard deviations from the mean difference to each limit.
    log
        Whether to compare natural logarithms, for differences that grow with what is measured.

    Returns
    -------
    BlandAltman or Undefined
        Undefined with fewer than two complete pairs, or for logarithms of numbers that are not positive.

    Raises
    ------
    InvalidRatings
        The readers differ in number of readings, a reading is not a finite number, the multiplier is not
        positive, or the variance is unknown.
    """
    check_confidence(confidence)
    if not 0 < multiplier < math.inf:
        raise InvalidRatings("The multiplier of the standard deviation must be positive.")
    if limit_variance not in ("1986", "1999"):
        raise InvalidRatings("The variance of a limit is that of 1986 or of 1999.")
    pairs = [(exact(a), exact(b)) for a, b in complete_pairs(first, second)]
    n = len(pairs)
    if n < 2:
        return Undefined(f"Limits of agreement need at least two complete pairs, and have {counted(n, 'pair')}.")
    if log and any(value <= 0 for pair in pairs for value in pair):
        return Undefined("A reading is not positive, so that it has no logarithm.")
    differences = [exact(logarithm(a / b)) if log else a - b for a, b in pairs]
    average, squares = mean_and_squares(differences)
    mean, sd = float(average), root(squares / (n - 1))
    t = float(scipy.special.stdtrit(n - 1, (1 + confidence) / 2))
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
        pairs=tuple((float(a), float(b)) for a, b in pairs),
        log=log,
    )


def _antilog(interval: Interval) -> list[float]:
    return [math.exp(end) for end in interval]
