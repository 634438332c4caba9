"""Intraclass correlations against Shrout and Fleiss 1979, their invariances, and the data that have none."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reading.variability import Icc, IccForm, InvalidRatings, Undefined, icc
from reading.variability.icc import mean_squares
from tests.reading.variability.published import printed, table

pytestmark = pytest.mark.requirement("REQ-VAR-001")

SHROUT_FLEISS = table("icc")["shrout_fleiss_1979"]
RATINGS = SHROUT_FLEISS["ratings"]
FORMS = list(IccForm)

readings = st.integers(-200, 200).map(float)


def tables(raters: int = 3) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(readings, min_size=raters, max_size=raters), min_size=2, max_size=8)


def defined(result: Icc | Undefined) -> Icc:
    assert isinstance(result, Icc)
    return result


def test_mean_squares_are_those_of_shrout_and_fleiss() -> None:
    ms = mean_squares([[Fraction(x) for x in row] for row in RATINGS])
    expected = SHROUT_FLEISS["mean_squares"]
    assert {name: printed(float(getattr(ms, name)), value) for name, value in expected.items()} == expected


@pytest.mark.parametrize("row", SHROUT_FLEISS["expected"], ids=lambda row: row["form"])
def test_all_six_forms_are_those_of_shrout_and_fleiss(row: dict[str, Any]) -> None:
    result = defined(icc(RATINGS, row["form"]))
    assert isinstance(result.ci, tuple)
    assert isinstance(result.f, float)
    assert {
        "form": str(result.form),
        "value": printed(result.value, row["value"]),
        "F": printed(result.f, row["F"]),
        "df1": result.df1,
        "df2": result.df2,
        "ci": [printed(limit, like) for limit, like in zip(result.ci, row["ci"], strict=True)],
    } == row


@pytest.mark.parametrize("form", FORMS)
def test_a_subject_with_a_missing_rating_is_left_out(form: IccForm) -> None:
    with_gap = defined(icc([*RATINGS, [5, None, 6, 7]], form))
    without = defined(icc(RATINGS, form))
    assert (with_gap.value, with_gap.ci, with_gap.n, with_gap.dropped) == (without.value, without.ci, 6, 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_lower_confidence_gives_a_narrower_interval(form: IccForm) -> None:
    wide, narrow = defined(icc(RATINGS, form)).ci, defined(icc(RATINGS, form, confidence=0.8)).ci
    assert isinstance(wide, tuple)
    assert isinstance(narrow, tuple)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize("form", FORMS)
def test_perfect_agreement_is_exactly_1_with_an_unbounded_f(form: IccForm) -> None:
    result = defined(icc([[0.1, 0.1], [0.2, 0.2], [0.7, 0.7]], form))
    assert (result.value, result.ci, result.f) == (1.0, (1.0, 1.0), Undefined("The error mean square is 0."))


def test_decimals_are_compared_as_they_were_written() -> None:
    # In doubles 0.3 - 0.2 is not 0.2 - 0.1, and the second rater would seem to differ by more than a constant.
    biased = [[0.1, 0.2], [0.2, 0.3], [0.7, 0.8], [1.1, 1.2]]
    assert defined(icc(biased, "ICC(3,1)")).f == Undefined("The error mean square is 0.")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_size_of_the_unit_does_not_matter(form: IccForm, unit: float) -> None:
    scaled, plain = defined(icc([[x * unit for x in row] for row in RATINGS], form)), defined(icc(RATINGS, form))
    assert (scaled.value, scaled.ci, scaled.f) == (
        pytest.approx(plain.value),
        pytest.approx(plain.ci),
        pytest.approx(plain.f),
    )


def test_a_constant_bias_lowers_agreement_but_not_consistency() -> None:
    biased = [[x, x + 10] for x in (20.0, 40.0, 60.0)]
    # By hand: MSB 800, MSJ 150, MSE 0; ICC(2,1) = 800 / (800 + 2 * 150 / 3) = 8/9.
    assert defined(icc(biased, "ICC(3,1)")).value == 1.0
    assert defined(icc(biased, "ICC(2,1)")).value == pytest.approx(8 / 9)


FEW = "An ICC needs at least two subjects rated by every rater, and has"
EQUAL = "All ratings are equal, so there is no variation to compare."
FLAT = "The estimated total variance is 0, so there is nothing to divide by."


@pytest.mark.parametrize(
    ("ratings", "form", "reason"),
    [
        ([], "ICC(2,1)", "An ICC needs at least two raters."),
        ([[1], [2]], "ICC(2,1)", "An ICC needs at least two raters."),
        ([[1, 2]], "ICC(3,1)", f"{FEW} 1 subject."),
        ([[1, None], [None, 2]], "ICC(3,1)", f"{FEW} 0 subjects."),
        ([[0.1, 0.1], [0.1, 0.1]], "ICC(1,1)", EQUAL),
        ([[0.3, 0.3, 0.3], [0.3, 0.3, 0.3]], "ICC(2,k)", EQUAL),
        ([[1, 2], [2, 1]], "ICC(2,1)", FLAT),
        ([[1, 2], [2, 1]], "ICC(1,k)", FLAT),
        ([[1, 2], [1, 2]], "ICC(3,1)", FLAT),
    ],
)
def test_an_icc_that_does_not_exist_says_why(ratings: list[list[float | None]], form: str, reason: str) -> None:
    assert icc(ratings, form) == Undefined(reason)


@pytest.mark.parametrize(
    ("ratings", "form"),
    [
        ([[1, 2], [3]], "ICC(2,1)"),
        ([[1, math.nan], [3, 4]], "ICC(2,1)"),
        ([[1, math.inf], [3, 4]], "ICC(2,1)"),
        ([[1, "x"], [3, 4]], "ICC(2,1)"),
        ([[1, 2], [3, 4]], "ICC(4,1)"),
    ],
)
def test_ratings_that_are_no_table_of_numbers_are_refused(ratings: Any, form: str) -> None:
    with pytest.raises(InvalidRatings):
        icc(ratings, form)


@given(ratings=tables(2), shift=readings)
def test_a_constant_added_to_both_raters_leaves_every_form(ratings: list[list[float]], shift: float) -> None:
    for form in FORMS:
        before, after = icc(ratings, form), icc([[x + shift for x in row] for row in ratings], form)
        if isinstance(before, Undefined):
            assert after == before
        else:
            assert defined(after).value == pytest.approx(before.value, abs=1e-9)


@given(ratings=tables(3), shifts=st.lists(readings, min_size=3, max_size=3))
def test_a_constant_added_to_one_rater_leaves_consistency(ratings: list[list[float]], shifts: list[float]) -> None:
    for form in ("ICC(3,1)", "ICC(3,k)"):
        before = icc(ratings, form)
        assume(isinstance(before, Icc))
        after = icc([[x + s for x, s in zip(row, shifts, strict=True)] for row in ratings], form)
        assert defined(after).value == pytest.approx(defined(before).value, abs=1e-9)


@given(ratings=tables(3), data=st.data())
def test_the_order_of_subjects_and_raters_does_not_matter(ratings: list[list[float]], data: st.DataObject) -> None:
    columns = data.draw(st.permutations(range(3)))
    shuffled = [[row[c] for c in columns] for row in data.draw(st.permutations(ratings))]
    for form in FORMS:
        before, after = icc(ratings, form), icc(shuffled, form)
        if isinstance(before, Icc):
            assert defined(after).value == pytest.approx(before.value, abs=1e-9)
        else:
            assert after == before


@given(ratings=st.lists(st.lists(st.none() | readings, min_size=2, max_size=2), max_size=7))
@example(ratings=[[4.0, 1.0], [14.0, -17.0]])
@example(ratings=[[0.0, 0.0], [38.0, -52.0]])
@example(ratings=[[0.0, 0.0], [2.0, -3.0]])
def test_no_table_gives_nan_or_a_value_outside_its_interval(ratings: list[list[float | None]]) -> None:
    for form in FORMS:
        result = icc(ratings, form)
        json.dumps(result.to_json(), allow_nan=False)
        if isinstance(result, Icc):
            # The estimate of the total variance may be negative in ICC(2,k) alone, as R's psych gives it.
            assert result.value <= 1 or form is IccForm.TWO_MEAN
            if isinstance(result.ci, tuple):
                assert result.ci[0] <= result.ci[1] + 1e-9
                if result.value <= 1:
                    assert result.ci[0] <= result.value + 1e-9
                    assert result.value <= result.ci[1] + 1e-9
