"""Cohen's kappa against published tables, its invariances, and the data that have none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reading.variability import (
    InvalidRatings,
    Kappa,
    Undefined,
    cohen_kappa,
    cohen_kappa_of_table,
    cross_table,
)
from tests.reading.variability.published import printed, table

pytestmark = pytest.mark.requirement("REQ-VAR-001")

RESPONSES = ("CR", "PR", "SD", "PD", "NE")
WEIGHTS = ("none", "linear", "quadratic")

categories = st.sampled_from(RESPONSES)
pairs = st.lists(st.tuples(categories, categories), min_size=1, max_size=30)


def defined(result: Kappa | Undefined) -> Kappa:
    assert isinstance(result, Kappa)
    return result


def of_pairs(given_pairs: list[tuple[str, str]], weights: str) -> Kappa | Undefined:
    first, second = [a for a, _ in given_pairs], [b for _, b in given_pairs]
    return cohen_kappa(first, second, categories=RESPONSES, weights=weights)


@pytest.mark.parametrize("row", table("kappa"), ids=lambda row: row["source"][:40])
def test_published_tables_come_out_to_the_printed_digits(row: dict[str, Any]) -> None:
    result = defined(cohen_kappa_of_table(row["table"], weights=row["weights"]))
    found = {"value": result.value, "se": result.se, "variance": result.se**2}
    expected = row["expected"]
    ci = (
        {"ci": [printed(x, like) for x, like in zip(result.ci, expected["ci"], strict=True)]}
        if "ci" in expected
        else {}
    )
    assert {
        **{name: printed(value, expected[name]) for name, value in found.items() if name in expected},
        **ci,
        "n": result.n,
    } == expected  # fmt: skip


@pytest.mark.parametrize("weights", WEIGHTS)
def test_pairs_come_out_as_in_r_irr(weights: str) -> None:
    anxiety = table("kappa_pairs")
    result = defined(
        cohen_kappa(anxiety["first"], anxiety["second"], categories=anxiety["categories"], weights=weights)
    )
    like = anxiety["expected"][weights]
    assert printed(result.value, like) == like


def test_agreement_and_its_chance_are_told_beside_kappa() -> None:
    # Cohen 1960: observed .70, expected .41.
    result = defined(cohen_kappa_of_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]]))
    assert (result.observed, result.expected) == (pytest.approx(0.70), pytest.approx(0.41))


def test_the_first_reader_has_the_rows_in_the_declared_order() -> None:
    assert cross_table(["PR", "PD", None], ["PD", "PD", "PR"], ["PR", "PD"]) == ((0, 1), (0, 1))


def test_a_pair_with_a_missing_reading_is_dropped() -> None:
    result = defined(cohen_kappa(["PR", "PD", None], ["PR", "PD", "PD"], categories=["PR", "PD"]))
    assert (result.n, result.value) == (2, 1.0)


def test_the_order_of_categories_is_part_of_a_weighted_kappa() -> None:
    first, second = ["CR", "CR", "PR", "PD"], ["PR", "CR", "PR", "PD"]
    values = {
        defined(cohen_kappa(first, second, categories=order, weights="linear")).value
        for order in (["CR", "PR", "PD"], ["CR", "PD", "PR"])
    }
    assert len(values) == 2


CHANCE = "Chance alone would give full agreement, as when both readers use the same one category."


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([[0, 0], [0, 0]], "No case was read by both readers."),
        ([[7]], CHANCE),
        ([[7, 0], [0, 0]], CHANCE),
    ],
)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_kappa_that_does_not_exist_says_why(counts: list[list[int]], reason: str, weights: str) -> None:
    assert cohen_kappa_of_table(counts, weights=weights) == Undefined(reason)


def test_readers_who_each_use_another_single_category_have_kappa_0() -> None:
    assert defined(cohen_kappa_of_table([[0, 5], [0, 0]])).value == 0.0


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ([], "none"),
        ([[1, 2]], "none"),
        ([[0.5, 0.2], [0.1, 0.2]], "none"),
        ([[1, -1], [0, 2]], "none"),
        ([[1, 0], [0, 2]], "cubic"),
        ([[1, 0], [0, 2]], [[0]]),
        ([[1, 0], [0, 2]], [[1, 0], [0, 1]]),
    ],
)
def test_a_table_or_weights_of_another_form_are_refused(counts: Any, weights: Any) -> None:
    with pytest.raises(InvalidRatings):
        cohen_kappa_of_table(counts, weights=weights)


def test_an_undeclared_category_and_unpaired_readings_are_refused() -> None:
    with pytest.raises(InvalidRatings, match="declared"):
        cohen_kappa(["PR"], ["XX"], categories=["PR", "PD"])
    with pytest.raises(InvalidRatings, match="twice"):
        cohen_kappa(["PR"], ["PR"], categories=["PR", "PR"])
    with pytest.raises(InvalidRatings, match="same number"):
        cohen_kappa(["PR"], ["PR", "PR"], categories=["PR", "PD"])


@given(readings=st.lists(categories, min_size=2))
def test_identical_ratings_of_more_than_one_category_have_kappa_1(readings: list[str]) -> None:
    assume(len(set(readings)) > 1)
    for weights in WEIGHTS:
        result = defined(cohen_kappa(readings, readings, categories=RESPONSES, weights=weights))
        assert (result.value, result.se, result.ci) == (1.0, 0.0, (1.0, 1.0))


@given(given_pairs=pairs)
def test_exchanging_the_readers_leaves_kappa_and_its_error(given_pairs: list[tuple[str, str]]) -> None:
    for weights in WEIGHTS:
        one, other = of_pairs(given_pairs, weights), of_pairs([(b, a) for a, b in given_pairs], weights)
        if isinstance(one, Undefined):
            assert other == one
        else:
            assert (defined(other).value, defined(other).se) == (
                pytest.approx(one.value),
                pytest.approx(one.se, abs=1e-7),
            )


@given(given_pairs=pairs)
def test_unweighted_kappa_does_not_depend_on_the_order_of_categories(
    given_pairs: list[tuple[str, str]],
) -> None:
    first, second = [a for a, _ in given_pairs], [b for _, b in given_pairs]
    one = cohen_kappa(first, second, categories=RESPONSES)
    other = cohen_kappa(first, second, categories=RESPONSES[::-1])
    if isinstance(one, Kappa):
        assert defined(other).value == pytest.approx(one.value)
    else:
        assert other == one


@given(given_pairs=pairs)
def test_every_answer_is_json_without_nan_and_at_most_1(given_pairs: list[tuple[str, str]]) -> None:
    for weights in WEIGHTS:
        result = of_pairs(given_pairs, weights)
        json.dumps(result.to_json(), allow_nan=False)
        if isinstance(result, Kappa):
            assert result.value <= 1
