"""A proportion, such as a response rate, with its interval.

Sources: Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial.
Biometrika 1934; 26:404-413. Wilson EB. Probable inference, the law of succession, and statistical inference. JASA 1927;
22:209-212, without continuity correction (method 3 of Newcombe RG. Statistics in Medicine 1998; 17:857-872).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy

from .base import Interval, InvalidRatings, Undefined, check_confidence, exact


@dataclass(frozen=True, slots=True)
class Proportion:
    """x of n, 0 to 1, with its interval."""

    value: float
    ci: Interval
    x: int
    n: int
    method: str
    confidence: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "value": self.value,
            "ci": list(self.ci),
            "x": self.x,
            "n": self.n,
            "method": self.method,
            "confidence": self.confidence,
        }


def proportion_ci(
    x: int,
    n: int,
    *,
    method: str = "clopper-pearson",
    confidence: float = 0.95,
) -> Proportion | Undefined:
    """Interval of a binomial proportion.

    Parameters
    ----------
    x, n
        Cases with the property, of all cases.
    method
        "clopper-pearson", exact and conservative, or "wilson", by the score test.

    Returns
    -------
    Proportion or Undefined
        Undefined without cases.

    Raises
    ------
    InvalidRatings
        x or n is not a whole number, x is not between 0 and n, or the method is unknown.
    """
    check_confidence(confidence)
    if method not in ("clopper-pearson", "wilson"):
        raise InvalidRatings("The method of a proportion's interval is clopper-pearson or wilson.")
    given = exact(x), exact(n)
    if any(value.denominator != 1 for value in given) or not 0 <= x <= n:
        raise InvalidRatings("A proportion is x of n, both whole numbers, with x between 0 and n.")
    x, n = map(int, given)
    if not n:
        return Undefined("There are no cases, so there is no proportion.")
    low, high = (_clopper_pearson if method == "clopper-pearson" else _wilson)(x, n, confidence)
    # The ends are known there, and not to be missed by rounding.
    return Proportion(x / n, (0.0 if x == 0 else low, 1.0 if x == n else high), x, n, method, confidence)


def _clopper_pearson(x: int, n: int, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low = float(scipy.special.betaincinv(x, n - x + 1, tail)) if x else 0.0
    return (low, float(scipy.special.betainccinv(x + 1, n - x, tail)) if x < n else 1.0)


def _wilson(x: int, n: int, confidence: float) -> Interval:
    z = float(scipy.special.ndtri((1 + confidence) / 2))
    centre, half = x + z**2 / 2, z * math.sqrt(x * (n - x) / n + z**2 / 4)
    return ((centre - half) / (n + z**2), (centre + half) / (n + z**2))
