"""Agreement of two readers on categories, corrected for chance.

Sources: Cohen J. A coefficient of agreement for nominal scales. Educational and Psychological
Measurement 1960; 20:37-46. Cohen J. Weighted kappa. Psychological Bulletin 1968; 70:213-220.
Fleiss JL, Cohen J, Everitt BS. Large sample standard errors of kappa and weighted kappa.
Psychological Bulletin 1969; 72:323-327.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .base import Interval, InvalidRatings, Undefined, as_json, check_confidence, complete_pairs, number

#: Disagreement of categories i and j: "none" (0 or 1), "linear" |i - j|, "quadratic" (i - j)², or a matrix.
Weights = str | Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa; `table[i][j]` counts cases put in category i by the first reader and j by the second.

    The interval is of the large-sample kind, and not truncated at 1.
    """

    value: float
    se: float
    ci: Interval
    n: int
    observed: float
    expected: float
    weights: str
    table: tuple[tuple[int, ...], ...]
    confidence: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "value": self.value,
            "se": self.se,
            "ci": as_json(self.ci),
            "n": self.n,
            "observed_agreement": self.observed,
            "expected_agreement": self.expected,
            "weights": self.weights,
            "table": [list(row) for row in self.table],
            "confidence": self.confidence,
        }


def cross_table(
    first: Sequence[Hashable | None], second: Sequence[Hashable | None], categories: Sequence[Hashable]
) -> tuple[tuple[int, ...], ...]:
    """Count pairs of categories; rows are the first reader's, in the declared order; incomplete pairs are dropped.

    Raises
    ------
    InvalidRatings
        A category is declared twice, or a reading is not among the categories.
    """
    place = {category: i for i, category in enumerate(categories)}
    if len(place) != len(categories):
        raise InvalidRatings("A category is declared twice.")
    table = [[0] * len(categories) for _ in categories]
    for a, b in complete_pairs(first, second):
        if a not in place or b not in place:
            raise InvalidRatings("A reading is not among the declared categories. Declare every category in use.")
        table[place[a]][place[b]] += 1
    return tuple(tuple(row) for row in table)


def cohen_kappa(
    first: Sequence[Hashable | None],
    second: Sequence[Hashable | None],
    *,
    categories: Sequence[Hashable],
    weights: Weights = "none",
    confidence: float = 0.95,
) -> Kappa | Undefined:
    """Cohen's kappa of two readers' categories, paired by position.

    Parameters
    ----------
    first, second
        One category per case, in the same order of cases; None marks a missing reading, and drops the pair.
    categories
        All categories in their order. For linear and quadratic weights the order is part of the statistic.

    Returns
    -------
    Kappa or Undefined
        See `cohen_kappa_of_table`.

    Raises
    ------
    InvalidRatings
        The readers differ in number of readings, a category is not declared, or the weights do not fit.
    """
    return cohen_kappa_of_table(cross_table(first, second, categories), weights=weights, confidence=confidence)


def cohen_kappa_of_table(
    table: Sequence[Sequence[int]], *, weights: Weights = "none", confidence: float = 0.95
) -> Kappa | Undefined:
    """Cohen's kappa of a table of counts, rows for the first reader, columns for the second.

    Returns
    -------
    Kappa or Undefined
        Undefined without cases, or when chance alone would give full agreement (as when both readers
        put every case in the same one category).

    Raises
    ------
    InvalidRatings
        The table is not square, holds something else than counts, or the weights do not fit.
    """
    check_confidence(confidence)
    counts = _counts(table)
    disagreement = _disagreement(weights, len(counts))
    n = int(counts.sum())
    if not n:
        return Undefined("No case was read by both readers.")
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    # n times the disagreement observed, and n² times that expected by chance: whole numbers for the
    # usual weights, so that 0 is exactly 0.
    seen = float((disagreement * counts).sum())
    chance = float((disagreement * np.outer(rows, columns)).sum())
    if not chance:
        return Undefined("Chance alone would give full agreement, as when both readers use the same one category.")
    value = 1 - seen * n / chance
    worst = float(disagreement.max())
    se = _standard_error(counts, 1 - disagreement / worst, value)
    z = float(special.ndtri((1 + confidence) / 2))
    return Kappa(
        value=value,
        se=se,
        ci=(value - z * se, value + z * se),
        n=n,
        observed=1 - seen / n / worst,
        expected=1 - chance / n**2 / worst,
        weights=weights if isinstance(weights, str) else "matrix",
        table=tuple(tuple(int(x) for x in row) for row in counts),
        confidence=confidence,
    )


def _counts(table: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    cells = [[number(x) for x in row] for row in table]
    if not cells or any(len(row) != len(cells) for row in cells):
        raise InvalidRatings("A table of agreement is square, with a row and a column for each category.")
    counts = np.array(cells)
    if (counts < 0).any() or (counts != np.floor(counts)).any():
        raise InvalidRatings("A table of agreement holds counts of cases, not proportions.")
    return counts


def _disagreement(weights: Weights, k: int) -> NDArray[np.float64]:
    distance: NDArray[np.float64] = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(float)
    if weights == "none":
        return np.sign(distance)
    if weights == "linear":
        return distance
    if weights == "quadratic":
        return distance**2
    if isinstance(weights, str):
        raise InvalidRatings("Weights are none, linear, quadratic, or a matrix of disagreements.")
    given = [[number(x) for x in row] for row in weights]
    if len(given) != k or any(len(row) != k for row in given):
        raise InvalidRatings("The weights need a row and a column for each category.")
    matrix = np.array(given)
    if np.diag(matrix).any() or (matrix < 0).any():
        raise InvalidRatings("Disagreement weights are 0 on the diagonal and not negative elsewhere.")
    return matrix


def _standard_error(counts: NDArray[np.float64], w: NDArray[np.float64], kappa: float) -> float:
    """Large-sample standard error for agreement weights `w`, not assuming kappa to be 0 (Fleiss et al. 1969)."""
    n = counts.sum()
    p = counts / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    expected = (w * np.outer(rows, columns)).sum()
    # Mean weight that each category meets in the other reader's margin.
    mean_weight = (w * columns[None, :]).sum(axis=1)[:, None] + (w * rows[:, None]).sum(axis=0)[None, :]
    spread = (p * (w - mean_weight * (1 - kappa)) ** 2).sum() - (kappa - expected * (1 - kappa)) ** 2
    # Full agreement gives 0, up to rounding of either sign.
    return math.sqrt(spread / n) / float(1 - expected) if spread > 1e-15 else 0.0
