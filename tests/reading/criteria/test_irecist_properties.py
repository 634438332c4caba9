"""What must hold for any subject under iRECIST, asked through the request's JSON."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from reading.criteria.requests import answer
from reading.management.jsonlines import request_of
from tests.reading.criteria import random_histories

pytestmark = pytest.mark.requirement("REQ-CRI-002")

SUBJECTS = [random_histories.irecist(Random(seed)) for seed in range(400)]


def ask(request: dict[str, Any]) -> dict[str, Any]:
    return answer(request_of(json.dumps(request).encode()))


def overall(answered: dict[str, Any]) -> list[str]:
    return [timepoint["overall"] for timepoint in answered["timepoints"]]


def shuffled(request: dict[str, Any], dice: Random) -> dict[str, Any]:
    """The same request with every list and every object in another order."""

    def again(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: again(value[name]) for name in dice.sample(list(value), len(value))}
        if isinstance(value, list):
            return [again(item) for item in dice.sample(value, len(value))]
        return value

    return {name: again(value) for name, value in request.items()}


def until(request: dict[str, Any], count: int) -> dict[str, Any]:
    """The same subject, seen no further than `count` timepoints."""
    given = request["input"]
    return request | {"input": given | {"timepoints": given["timepoints"][:count]}}


def test_the_order_of_lesions_and_timepoints_does_not_matter() -> None:
    dice = Random(1)
    for request in SUBJECTS:
        assert ask(shuffled(request, dice)) == ask(request)


def test_no_timepoint_looks_into_the_future() -> None:
    for request in SUBJECTS:
        whole = overall(ask(request))
        for count in range(1, len(whole)):
            assert overall(ask(until(request, count))) == whole[:count]


def test_nothing_after_confirmed_progression_counts() -> None:
    confirmed = [request for request in SUBJECTS if "iCPD" in overall(ask(request))]
    assert len(confirmed) > 40
    for request in confirmed:
        whole = ask(request)
        cut = ask(until(request, overall(whole).index("iCPD") + 1))
        for name in ("ibor", "icpd_progression_date", "first_response_date"):
            assert cut[name] == whole[name]


def test_confirmed_progression_follows_an_unconfirmed_one_by_four_weeks() -> None:
    for request in SUBJECTS:
        answered = ask(request)
        responses = overall(answered)
        assert (answered["icpd_progression_date"] is not None) == ("iCPD" in responses)
        if "iCPD" in responses:
            dates = [timepoint["date"] for timepoint in request["input"]["timepoints"]]
            first = dates.index(answered["icpd_progression_date"])
            assert responses[first] == "iUPD"
            assert set(responses[first : responses.index("iCPD")]) <= {"iUPD", "NE"}


@pytest.mark.parametrize("factor", [0.5, 2, 3])
def test_scaling_all_diameters_leaves_percentages_unchanged(factor: float) -> None:
    def scaled(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("state") == "TOO_SMALL":
                return {"diameter": 5 * factor}
            return {name: scaled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [scaled(item) for item in value]
        return round(value * factor, 2) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def percents(answered: dict[str, Any]) -> list[Any]:
        return [(one["percent_from_baseline"], one["percent_from_nadir"]) for one in answered["timepoints"]]

    for request in SUBJECTS[:100]:
        given = request["input"]
        bigger = {name: scaled(given[name]) for name in ("baseline", "timepoints")}
        assert percents(ask(request | {"input": given | bigger})) == percents(ask(request))
