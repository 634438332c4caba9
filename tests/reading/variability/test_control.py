"""Control charts against the worked examples of Montgomery's textbook, and how soon and how often a cusum alarms."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.variability import InvalidRatings, Undefined
from reading.variability.control import Cusum, PChart, cusum, p_chart, spread_of

pytestmark = pytest.mark.requirement("REQ-VAR-001")

# Montgomery, Introduction to Statistical Quality Control, 6th ed., Table 7.1: faulty cans in 30 samples of 50.
CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]
# Table 9.1: 20 draws from N(10, 1), then 10 from N(11, 1); slack 0.5, limit 5.
DRAWS = [
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08,
    9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52,
]  # fmt: skip


def charted(result: PChart | Undefined) -> PChart:
    assert isinstance(result, PChart)
    return result


def summed(result: Cusum | Undefined) -> Cusum:
    assert isinstance(result, Cusum)
    return result


def test_the_p_chart_of_montgomerys_cans() -> None:
    chart = charted(p_chart([(str(i), x, 50) for i, x in enumerate(CANS, 1)]))
    assert f"{chart.centre:.4f}" == "0.2313"
    assert {(f"{point.lower:.4f}", f"{point.upper:.4f}") for point in chart.points} == {("0.0524", "0.4102")}
    assert [point.label for point in chart.points if point.outside] == ["15", "23"]


def test_limits_are_wider_for_a_group_of_fewer_cases_and_stay_within_0_and_1() -> None:
    chart = charted(p_chart([("many", 10, 100), ("few", 1, 4), ("none", 0, 0)]))
    many, few = chart.points
    assert (many.label, few.label) == ("many", "few")
    assert few.lower == 0.0 < many.lower < many.upper < few.upper <= 1.0


def test_a_group_that_was_always_or_never_adjudicated_is_outside_of_nothing_but_its_limits() -> None:
    chart = charted(p_chart([("all", 5, 5), ("also all", 7, 7)]))
    assert [(point.lower, point.upper, point.outside) for point in chart.points] == [(1.0, 1.0, False)] * 2


def test_no_case_has_no_chart_and_a_count_above_its_size_is_refused() -> None:
    assert p_chart([("site", 0, 0)]) == Undefined("There are no cases, so there is no rate.")
    with pytest.raises(InvalidRatings):
        p_chart([("site", 3, 2)])


def test_the_cusum_of_montgomerys_draws() -> None:
    chart = summed(cusum(DRAWS, target=10, sd=1))
    assert [f"{x:.2f}" for x in chart.high[-3:]] == ["4.47", "5.28", "5.30"]
    assert [f"{x:.2f}" for x in chart.low[:4]] == ["0.05", "1.56", "1.77", "0.00"]
    # Periods count from 1 there: out of control at 29, and the sum was last 0 at 22.
    assert (chart.alarms, chart.began) == ((28, 29), 22)


def test_a_drift_downwards_is_the_mirror_of_one_upwards() -> None:
    up, down = summed(cusum(DRAWS, target=10, sd=1)), summed(cusum([20 - x for x in DRAWS], target=10, sd=1))
    assert (down.low, down.high, down.alarms, down.began) == (
        pytest.approx(up.high),
        pytest.approx(up.low),
        up.alarms,
        up.began,
    )


@pytest.mark.parametrize(("shift", "run_length"), [(1.0, 10.4), (2.0, 4.01)])
def test_a_shift_is_found_as_soon_as_montgomery_says(shift: float, run_length: float) -> None:
    # Table 9.3, slack 0.5 and limit 5: mean values until the alarm.
    generator = np.random.default_rng(9)
    runs = [summed(cusum(generator.normal(shift, 1, 80).tolist(), sd=1)).alarms[0] + 1 for _ in range(400)]
    assert fmean(runs) == pytest.approx(run_length, abs=4 * np.std(runs) / 400**0.5)


def test_without_spread_there_is_nothing_to_judge_against() -> None:
    assert isinstance(cusum([1.0, 2.0], sd=0), Undefined)
    assert spread_of([[1.0], []]) == Undefined("No reader has two values to compare.")


def test_the_spread_of_moving_ranges_hardly_sees_a_drift() -> None:
    generator = np.random.default_rng(4)
    drifting = generator.normal(0, 2, 2000) + np.linspace(0, 40, 2000)
    assert spread_of([drifting.tolist()]) == pytest.approx(2, rel=0.08)
    assert drifting.std() > 10


@given(values=st.lists(st.floats(-50, 50), max_size=30))
def test_sums_are_never_negative_and_alarms_are_where_they_exceed_the_limit(values: list[float]) -> None:
    chart = summed(cusum(values, sd=2))
    assert len(chart.high) == len(chart.low) == len(values)
    assert min([*chart.high, *chart.low, 0.0]) == 0.0
    assert chart.alarms == tuple(i for i in range(len(values)) if max(chart.high[i], chart.low[i]) > 5)
    assert (chart.began is None) == (not chart.alarms)
