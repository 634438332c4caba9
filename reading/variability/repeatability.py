"""How far repeated measurements of the same subject lie apart, in the unit and relative to what is measured.

Sources: Bland JM, Altman DG. Measurement error. BMJ 1996; 313:744. Bland JM, Altman DG. Measurement error
proportional to the mean. BMJ 1996; 313:106. Bland JM. How should I calculate a within-subject coefficient of
variation? https://www-users.york.ac.uk/~mb55/meas/cv.htm
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .base import InvalidRatings, Undefined, exact, logarithm, mean_and_squares, root

#: Differences of two measurements of the same subject are below this many within-subject SDs for 95 % of pairs.
REPEATABILITY = 1.96 * math.sqrt(2)


@dataclass(frozen=True, slots=True)
class WithinSubjectSd:
    """Within-subject standard deviation, and repeatability coefficient, 1.96 √2 times it; in the data's unit.

    `df` are the degrees of freedom: measurements beyond the first of each of the `n` subjects.
    """

    value: float
    repeatability: float
    n: int
    df: int

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {"value": self.value, "repeatability": self.repeatability, "n": self.n, "df": self.df}


@dataclass(frozen=True, slots=True)
class WithinSubjectCv:
    """Within-subject coefficient of variation, 0.1 for 10 %, over `n` subjects."""

    value: float
    method: str
    n: int

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {"value": self.value, "method": self.method, "n": self.n}


def within_subject_sd(replicates: Sequence[Sequence[float | None]]) -> WithinSubjectSd | Undefined:
    """Root of the within-subject mean square of a one-way analysis of variance.

    Subjects may have different numbers of measurements; one with fewer than two says nothing, and is left out.

    Parameters
    ----------
    replicates
        The measurements of each subject, all in one unit; None marks a missing one.

    Returns
    -------
    WithinSubjectSd or Undefined
        Undefined when no subject was measured twice.

    Raises
    ------
    InvalidRatings
        A measurement is not a finite number.
    """
    repeated = _repeated(replicates)
    if not repeated:
        return Undefined("No subject was measured twice.")
    df = sum(len(values) - 1 for values in repeated)
    sd = root(sum((mean_and_squares(values)[1] for values in repeated), Fraction()) / df)
    return WithinSubjectSd(sd, REPEATABILITY * sd, len(repeated), df)


def within_subject_cv(
    replicates: Sequence[Sequence[float | None]], *, method: str = "rms"
) -> WithinSubjectCv | Undefined:
    """Within-subject coefficient of variation, for an error that grows with what is measured.

    Parameters
    ----------
    replicates
        The measurements of each subject, all in one unit; None marks a missing one.
    method
        "rms": root of the mean over subjects of (SD / mean)². "log": antilogarithm of the within-subject SD of
        the natural logarithms, less 1.

    Returns
    -------
    WithinSubjectCv or Undefined
        Undefined when no subject was measured twice, a subject's mean is 0 (rms), or a measurement is not
        positive (log).

    Raises
    ------
    InvalidRatings
        A measurement is not a finite number, or the method is unknown.
    """
    if method not in ("rms", "log"):
        raise InvalidRatings("The method of a within-subject coefficient of variation is rms or log.")
    repeated = _repeated(replicates)
    if not repeated:
        return Undefined("No subject was measured twice.")
    if method == "log":
        if any(value <= 0 for values in repeated for value in values):
            return Undefined("A measurement is not positive, so that it has no logarithm.")
        # A ratio to the subject's first measurement keeps equal ones at exactly 0.
        sd = within_subject_sd([[logarithm(value / values[0]) for value in values] for values in repeated])
        return sd if isinstance(sd, Undefined) else WithinSubjectCv(math.expm1(sd.value), method, sd.n)
    moments = [(*mean_and_squares(values), len(values)) for values in repeated]
    if not all(mean for mean, _, _ in moments):
        return Undefined("A subject's mean is 0, so that nothing can be said relative to it.")
    of_each = [float(squares / (k - 1) / mean**2) for mean, squares, k in moments]
    return WithinSubjectCv(math.sqrt(math.fsum(of_each) / len(of_each)), method, len(of_each))


def _repeated(replicates: Sequence[Sequence[float | None]]) -> list[list[Fraction]]:
    given = [[exact(value) for value in values if value is not None] for values in replicates]
    return [values for values in given if len(values) > 1]
