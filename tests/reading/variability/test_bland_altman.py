"""Limits of agreement against Bland and Altman 1986, their invariances, and the data that have none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.variability import BlandAltman, InvalidRatings, Undefined, bland_altman
from tests.reading.variability.published import printed, table

pytestmark = pytest.mark.requirement("REQ-VAR-001")

PEFR = table("bland_altman")
WRIGHT, MINI = PEFR["wright_first"], PEFR["mini_first"]

measured = st.tuples(*[st.decimals(0, 300, places=1).map(float)] * 2)
pairs = st.lists(measured, min_size=2, max_size=20)


def of(given_pairs: list[tuple[float, float]], **options: Any) -> BlandAltman:
    result = bland_altman([a for a, _ in given_pairs], [b for _, b in given_pairs], **options)
    assert isinstance(result, BlandAltman)
    return result


def test_peak_flow_meters_of_1986() -> None:
    result = of(list(zip(WRIGHT, MINI, strict=True)), multiplier=2)
    expected = PEFR["first_readings"]
    assert (result.n, printed(result.mean_diff, "0.1"), printed(result.sd, "0.1")) == (
        17,
        expected["mean_diff"],
        expected["sd"],
    )
    # The paper goes on from rounded numbers (s = 38.8, standard errors 9.4 and 16.3, t = 2.12).
    for name in ("loa", "mean_ci", "loa_lower_ci", "loa_upper_ci"):
        assert getattr(result, name) == pytest.approx(tuple(map(float, expected[name])), abs=0.2)


def test_limits_are_1_96_standard_deviations_unless_told_and_have_the_variance_of_1999_if_told() -> None:
    result = of(list(zip(WRIGHT, MINI, strict=True)), limit_variance="1999")
    t_16 = 2.1199  # Student's t, 97.5 %, 16 degrees of freedom: printed tables
    half = t_16 * result.sd * math.sqrt(1 / 17 + 1.96**2 / (2 * 16))
    assert result.loa == pytest.approx((result.mean_diff - 1.96 * result.sd, result.mean_diff + 1.96 * result.sd))
    assert result.loa_upper_ci == pytest.approx((result.loa[1] - half, result.loa[1] + half), abs=0.01)
    # As printed in Analyse-it's tutorial on these data, which takes mini less Wright: -73.9 to 78.1.
    assert [printed(-x, "0.1") for x in result.loa] == ["78.1", "-73.9"]


def test_a_pair_with_a_missing_measurement_is_dropped() -> None:
    assert bland_altman([*WRIGHT, None, 3.0], [*MINI, 4.0, None]) == bland_altman(WRIGHT, MINI)


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([], [], "Limits of agreement need at least two complete pairs, and have 0 pairs."),
        ([1.0, None], [2.0, 3.0], "Limits of agreement need at least two complete pairs, and have 1 pair."),
    ],
)
def test_limits_that_do_not_exist_say_why(a: list[float | None], b: list[float | None], reason: str) -> None:
    assert bland_altman(a, b) == Undefined(reason)


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ([1.0], [1.0, 2.0], {}),
        ([1.0, math.nan], [1.0, 2.0], {}),
        ([1.0, 2.0], [1.0, 2.0], {"multiplier": 0}),
        ([1.0, 2.0], [1.0, 2.0], {"confidence": 1}),
        ([1.0, 2.0], [1.0, 2.0], {"confidence": 95}),
    ],
)
def test_measurements_or_options_of_another_form_are_refused(a: Any, b: Any, options: Any) -> None:
    with pytest.raises(InvalidRatings):
        bland_altman(a, b, **options)


def test_equal_differences_give_limits_of_no_width() -> None:
    result = of([(12.0, 10.0), (22.0, 20.0)])
    assert (result.sd, result.loa, result.loa_lower_ci) == (0.0, (2.0, 2.0), (2.0, 2.0))


@given(given_pairs=pairs)
def test_exchanging_the_readers_mirrors_everything(given_pairs: list[tuple[float, float]]) -> None:
    one, other = of(given_pairs), of([(b, a) for a, b in given_pairs])
    assert other.mean_diff == -one.mean_diff
    assert other.loa == pytest.approx((-one.loa[1], -one.loa[0]))
    assert other.loa_lower_ci == pytest.approx((-one.loa_upper_ci[1], -one.loa_upper_ci[0]))


@given(given_pairs=pairs, data=st.data())
def test_the_order_of_cases_changes_no_bit(given_pairs: list[tuple[float, float]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(given_pairs))
    assert of(list(shuffled)).to_json() == of(given_pairs).to_json()
