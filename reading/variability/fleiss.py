"""Agreement of a fixed number of raters on categories, corrected for chance.

Source: Fleiss JL. Measuring nominal scale agreement among many raters. Psychological Bulletin 1971; 76:378-382.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .base import InvalidRatings, Undefined, exact, used_categories


@dataclass(frozen=True, slots=True)
class FleissKappa:
    """Fleiss' kappa; `dropped` counts the subjects left out because a rating was missing."""

    value: float
    n: int
    raters: int
    observed: float
    expected: float
    dropped: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "value": self.value,
            "n": self.n,
            "raters": self.raters,
            "observed_agreement": self.observed,
            "expected_agreement": self.expected,
            "dropped": self.dropped,
        }


def fleiss_kappa(counts: Sequence[Sequence[int]], *, dropped: int = 0) -> FleissKappa | Undefined:
    """Fleiss' kappa of counts of raters.

    Parameters
    ----------
    counts
        One row per subject, one column per category: how many raters chose it. All rows have the same sum.
    dropped
        Subjects that were left out before, to be told with the answer.

    Returns
    -------
    FleissKappa or Undefined
        Undefined without subjects, with fewer than two ratings of each, or when all ratings are the same.

    Raises
    ------
    InvalidRatings
        Rows differ in length or sum, or hold something else than counts.
    """
    rows = [[exact(x) for x in row] for row in counts]
    if any(len(row) != len(rows[0]) for row in rows):
        raise InvalidRatings("Each subject needs a count for each category.")
    if any(x < 0 or x.denominator != 1 for row in rows for x in row):
        raise InvalidRatings("The table holds counts of raters: whole numbers, not negative.")
    if not rows:
        return Undefined("No subject was rated by every rater.")
    raters = {sum(row) for row in rows}
    if len(raters) > 1:
        raise InvalidRatings(
            "Fleiss' kappa needs the same number of ratings of each subject. Use Krippendorff's alpha or Gwet's AC1."
        )
    n, m = len(rows), int(raters.pop())
    if m < 2:
        return Undefined("Fleiss' kappa needs at least two ratings of each subject.")
    observed = Fraction(sum(x * (x - 1) for row in rows for x in row), n * m * (m - 1))
    expected = sum((Fraction(sum(column), n * m) ** 2 for column in zip(*rows, strict=True)), Fraction())
    if expected == 1:
        return Undefined("All ratings are the same category, so that chance alone would give full agreement.")
    value = (observed - expected) / (1 - expected)
    return FleissKappa(float(value), n, m, float(observed), float(expected), dropped)


def fleiss_kappa_of_ratings(
    ratings: Sequence[Sequence[Hashable | None]], *, categories: Sequence[Hashable] | None = None
) -> FleissKappa | Undefined:
    """Fleiss' kappa of ratings[subject][rater]; a subject with a missing rating (None) is left out.

    Raises
    ------
    InvalidRatings
        Rows differ in length, or a rating is not among the declared categories.
    """
    if any(len(row) != len(ratings[0]) for row in ratings):
        raise InvalidRatings("Each subject needs the same number of ratings; give null for a missing one.")
    columns = used_categories([x for row in ratings for x in row], categories)
    complete = [row for row in ratings if None not in row]
    counts = [[row.count(category) for category in columns] for row in map(list, complete)]
    return fleiss_kappa(counts, dropped=len(ratings) - len(complete))
