"""Time until an event, with subjects who were not followed until then.

Sources: Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. JASA 1958; 53:457-481, with
Greenwood's variance. Brookmeyer R, Crowley J. A confidence interval for the median survival time. Biometrics 1982;
38:29-41. Kalbfleisch JD, Prentice RL. The statistical analysis of failure time data. 1980 (log-log limits). Mantel N.
Evaluation of survival data and two new rank order statistics. Cancer Chemotherapy Reports 1966; 50:163-170.
Limits and median where R's package survival and SAS agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy

from .base import InvalidRatings, Undefined, check_confidence, exact

#: A survival this near to one half is one half, as in R.
_HALF = 1e-8


@dataclass(frozen=True, slots=True)
class KaplanMeier:
    """Survival just after each time of an event, with limits; None where a limit or a median does not exist.

    Attributes
    ----------
    at_risk, events
        Subjects under observation just before each time, and those with the event then.
    median
        First time with survival below one half; when survival is exactly one half for a while, the middle of that
        while. None when survival stays above.
    median_ci
        The same of the lower and of the upper limits.
    """

    times: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    at_risk: tuple[int, ...]
    events: tuple[int, ...]
    median: float | None
    median_ci: tuple[float | None, float | None]
    n: int
    confidence: float

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        found: dict[str, object] = {
            "times": list(self.times),
            "survival": list(self.survival),
            "lower": list(self.lower),
            "upper": list(self.upper),
            "at_risk": list(self.at_risk),
            "events": list(self.events),
            "median": self.median,
            "median_ci": list(self.median_ci),
            "n": self.n,
            "confidence": self.confidence,
        }
        if self.median is None:
            found["median_reason"] = "Survival does not fall to one half."
        return found


@dataclass(frozen=True, slots=True)
class Logrank:
    """Log-rank test that survival is the same in all groups; `observed` and `expected` events by group."""

    chi2: float
    df: int
    p: float
    groups: tuple[Hashable, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """Return the answer of the `evaluate_variability` contract."""
        return {
            "chi2": self.chi2,
            "df": self.df,
            "p": self.p,
            "groups": list(self.groups),
            "observed": list(self.observed),
            "expected": list(self.expected),
        }


def kaplan_meier(
    time: Sequence[float | None],
    event: Sequence[int | None],
    *,
    ci: str = "log-log",
    confidence: float = 0.95,
) -> KaplanMeier | Undefined:
    """Kaplan-Meier estimate of survival, its pointwise limits, and its median.

    Parameters
    ----------
    time
        Time of the event or, without one, of the last observation, of each subject; a subject whose observation
        ends at the time of an event was at risk for it. None marks a missing one, and drops the subject.
    event
        1 where the event happened, 0 where observation ended before.
    ci
        Limits of survival: "log-log", or "plain" (survival ± z standard errors, kept within 0 and 1). Where
        survival is 0 its standard error is undefined, and limits do not exist.

    Returns
    -------
    KaplanMeier or Undefined
        Undefined without subjects.

    Raises
    ------
    InvalidRatings
        The sequences differ in length, a time is negative, or an event is not 0 or 1.
    """
    check_confidence(confidence)
    if ci not in ("log-log", "plain"):
        raise InvalidRatings("The limits of survival are log-log or plain.")
    subjects = [(when, happened) for when, happened, _ in _subjects(time, event, [0] * len(time))]
    if not subjects:
        return Undefined("No subject has both a time and whether the event happened.")
    z = float(scipy.special.ndtri((1 + confidence) / 2))
    deaths, ends = Counter(when for when, happened in subjects if happened), Counter(when for when, _ in subjects)
    times, survival, at_risk, limits = sorted(deaths), [], [], []
    remaining, surviving, greenwood = len(subjects), 1.0, 0.0
    for when in sorted(ends):
        if dead := deaths[when]:
            surviving *= (remaining - dead) / remaining
            greenwood += dead / (remaining * (remaining - dead)) if dead < remaining else math.inf
            survival.append(surviving)
            at_risk.append(remaining)
            limits.append(_limits(surviving, greenwood, z, ci))
        remaining -= ends[when]
    lower, upper = tuple(low for low, _ in limits), tuple(high for _, high in limits)
    moments = [float(when) for when in times]
    return KaplanMeier(
        times=tuple(moments),
        survival=tuple(survival),
        lower=lower,
        upper=upper,
        at_risk=tuple(at_risk),
        events=tuple(deaths[when] for when in times),
        median=_median(moments, survival),
        median_ci=(_median(moments, lower), _median(moments, upper)),
        n=len(subjects),
        confidence=confidence,
    )


def logrank(
    time: Sequence[float | None], event: Sequence[int | None], group: Sequence[Hashable | None]
) -> Logrank | Undefined:
    """Log-rank test of two or more groups (Mantel 1966), without weights.

    Parameters
    ----------
    time, event
        As for `kaplan_meier`.
    group
        The group of each subject; None drops the subject.

    Returns
    -------
    Logrank or Undefined
        Undefined with fewer than two groups, or when no event happened while two groups were under observation.

    Raises
    ------
    InvalidRatings
        The sequences differ in length, a time is negative, or an event is not 0 or 1.
    """
    subjects = _subjects(time, event, group)
    groups = list(dict.fromkeys(name for _, _, name in subjects))
    if len(groups) < 2:
        return Undefined("A log-rank test needs subjects of at least two groups.")
    place = {name: i for i, name in enumerate(groups)}
    at_risk, observed = np.zeros(len(groups)), np.zeros(len(groups))
    for *_, name in subjects:
        at_risk[place[name]] += 1
    expected, variance = np.zeros(len(groups)), np.zeros((len(groups), len(groups)))
    deaths, ends = Counter(subjects), Counter((when, name) for when, _, name in subjects)
    for when in sorted({when for when, _, _ in subjects}):
        dead = np.array([deaths[when, True, name] for name in groups], dtype=float)
        n, d = at_risk.sum(), dead.sum()
        if d:
            observed += dead
            expected += d * at_risk / n
            if n > 1:
                share = at_risk / n
                variance += d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
        at_risk -= [ends[when, name] for name in groups]
    # The differences of all groups sum to 0, so that the variance has an inverse only within its range.
    values, vectors = np.linalg.eigh(variance)
    kept = values > 1e-9 * max(float(values.max()), 1e-9)
    if not kept.any():
        return Undefined("No event happened while subjects of two groups were under observation.")
    chi2 = float((((observed - expected) @ vectors[:, kept]) ** 2 / values[kept]).sum())
    df = int(kept.sum())
    return Logrank(
        chi2=chi2,
        df=df,
        p=float(scipy.special.chdtrc(df, chi2)),
        groups=tuple(groups),
        observed=tuple(int(x) for x in observed),
        expected=tuple(float(x) for x in expected),
    )


def _subjects(
    time: Sequence[float | None], event: Sequence[int | None], group: Sequence[Hashable | None]
) -> list[tuple[Fraction, bool, Hashable]]:
    if not len(time) == len(event) == len(group):
        raise InvalidRatings("Each subject needs a time, an event and a group; give null for a missing one.")
    if any(happened not in (0, 1, None) for happened in event):
        raise InvalidRatings("An event is 1 where it happened, and 0 where observation ended before.")
    times = [None if when is None else exact(when) for when in time]
    if any(when is not None and when < 0 for when in times):
        raise InvalidRatings("A time is negative. Times count from each subject's start.")
    return [
        (when, happened == 1, name)
        for when, happened, name in zip(times, event, group, strict=True)
        if when is not None and happened is not None and name is not None
    ]


def _limits(survival: float, greenwood: float, z: float, ci: str) -> tuple[float | None, float | None]:
    if not survival:
        return (None, None)
    if ci == "plain":
        half = z * survival * math.sqrt(greenwood)
        return (max(survival - half, 0.0), min(survival + half, 1.0))
    half = z * math.sqrt(greenwood) / -math.log(survival)
    return (_power(survival, half), _power(survival, -half))


def _power(survival: float, exponent: float) -> float:
    """Return survival to the power of e^exponent; 0 when that is more than floats can hold."""
    return math.exp(math.log(survival) * math.exp(exponent)) if exponent < 700 else 0.0


def _median(times: Sequence[float], survival: Sequence[float | None]) -> float | None:
    course = [(when, value) for when, value in zip(times, survival, strict=True) if value is not None]
    below = [(when, value) for when, value in course if value < 0.5 + _HALF]
    if not below:
        return None
    first, value = below[0]
    later = [when for when, lower in below if lower < value]
    return (first + later[0]) / 2 if abs(value - 0.5) < _HALF and later else first
