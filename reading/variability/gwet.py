"""Agreement that does not collapse when nearly all cases are of one category.

Source: Gwet KL. Computing inter-rater reliability and its variance in the presence of high agreement. British
Journal of Mathematical and Statistical Psychology 2008; 61:29-48; with readings missing as in Gwet KL, Handbook of
Inter-Rater Reliability, 4th ed. 2014, chapter 2.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .base import InvalidRatings, Undefined, used_categories
from .kappa import counts_of


@dataclass(frozen=True, slots=True)
class Ac1:
    """Gwet's first-order agreement coefficient over `n` rated subjects and so many categories."""

    value: float
    n: int
    categories: int
    observed: float
    expected: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "value": self.value,
            "n": self.n,
            "categories": self.categories,
            "observed_agreement": self.observed,
            "expected_agreement": self.expected,
        }


def gwet_ac1(
    ratings: Sequence[Sequence[Hashable | None]], *, categories: Sequence[Hashable] | None = None
) -> Ac1 | Undefined:
    """AC1 of any number of raters.

    Agreement is that of subjects with two ratings or more; every rated subject counts in how common each
    category is. The number of categories is part of the statistic, so declare them when one was never used.

    Parameters
    ----------
    ratings
        One row per subject, one column per rater; None marks a missing rating.
    categories
        All categories; without them, those in use.

    Returns
    -------
    Ac1 or Undefined
        Undefined when no subject has two ratings, or with fewer than two categories.

    Raises
    ------
    InvalidRatings
        Rows differ in length, or a rating is not among the declared categories.
    """
    if any(len(row) != len(ratings[0]) for row in ratings):
        raise InvalidRatings("Each subject needs the same number of ratings; give null for a missing one.")
    declared = used_categories([x for row in ratings for x in row], categories)
    rated = [[x for x in row if x is not None] for row in ratings]
    counts = [[row.count(category) for category in declared] for row in rated if row]
    compared = [row for row in counts if sum(row) > 1]
    if not compared:
        return Undefined("No subject was rated by two raters.")
    agreed = sum((Fraction(sum(x * (x - 1) for x in row), sum(row) * (sum(row) - 1)) for row in compared), Fraction())
    shares = [sum((Fraction(row[q], sum(row)) for row in counts), Fraction()) for q in range(len(declared))]
    return _ac1(agreed / len(compared), [share / len(counts) for share in shares], len(counts))


def gwet_ac1_of_table(table: Sequence[Sequence[int]]) -> Ac1 | Undefined:
    """AC1 of a table of counts, rows for the first reader, columns for the second.

    Raises
    ------
    InvalidRatings
        The table is not square, or holds something else than counts.
    """
    counts = counts_of(table)
    n = sum(map(sum, counts))
    if not n:
        return Undefined("No subject was rated by two raters.")
    columns = [sum(column) for column in zip(*counts, strict=True)]
    agreed = Fraction(sum(row[i] for i, row in enumerate(counts)), n)
    return _ac1(agreed, [Fraction(sum(row) + column, 2 * n) for row, column in zip(counts, columns, strict=True)], n)


def _ac1(observed: Fraction, shares: Sequence[Fraction], n: int) -> Ac1 | Undefined:
    if len(shares) < 2:
        return Undefined("There is one category only, so that no disagreement is possible. Declare every category.")
    expected = sum((share * (1 - share) for share in shares), Fraction()) / (len(shares) - 1)
    value = (observed - expected) / (1 - expected)
    return Ac1(float(value), n, len(shares), float(observed), float(expected))
