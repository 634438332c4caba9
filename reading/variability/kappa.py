"""Agreement of two readers on categories, corrected for chance.

Sources: Cohen J. A coefficient of agreement for nominal scales. Educational and Psychological
Measurement 1960; 20:37-46. Cohen J. Weighted kappa. Psychological Bulletin 1968; 70:213-220.
Fleiss JL, Cohen J, Everitt BS. Large sample standard errors of kappa and weighted kappa.
Psychological Bulletin 1969; 72:323-327.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import scipy

from .base import Interval, InvalidRatings, Undefined, as_json, check_confidence, complete_pairs, exact, root

#: Disagreement of categories i and j: "none" (0 or 1), "linear" |i - j|, "quadratic" (i - j)², or a matrix.
Weights = str | Sequence[Sequence[float]]
Matrix = list[list[Fraction]]


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
    counts = counts_of(table)
    disagreement = _disagreement(weights, len(counts))
    n = sum(map(sum, counts))
    if not n:
        return Undefined("No case was read by both readers.")
    rows, columns = [sum(row) for row in counts], [sum(column) for column in zip(*counts, strict=True)]
    cells = [(i, j) for i in range(len(counts)) for j in range(len(counts))]
    # n times the disagreement observed, and n² times that expected by chance.
    seen = sum((disagreement[i][j] * counts[i][j] for i, j in cells), Fraction())
    chance = sum((disagreement[i][j] * rows[i] * columns[j] for i, j in cells), Fraction())
    if not chance:
        return Undefined("Chance alone would give full agreement, as when both readers use the same one category.")
    value = 1 - seen * n / chance
    worst = max(map(max, disagreement))
    se = _standard_error(counts, [[1 - d / worst for d in row] for row in disagreement], value)
    z = float(scipy.special.ndtri((1 + confidence) / 2))
    return Kappa(
        value=float(value),
        se=se,
        ci=(float(value) - z * se, float(value) + z * se),
        n=n,
        observed=float(1 - seen / n / worst),
        expected=float(1 - chance / n**2 / worst),
        weights=weights if isinstance(weights, str) else "matrix",
        table=tuple(map(tuple, counts)),
        confidence=confidence,
    )


def counts_of(table: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return a square table of counts as whole numbers.

    Raises
    ------
    InvalidRatings
        The table is not square, or holds something else than counts.
    """
    cells = [[exact(x) for x in row] for row in table]
    if not cells or any(len(row) != len(cells) for row in cells):
        raise InvalidRatings("A table of agreement is square, with a row and a column for each category.")
    if any(x < 0 or x.denominator != 1 for row in cells for x in row):
        raise InvalidRatings("A table of agreement holds counts of cases, not proportions.")
    return [[int(x) for x in row] for row in cells]


def as_disagreement(agreement: Sequence[Sequence[float]]) -> Matrix:
    """Turn weights of agreement, 1 on the diagonal and at most 1 elsewhere, into weights of disagreement.

    Raises
    ------
    InvalidRatings
        The matrix is of another form.
    """
    given = [[exact(x) for x in row] for row in agreement]
    if any(i < len(row) and row[i] != 1 for i, row in enumerate(given)) or any(x > 1 for row in given for x in row):
        raise InvalidRatings("Agreement weights are 1 on the diagonal and at most 1 elsewhere.")
    return [[1 - x for x in row] for row in given]


def _disagreement(weights: Weights, k: int) -> Matrix:
    if isinstance(weights, str):
        power = {"none": 0, "linear": 1, "quadratic": 2}.get(weights)
        if power is None:
            raise InvalidRatings("Weights are none, linear, quadratic, or a matrix of disagreements.")
        return [[Fraction(abs(i - j) ** power if i != j else 0) for j in range(k)] for i in range(k)]
    given = [[exact(x) for x in row] for row in weights]
    if len(given) != k or any(len(row) != k for row in given):
        raise InvalidRatings("The weights need a row and a column for each category.")
    if any(given[i][i] for i in range(k)) or any(x < 0 for row in given for x in row):
        raise InvalidRatings("Disagreement weights are 0 on the diagonal and not negative elsewhere.")
    return given


def _standard_error(counts: list[list[int]], w: Matrix, kappa: Fraction) -> float:
    """Large-sample standard error for agreement weights `w`, not assuming kappa to be 0 (Fleiss et al. 1969)."""
    k, n = range(len(counts)), sum(map(sum, counts))
    rows = [Fraction(sum(row), n) for row in counts]
    columns = [Fraction(sum(column), n) for column in zip(*counts, strict=True)]
    # Mean weight that each category meets in the other reader's margin.
    of_row = [sum((w[i][j] * columns[j] for j in k), Fraction()) for i in k]
    of_column = [sum((w[i][j] * rows[i] for i in k), Fraction()) for j in k]
    expected = sum((rows[i] * of_row[i] for i in k), Fraction())
    spread = sum(
        (
            counts[i][j] * (w[i][j] - (of_row[i] + of_column[j]) * (1 - kappa)) ** 2
            for i in k
            for j in k
            if counts[i][j]
        ),
        Fraction(),
    )
    return root((spread / n - (kappa - expected * (1 - kappa)) ** 2) / n / (1 - expected) ** 2)
