"""Intraclass correlation, all six forms, with F and confidence interval.

Source: Shrout PE, Fleiss JL. Intraclass correlations: uses in assessing rater reliability.
Psychological Bulletin 1979; 86:420-428. MSB, MSW, MSJ and MSE are their BMS, WMS, JMS and EMS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import scipy

from .base import Interval, InvalidRatings, Undefined, as_json, check_confidence, counted, exact, whole

#: What rounding may part two numbers that are equal.
_ROUNDING = 1e-9


class IccForm(StrEnum):
    """Model 1: other raters for each subject; 2: a random sample of raters; 3: these raters only.

    The second index tells whether one rating is used (1) or the mean of all k.
    """

    ONE_SINGLE = "ICC(1,1)"
    TWO_SINGLE = "ICC(2,1)"
    THREE_SINGLE = "ICC(3,1)"
    ONE_MEAN = "ICC(1,k)"
    TWO_MEAN = "ICC(2,k)"
    THREE_MEAN = "ICC(3,k)"

    @property
    def model(self) -> int:
        """Number of the model: 1, 2 or 3."""
        return int(self.value[4])

    @property
    def of_mean(self) -> bool:
        """Whether it is the reliability of the raters' mean."""
        return self.value[6] == "k"


@dataclass(frozen=True, slots=True)
class MeanSquares:
    """Mean squares of a complete subjects × raters table: two-way analysis of variance, one rating per cell."""

    n: int
    k: int
    between_subjects: Fraction
    within_subjects: Fraction
    between_raters: Fraction
    residual: Fraction


@dataclass(frozen=True, slots=True)
class Icc:
    """An intraclass correlation; `f` tests that subjects do not differ (value = 0).

    `dropped` counts the subjects left out because a rating was missing (listwise).
    """

    form: IccForm
    value: float
    ci: Interval | Undefined
    f: float | Undefined
    df1: int
    df2: int
    n: int
    raters: int
    dropped: int
    confidence: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "type": str(self.form),
            "value": self.value,
            "ci": as_json(self.ci),
            "F": as_json(self.f),
            "df1": self.df1,
            "df2": self.df2,
            "n": self.n,
            "raters": self.raters,
            "dropped": self.dropped,
            "confidence": self.confidence,
        }


def icc(ratings: Sequence[Sequence[float | None]], form: IccForm | str, *, confidence: float = 0.95) -> Icc | Undefined:
    """Intraclass correlation of one form.

    Subjects with a missing rating are left out (listwise). The confidence interval comes from the
    F distributions of Shrout and Fleiss 1979; for model 2 with Satterthwaite's degrees of freedom.

    Parameters
    ----------
    ratings
        One row per subject, one column per rater, all in the same unit; None marks a missing rating.
    form
        "ICC(1,1)" to "ICC(3,k)".

    Returns
    -------
    Icc or Undefined
        Undefined with fewer than two complete subjects or two raters, or without the variation
        that the ratio needs.

    Raises
    ------
    InvalidRatings
        Rows differ in length, a rating is not a finite number, or the form is unknown.
    """
    check_confidence(confidence)
    try:
        form = IccForm(form)
    except ValueError:
        raise InvalidRatings("The form of an ICC is one of " + ", ".join(IccForm) + ".") from None
    raters = len(ratings[0]) if ratings else 0
    if any(len(row) != raters for row in ratings):
        raise InvalidRatings("Each subject needs the same number of ratings; give null for a missing one.")
    rows = [[exact(x) for x in row if x is not None] for row in ratings]
    complete = [row for row in rows if len(row) == raters]
    if raters < 2:
        return Undefined("An ICC needs at least two raters.")
    if len(complete) < 2:
        return Undefined(
            f"An ICC needs at least two subjects rated by every rater, and has {counted(len(complete), 'subject')}."
        )
    ms = mean_squares(complete)
    value = _value(form, ms)
    if isinstance(value, Undefined):
        return value
    error, df2 = (ms.within_subjects, ms.n * (ms.k - 1)) if form.model == 1 else (ms.residual, (ms.n - 1) * (ms.k - 1))
    interval = _interval_model_2 if form.model == 2 else _interval_models_1_and_3
    return Icc(
        form=form,
        value=float(value),
        ci=interval(form, ms, error, df2, confidence),
        f=float(ms.between_subjects / error) if error else Undefined("The error mean square is 0."),
        df1=ms.n - 1,
        df2=df2,
        n=ms.n,
        raters=ms.k,
        dropped=len(ratings) - len(complete),
        confidence=confidence,
    )


def mean_squares(ratings: Sequence[Sequence[Fraction]]) -> MeanSquares:
    """Mean squares of a complete table of n >= 2 subjects by k >= 2 raters, exactly."""
    n, k = len(ratings), len(ratings[0])
    numbers, denominator = whole([x for row in ratings for x in row])
    rows = [numbers[k * i : k * (i + 1)] for i in range(n)]
    everything = Fraction(sum(x * x for x in numbers))
    mean = Fraction(sum(numbers) ** 2, n * k)
    subjects = Fraction(sum(sum(row) ** 2 for row in rows), k)
    raters = Fraction(sum(sum(column) ** 2 for column in zip(*rows, strict=True)), n)

    def mean_square(squares: Fraction, df: int) -> Fraction:
        return squares / (df * denominator**2)

    return MeanSquares(
        n=n,
        k=k,
        between_subjects=mean_square(subjects - mean, n - 1),
        within_subjects=mean_square(everything - subjects, n * (k - 1)),
        between_raters=mean_square(raters - mean, k - 1),
        residual=mean_square(everything - subjects - raters + mean, (n - 1) * (k - 1)),
    )


def _value(form: IccForm, ms: MeanSquares) -> Fraction | Undefined:
    """Ratio of Shrout and Fleiss 1979, Table 4 and the section on the reliability of means."""
    msb = ms.between_subjects
    error = ms.within_subjects if form.model == 1 else ms.residual
    if not msb and not ms.within_subjects:
        return Undefined("All ratings are equal, so there is no variation to compare.")
    total = msb if form.of_mean else msb + (ms.k - 1) * error
    if form.model == 2:
        raters = (ms.between_raters - error) / ms.n
        total += raters if form.of_mean else ms.k * raters
    if not total:
        return Undefined("The estimated total variance is 0, so there is nothing to divide by.")
    return (msb - error) / total


def _interval_models_1_and_3(
    form: IccForm, ms: MeanSquares, error: Fraction, df2: int, confidence: float
) -> Interval | Undefined:
    """FL = F / F(1-a/2; df1, df2) and FU = F × F(1-a/2; df2, df1), turned into an ICC."""
    df1, tail = ms.n - 1, (1 + confidence) / 2
    b, e = _comparable(ms.between_subjects, error)

    def limit(f: float) -> float:
        # f × the error mean square stands for F, so that perfect agreement (no error) gives 1.
        return (f - e) / (f if form.of_mean else f + (ms.k - 1) * e)

    return _finite(
        limit(b / float(scipy.special.fdtri(df1, df2, tail))), limit(b * float(scipy.special.fdtri(df2, df1, tail)))
    )


def _interval_model_2(
    form: IccForm, ms: MeanSquares, error: Fraction, df2: int, confidence: float
) -> Interval | Undefined:
    """Limits of ICC(2,1) by Satterthwaite's v; those of ICC(2,k) follow by Spearman and Brown."""
    n, k, tail = ms.n, ms.k, (1 + confidence) / 2
    single = _value(IccForm.TWO_SINGLE, ms)
    if isinstance(single, Undefined):
        return single
    if not ms.between_raters and not error:
        return (1.0, 1.0)
    msb, msj, mse = _comparable(ms.between_subjects, ms.between_raters, error)
    a = k * single * ms.between_raters
    b = (n * (1 + (k - 1) * single) - k * single) * error
    if not a + b:
        return Undefined("Satterthwaite's degrees of freedom are 0.")
    v = float(df2 * (a + b) ** 2 / ((n - 1) * a**2 + b**2))
    f_lower, f_upper = float(scipy.special.fdtri(n - 1, v, tail)), float(scipy.special.fdtri(v, n - 1, tail))
    spread = k * msj + (k * n - k - n) * mse
    lower = n * (msb - f_lower * mse) / (f_lower * spread + n * msb)
    upper = n * (f_upper * msb - mse) / (spread + n * f_upper * msb)
    if not lower - _ROUNDING <= single <= upper + _ROUNDING:
        # With two or three subjects the approximation can fail altogether, and its limits pass each other.
        return Undefined("Satterthwaite's approximation gives no limits that hold the value, for so few data.")
    if form.of_mean:
        if 1 + (k - 1) * lower <= 0:
            return Undefined("The lower limit for one rating is too low for Spearman and Brown's formula.")
        lower, upper = k * lower / (1 + (k - 1) * lower), k * upper / (1 + (k - 1) * upper)
    return _finite(lower, upper)


def _comparable(*mean_squares: Fraction) -> list[float]:
    """Return mean squares as shares of their sum, within the range of floats."""
    total = sum(mean_squares)
    return [float(value / total) for value in mean_squares]


def _finite(lower: float, upper: float) -> Interval | Undefined:
    if math.isfinite(lower) and math.isfinite(upper):
        return (lower, upper)
    return Undefined("The F distributions give no finite limits for so few data.")
