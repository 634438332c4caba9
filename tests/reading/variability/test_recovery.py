"""Simulated readers with known kappa, ICC, bias and precision: the statistics recover them, and their intervals hold.

Each bound is four Monte-Carlo standard errors of what is estimated; with fixed seeds a run is like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest

from reading.variability.requests import evaluate

pytestmark = pytest.mark.requirement("REQ-VAR-002")

Simulate = Callable[[np.random.Generator], tuple[str, dict[str, Any], dict[str, Any]]]


def ask(stat: str, data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    return evaluate({"stat": stat, "data": data, "options": options})


def trials(simulate: Simulate, *, runs: int = 300, seed: int = 20261126) -> Iterator[dict[str, Any]]:
    generator = np.random.default_rng(seed)
    return (ask(*simulate(generator)) for _ in range(runs))


def measurements(
    r: np.random.Generator,
    n: int,
    readers: int,
    *,
    subject: float,
    reader: float = 0.0,
    error: float,
    bias: float = 0.0,
) -> list[list[float]]:
    """Return n subjects' sums in mm: a subject's own, each reader's deviation, noise; `bias` is the first reader's."""
    own, deviation = (
        r.normal(80, subject, (n, 1)),
        r.normal(0, reader, (1, readers)) if reader else np.zeros((1, readers)),
    )
    deviation[0, 0] += bias
    return (own + deviation + r.normal(0, error, (n, readers))).round(6).tolist()


def icc_2(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    ratings = measurements(r, 40, 12, subject=10, reader=5, error=5)
    return "icc", {"ratings": ratings}, {"type": "ICC(2,1)"}


def icc_3(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "icc", {"ratings": measurements(r, 60, 2, subject=10, error=5, bias=8)}, {"type": "ICC(3,1)"}


def icc_1(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "icc", {"ratings": measurements(r, 60, 3, subject=10, error=5)}, {"type": "ICC(1,1)"}


def kappa(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Readers who agree with probability 0.6, and otherwise choose by chance from the same shares: kappa is 0.6."""
    shares, n = [0.4, 0.3, 0.2, 0.1], 200
    first, other = r.choice(4, n, p=shares), r.choice(4, n, p=shares)
    second = np.where(r.random(n) < 0.6, first, other)
    return "cohen_kappa", {"pairs": np.stack([first, second], 1).tolist()}, {"categories": [0, 1, 2, 3]}


def fleiss(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Each of four readers sees the truth with probability sqrt 0.5 or else guesses, so that two agree by 0.5."""
    shares, n = [0.5, 0.3, 0.2], 200
    truth, guess = r.choice(3, (n, 1), p=shares), r.choice(3, (n, 4), p=shares)
    return "fleiss_kappa", {"ratings": np.where(r.random((n, 4)) < math.sqrt(0.5), truth, guess).tolist()}, {}


def alpha(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Interval alpha of equal readers is the ICC, 100 / (100 + 25), also with one reading in five missing."""
    ratings = np.array(measurements(r, 100, 3, subject=10, error=5)).T
    missing = r.random(ratings.shape) < 0.2
    gaps = [[None if gone else x for x, gone in zip(*both, strict=True)] for both in zip(ratings, missing, strict=True)]
    return "krippendorff_alpha", {"ratings": gaps}, {"level": "interval"}


def repeated(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "within_subject_sd", {"replicates": measurements(r, 100, 2, subject=10, error=5)}, {}


@pytest.mark.parametrize(
    ("simulate", "truth"),
    [(icc_1, 0.8), (icc_2, 2 / 3), (icc_3, 0.8), (kappa, 0.6), (fleiss, 0.5), (alpha, 0.8), (repeated, 5.0)],
)
def test_the_truth_is_recovered_within_the_error_of_the_simulation(simulate: Simulate, truth: float) -> None:
    found = [answer["value"] for answer in trials(simulate, runs=100)]
    # Each of these estimators is biased by less than 1 % at this size, which the bound has to leave room for.
    assert fmean(found) == pytest.approx(truth, abs=4 * stdev(found) / math.sqrt(len(found)) + 0.01 * truth)


def test_a_readers_bias_and_the_spread_of_differences_are_recovered() -> None:
    def simulate(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
        pairs = measurements(r, 60, 2, subject=20, error=3, bias=4)
        return "bland_altman", {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}, {}

    answers = list(trials(simulate))
    runs, spread = len(answers), 3 * math.sqrt(2)
    assert fmean(a["mean_diff"] for a in answers) == pytest.approx(4, abs=4 * spread / math.sqrt(60 * runs))
    assert fmean(a["sd"] for a in answers) == pytest.approx(spread, abs=4 * spread / math.sqrt(2 * 59 * runs) + 0.02)
    covered = sum(a["mean_ci"][0] <= 4 <= a["mean_ci"][1] for a in answers) / runs
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / runs))


@pytest.mark.parametrize(("simulate", "truth"), [(icc_1, 0.8), (icc_3, 0.8), (kappa, 0.6)])
def test_intervals_hold_the_truth_as_often_as_they_say(simulate: Simulate, truth: float) -> None:
    answers = list(trials(simulate))
    covered = sum(a["ci"][0] <= truth <= a["ci"][1] for a in answers) / len(answers)
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / len(answers)))


def test_survival_and_its_interval_are_recovered_under_censoring() -> None:
    """Exponential times with a median of 6 months, and observation that ends at random within 18."""

    def simulate(r: np.random.Generator) -> tuple[str, dict[str, Any], dict[str, Any]]:
        event, end = r.exponential(6 / math.log(2), 150), r.uniform(0, 18, 150)
        return (
            "kaplan_meier",
            {"time": np.minimum(event, end).round(6).tolist(), "event": (event <= end).astype(int).tolist()},
            {},
        )

    answers = list(trials(simulate, runs=200))
    medians = [a["median"] for a in answers]
    assert fmean(medians) == pytest.approx(6, abs=4 * stdev(medians) / math.sqrt(len(medians)) + 0.06)
    covered = sum(a["median_ci"][0] <= 6 <= a["median_ci"][1] for a in answers) / len(answers)
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / len(answers)))
