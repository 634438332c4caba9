"""Concordance of two readers' measurements, and overlap of two readers' masks.

Sources: Lin LI. A concordance correlation coefficient to evaluate reproducibility. Biometrics 1989; 45:255-268, with
the variance as corrected in Biometrics 2000; 56:324-325. Dice LR. Measures of the amount of ecologic association
between species. Ecology 1945; 26:297-302.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

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
class Concordance:
    """Lin's concordance correlation coefficient: `pearson`, how close to a line, times `accuracy`, which line."""

    value: float
    ci: Interval | Undefined
    n: int
    pearson: float | Undefined
    accuracy: float | Undefined
    confidence: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "value": self.value,
            "ci": as_json(self.ci),
            "n": self.n,
            "pearson": as_json(self.pearson),
            "accuracy": as_json(self.accuracy),
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True)
class Dice:
    """Overlap of two masks: twice what both marked, over what each marked."""

    value: float
    first: int
    second: int
    both: int

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {"value": self.value, "first": self.first, "second": self.second, "both": self.both}


def lin_ccc(
    first: Sequence[float | None], second: Sequence[float | None], *, confidence: float = 0.95
) -> Concordance | Undefined:
    """Lin's concordance correlation coefficient, with the interval by Fisher's z-transformation.

    Variances and covariance are divided by n, as in the paper of 1989, and the variance of the estimate by n - 2.

    Parameters
    ----------
    first, second
        Measurements of the same cases in the same order and unit; None marks a missing one, and drops the pair.

    Returns
    -------
    Concordance or Undefined
        Undefined with fewer than two complete pairs, or when all measurements are the same. The interval is
        undefined with fewer than three, or when one reader's measurements are all the same.

    Raises
    ------
    InvalidRatings
        The readers differ in number of readings, or a reading is not a finite number.
    """
    check_confidence(confidence)
    pairs = [(exact(a), exact(b)) for a, b in complete_pairs(first, second)]
    n = len(pairs)
    if n < 2:
        return Undefined(f"Concordance needs at least two complete pairs, and has {counted(n, 'pair')}.")
    mean_a, aa = mean_and_squares([a for a, _ in pairs])
    mean_b, bb = mean_and_squares([b for _, b in pairs])
    # The squares of a sum hold twice the products.
    ab = (mean_and_squares([a + b for a, b in pairs])[1] - aa - bb) / 2
    scatter = aa + bb + n * (mean_a - mean_b) ** 2
    if not scatter:
        return Undefined("All measurements are the same, so there is no variation to compare.")
    value = 2 * ab / scatter
    if not aa or not bb:
        constant = Undefined("One reader's measurements are all the same, so there is no correlation.")
        return Concordance(float(value), constant, n, constant, constant, confidence)
    r2, c2 = ab**2 / (aa * bb), 4 * aa * bb / scatter**2
    ci: Interval | Undefined = Undefined("The interval of a concordance needs at least three pairs.")
    if abs(value) == 1:
        ci = (float(value), float(value))
    elif n > 2:
        # Lin 2000 with accuracy = value / r, so that it holds for r = 0 too; u² is the squared difference of the
        # means over the product of the SDs.
        u2_accuracy = 2 * n * (mean_a - mean_b) ** 2 / scatter
        numerator = (1 - r2) * c2 * (1 - value**2) + 2 * value**2 * (1 - value) * u2_accuracy
        variance = (numerator - (value * u2_accuracy) ** 2 / 2) / (n - 2) / (1 - value**2) ** 2
        half = float(scipy.special.ndtri((1 + confidence) / 2)) * root(max(variance, Fraction()))
        z = logarithm((1 + value) / (1 - value)) / 2
        ci = (math.tanh(z - half), math.tanh(z + half))
    return Concordance(float(value), ci, n, root(r2) if ab >= 0 else -root(r2), root(c2), confidence)


def dice(first: Sequence[object], second: Sequence[object]) -> Dice | Undefined:
    """Overlap of two masks of the same size, 0 to 1.

    Parameters
    ----------
    first, second
        0 or 1 for each voxel in the same order; None marks a voxel that was not judged, and drops it from both.

    Returns
    -------
    Dice or Undefined
        Undefined when neither mask marks a voxel.

    Raises
    ------
    InvalidRatings
        The masks differ in size, or hold something else than 0 and 1.
    """
    pairs = complete_pairs(first, second)
    if any(value not in (0, 1) for pair in pairs for value in pair):
        raise InvalidRatings("A mask holds 0 and 1 only.")
    marked_a, marked_b = sum(a == 1 for a, _ in pairs), sum(b == 1 for _, b in pairs)
    if not marked_a + marked_b:
        return Undefined("Neither mask marks anything.")
    both = sum(a == b == 1 for a, b in pairs)
    return Dice(2 * both / (marked_a + marked_b), marked_a, marked_b, both)
