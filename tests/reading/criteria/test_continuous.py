"""Continuous endpoints: value, change and percent change, and no response."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.results import DatedResponse
from reading.criteria.values import InvalidRead
from tests.reading.criteria.test_volumetric import volumes

pytestmark = pytest.mark.requirement("REQ-CRI-002")


def changes(*timepoints: dict[str, Any], **parameters: Any) -> list[tuple[Any, Any, Any]]:
    result = get("Continuous endpoint", parameters).derive_subject(volumes(*timepoints))
    return [
        (response.quantities["value"], response.quantities["change"], response.percent_from_baseline)
        for response in result.timepoints
    ]


def test_regions_are_summed_up() -> None:
    assert changes({"A": "4", "B": "6"}, {"A": "5", "B": "7.5"}, {"A": "4", "B": "1"}) == [
        (Decimal("12.5"), Decimal("2.5"), Decimal(25)),
        (Decimal(5), Decimal(-5), Decimal(-50)),
    ]


def test_or_averaged() -> None:
    assert changes({"A": "4", "B": "6"}, {"A": "5", "B": "7.5"}, aggregate="mean") == [
        (Decimal("6.25"), Decimal("1.25"), Decimal(25))
    ]


def test_a_region_that_was_not_assessed_leaves_no_value() -> None:
    assert changes({"A": "4", "B": "6"}, {"A": "5"}, {"A": "5", "B": None}) == [(None, None, None)] * 2


def test_or_the_same_regions_are_compared_where_the_trial_says_so() -> None:
    assert changes({"A": "4", "B": "6"}, {"A": "5"}, {}, incomplete="measured_part") == [
        (Decimal(5), Decimal(1), Decimal(25)),
        (None, None, None),
    ]


def test_from_a_baseline_of_0_there_is_no_percentage() -> None:
    assert changes({"A": "0"}, {"A": "3"}) == [(Decimal(3), Decimal(3), None)]


def test_nobody_responds_or_progresses() -> None:
    pack = get("Continuous endpoint")
    result = pack.derive_subject(volumes({"A": "10"}, {"A": None}, {"A": "1"}))
    assert [response.overall for response in result.timepoints] == ["NE", "EVALUABLE"]
    assert (result.bor, result.responder, result.progression_day) == ("EVALUABLE", False, None)
    assert pack.best_overall_response([]).response == "NE"
    with pytest.raises(InvalidRead):
        pack.best_overall_response([DatedResponse(1, "PR")])


def test_it_says_how_the_change_came_about() -> None:
    (response,) = get("Continuous endpoint").derive_subject(volumes({"A": "4"}, {"A": "5"})).timepoints
    assert (response.trace[0].inputs, response.trace[0].result) == (
        {"A": "assessed", "baseline": "4", "value": "5"},
        "1 (+25.0%)",
    )
