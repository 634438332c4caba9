"""Best overall response: Table 3 in every combination, and a published program's own test cases."""

from __future__ import annotations

from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.results import DatedResponse
from reading.criteria.values import InvalidRead
from tests.reading.criteria.build import cases, rows

pytestmark = pytest.mark.requirement("REQ-CRI-001")

CONFIRMED = {"confirmation_required": True}


def best(visits: list[Any], **parameters: Any) -> str:
    responses = [DatedResponse(day, overall) for day, overall in visits]
    return get("RECIST 1.1", parameters).best_overall_response(responses).response


def test_table_3_is_complete() -> None:
    five = ("CR", "PR", "SD", "PD", "NE")
    assert {(row["first"], row["second"]) for row in rows("table3.csv")} == {(a, b) for a in five for b in five}


@pytest.mark.parametrize(
    "row", rows("table3.csv"), ids=lambda r: f"{r['first']}@{r['first_day']}-{r['second']}@{r['second_day']}"
)
def test_table_3(row: dict[str, str]) -> None:
    visits = [(int(row["first_day"]), row["first"]), (int(row["second_day"]), row["second"])]
    assert best(visits, **CONFIRMED) == row["bor"]


ADMIRALONCO = cases("best_response.json")


@pytest.mark.parametrize(
    ("run", "subject"),
    [(number, subject) for number, run in enumerate(ADMIRALONCO["runs"]) for subject in run["expected"]],
)
def test_the_cases_of_admiralonco(run: int, subject: str) -> None:
    setting = ADMIRALONCO["runs"][run]
    parameters = setting["parameters"] | CONFIRMED | {"min_sd_days": 28}
    assert best(ADMIRALONCO["subjects"][subject], **parameters) == setting["expected"][subject]


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        ([(56, "SD"), (112, "PR"), (168, "CR"), (224, "PD")], "CR"),
        ([(10, "PR"), (56, "PD")], "PR"),  # the minimum time is for SD only
        ([(10, "SD"), (56, "NE"), (112, "PD")], "PD"),
        ([(10, "SD"), (56, "NE")], "NE"),
        ([(56, "PD"), (112, "CR")], "PD"),
        ([], "NE"),
    ],
)
def test_without_confirmation_the_best_up_to_progression_is_taken(visits: list[Any], expected: str) -> None:
    assert best(visits) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [((42, 69), "SD"), ((42, 70), "PR")],
    ids=["27 days: not confirmed", "28 days: confirmed (§4.6.1, at least 4 weeks)"],
)
def test_confirmation_to_the_day(days: tuple[int, int], expected: str) -> None:
    assert best([(day, "PR") for day in days], **CONFIRMED) == expected


def test_two_timepoints_without_response_break_a_confirmation_unless_the_trial_says_otherwise() -> None:
    visits = [(42, "PR"), (84, "NE"), (126, "SD"), (168, "PR")]
    assert best(visits, **CONFIRMED) == "SD"
    assert best(visits, **CONFIRMED, confirm_max_interruptions=2) == "PR"


def test_a_cr_that_was_really_a_pr_by_the_setting() -> None:
    visits = [(42, "CR"), (84, "PR")]
    assert best(visits, **CONFIRMED) == "SD"  # Table 3, footnote a: a true CR, so progression at the second
    assert best(visits, **CONFIRMED, disease_after_cr="sum_rule_only") == "PR"


def test_no_confirmation_after_disease_came_back() -> None:
    assert best([(42, "CR"), (84, "PR"), (126, "PR")], **CONFIRMED) == "SD"


@pytest.mark.parametrize(
    ("visits", "parameters", "expected"),
    [
        ([(56, "NON-CR/NON-PD")], {}, "NON-CR/NON-PD"),
        ([(20, "NON-CR/NON-PD"), (56, "PD")], {}, "PD"),
        ([(20, "NON-CR/NON-PD"), (56, "PD")], {"min_duration_for_nontarget": False}, "NON-CR/NON-PD"),
        ([(56, "NON-CR/NON-PD"), (112, "CR")], CONFIRMED, "NON-CR/NON-PD"),
        ([(20, "NED"), (56, "PD")], {}, "NED"),
    ],
)
def test_without_target_lesions_there_is_no_sd(visits: list[Any], parameters: dict[str, Any], expected: str) -> None:
    assert best(visits, **parameters) == expected


def test_the_first_response_is_the_first_of_the_confirmed_pair() -> None:
    visits = [
        DatedResponse(day, overall) for day, overall in [(30, "PR"), (44, "NE"), (50, "NE"), (90, "PR"), (120, "CR")]
    ]
    answer = get("RECIST 1.1", CONFIRMED).best_overall_response(visits)
    assert (answer.response, answer.confirmed, answer.first_response_day) == ("PR", True, 90)
    answer = get("RECIST 1.1").best_overall_response(visits)
    assert (answer.response, answer.confirmed, answer.first_response_day) == ("CR", False, 30)


def test_the_minimum_counts_from_the_start_of_treatment() -> None:
    criteria = get("RECIST 1.1")
    visits = [DatedResponse(49, "SD")]
    assert criteria.best_overall_response(visits, start_day=7).response == "SD"
    assert criteria.best_overall_response(visits, start_day=8).response == "NE"


def test_a_response_of_other_criteria_is_refused() -> None:
    with pytest.raises(InvalidRead):
        best([(56, "iPR")])
