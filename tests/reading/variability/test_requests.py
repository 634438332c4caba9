"""The contract of `evaluate_variability`: published numbers, what does not exist, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compliance.errors import HouseError
from reading.variability.requests import STATISTICS, evaluate
from tests.reading.variability.published import printed, table

RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def ask(stat: str, data: Any, **options: Any) -> dict[str, Any]:
    return evaluate({"stat": stat, "data": data, "options": options})


def like(found: Any, expected: Any) -> Any:
    """Return what was found as it would be printed: with the decimals of the strings in what is expected."""
    if isinstance(expected, str) and isinstance(found, float):
        return printed(found, expected)
    if isinstance(expected, list) and isinstance(found, list):
        return [like(a, b) for a, b in zip(found, expected, strict=True)]
    return found


@pytest.mark.parametrize("row", table("requests"), ids=lambda row: f"{row['request']['stat']}: {row['source'][:40]}")
def test_published_numbers_come_out_to_the_printed_digits(row: dict[str, Any]) -> None:
    answer = evaluate(row["request"])
    expected = row["expected"]
    assert {name: like(answer.get(name), value) for name, value in expected.items()} == expected


@pytest.mark.parametrize("row", table("icc")["shrout_fleiss_1979"]["expected"], ids=lambda row: row["form"])
def test_the_six_forms_of_shrout_and_fleiss(row: dict[str, Any]) -> None:
    answer = ask("icc", {"ratings": RATINGS}, type=row["form"], missing="listwise")
    expected = {name: row[name] for name in ("value", "F", "df1", "df2", "ci")}
    assert {name: like(answer[name], value) for name, value in expected.items()} == expected


@pytest.mark.parametrize("row", table("kappa"), ids=lambda row: row["source"][:40])
def test_published_kappas(row: dict[str, Any]) -> None:
    kind = {} if isinstance(row["weights"], str) else {"weights_kind": "disagreement"}
    answer = ask("cohen_kappa", {"table": row["table"]}, weights=row["weights"], **kind)
    assert like(answer["value"], row["expected"]["value"]) == row["expected"]["value"]


def test_weights_of_agreement_are_one_minus_those_of_disagreement() -> None:
    counts = {"table": [[88, 14, 18], [10, 40, 10], [2, 6, 12]]}
    agreement = [[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]]
    disagreement = [[0, 2, 4], [2, 0, 3], [4, 3, 0]]
    assert ask("cohen_kappa", counts, weights=agreement, weights_kind="agreement") == ask(
        "cohen_kappa", counts, weights=disagreement, weights_kind="disagreement"
    )


def test_a_logarithmic_comparison_is_given_as_ratios() -> None:
    # By hand: ratios 2 and 8 have logarithms whose mean is log 4, and whose SD is log 4 / sqrt 2.
    answer = ask("bland_altman", {"a": [2, 8], "b": [1, 1]}, log=True)
    assert answer["ratio"] == pytest.approx(4)
    assert answer["ratio_loa"] == pytest.approx([4 ** (1 - 1.96 / 2**0.5), 4 ** (1 + 1.96 / 2**0.5)])
    assert answer["ratio_ci"][0] < 4 < answer["ratio_ci"][1]


@pytest.mark.parametrize("unit", [1e-300, 1, 1e300])
def test_ratios_do_not_depend_on_the_unit_however_small(unit: float) -> None:
    pairs = {"a": [2 * unit, 8 * unit, 3 * unit], "b": [unit, unit, 4 * unit]}
    answer = ask("bland_altman", pairs, log=True)
    assert answer["mean_diff"] == pytest.approx(0.8283022, abs=1e-6)
    assert ask("within_subject_cv", {"replicates": [[1e-300, 1e300]]}, method="log")["undefined"]


def test_concordance_that_is_nearly_full_has_its_interval() -> None:
    answer = ask("lin_ccc", {"a": [1e300, 2e300, 3e300, 1], "b": [1e300, 2e300, 3e300, 2]})
    assert (answer["value"], answer["ci"]) == (1.0, [1.0, 1.0])


def test_replicates_may_differ_in_number_and_be_missing() -> None:
    # By hand: squares 0.5 of 1 degree of freedom and 2 of 2; one measurement says nothing.
    answer = ask("within_subject_sd", {"replicates": [[1, 2, None], [3, 4, 5], [6], []]})
    assert answer == {
        "value": pytest.approx((2.5 / 3) ** 0.5),
        "repeatability": pytest.approx(1.96 * 2**0.5 * (2.5 / 3) ** 0.5),
        "n": 2,
        "df": 3,
    }


def test_the_two_coefficients_of_variation() -> None:
    # By hand: CVs sqrt(2) / 9 and sqrt(2) / 11; logarithms log(10/8) and log(12/10) apart.
    replicates = {"replicates": [[8, 10], [10, 12]]}
    assert ask("within_subject_cv", replicates)["value"] == pytest.approx(((2 / 81 + 2 / 121) / 2) ** 0.5)
    # exp of the root of the mean of (0.2231436^2 + 0.1823216^2) / 2 over 2, less 1
    assert printed(ask("within_subject_cv", replicates, method="log")["value"], "0.00001") == "0.15497"


@pytest.mark.parametrize(
    ("a", "b", "value"),
    [([1, 1, 0, 0], [1, 0, 1, 0], 0.5), ([[0, 1], [1, 1]], [[0, 1], [0, True]], 0.8), ([1, None, 1], [1, 1, 0], 2 / 3)],
)
def test_dice_of_masks_of_any_dimension(a: Any, b: Any, value: float) -> None:
    assert ask("dice", {"a": a, "b": b})["value"] == value


CASES = [
    {"reader1": "A", "reader2": "B", "adjudicated": True, "selected": "A"},
    {"reader1": "A", "reader2": "B", "adjudicated": True, "selected": "reader2"},
    {"reader1": "B", "reader2": "A", "adjudicated": True, "selected": "A"},
    {"reader1": "A", "reader2": 7, "adjudicated": False},
]


def test_reader_metrics() -> None:
    answer = ask("reader_metrics", {"cases": CASES})
    kept = ("read", "adjudicated", "agreed", "agreement_rate", "disagreement_index")
    assert answer["adjudication_rate"] == 0.75
    assert {reader: [row[name] for name in kept] for reader, row in answer["readers"].items()} == {
        "7": [1, 0, 0, {"undefined": True, "reason": "No adjudication of this reader's cases is decided."}, 0.0],
        "A": [4, 3, 2, 2 / 3, 0.25],
        "B": [3, 3, 1, 1 / 3, 2 / 3],
    }


PD = "progression_date"


@pytest.mark.parametrize(
    ("second", "options", "needed"),
    [
        ({"bor": "PR", PD: "2026-03-10", "response_date": "2026-01-01"}, {}, []),
        ({"bor": "SD", PD: "2026-03-10"}, {}, ["bor", "response_date"]),
        ({"bor": "SD", PD: "2026-03-10"}, {"variables": [PD]}, []),
        ({"bor": "PR", PD: "2026-03-17"}, {"variables": ["bor", PD]}, [PD]),
        ({PD: "2026-03-17"}, {"variables": [PD], "date_window_days": 7}, []),
        ({PD: "2026-03-02"}, {"variables": [PD], "date_window_days": 7}, [PD]),
        ({PD: None}, {"variables": [PD], "date_window_days": 999}, [PD]),
    ],
)
def test_adjudication_is_needed_where_the_charters_variables_differ(
    second: dict[str, Any], options: dict[str, Any], needed: list[str]
) -> None:
    first = {"bor": "PR", PD: "2026-03-10", "response_date": "2026-01-01"}
    answer = ask("adjudication_needed", {"reader1": first, "reader2": second}, **options)
    assert answer == {"needed": bool(needed), "variables": needed}


@pytest.mark.parametrize(
    ("stat", "data", "options"),
    [
        ("icc", {"ratings": [[5, 5], [5, 5]]}, {"type": "ICC(2,1)"}),
        ("icc", {"ratings": [[5, None], [None, 5]]}, {"type": "ICC(1,k)"}),
        ("cohen_kappa", {"pairs": []}, {}),
        ("cohen_kappa", {"pairs": [[None, 1]]}, {"weights": "linear"}),
        ("cohen_kappa", {"pairs": [["SD", "SD"], ["SD", "SD"]]}, {}),
        ("cohen_kappa", {"table": [[3, 0], [0, 0]]}, {}),
        ("fleiss_kappa", {"counts": [[3, 0], [3, 0]]}, {}),
        ("fleiss_kappa", {"counts": [[1, 0], [0, 1]]}, {}),
        ("fleiss_kappa", {"counts": []}, {}),
        ("fleiss_kappa", {"ratings": [[1, None], [None, 2]]}, {}),
        ("krippendorff_alpha", {"ratings": [[1, 1], [1, 1]]}, {"level": "interval"}),
        ("krippendorff_alpha", {"ratings": [[1, None], [None, 1]]}, {"level": "nominal"}),
        ("krippendorff_alpha", {"ratings": [[1, 2], [-1, 2]]}, {"level": "ratio"}),
        ("gwet_ac1", {"ratings": [["a", "a"], ["a", "a"]]}, {}),
        ("gwet_ac1", {"ratings": [["a", None]]}, {}),
        ("gwet_ac1", {"pairs": [["a", None]]}, {"categories": ["a", "b"]}),
        ("gwet_ac1", {"table": [[0, 0], [0, 0]]}, {}),
        ("percent_agreement", {"pairs": [["a", None]]}, {}),
        ("bland_altman", {"a": [1], "b": [2]}, {}),
        ("bland_altman", {"a": [1, 0], "b": [2, 3]}, {"log": True}),
        ("bland_altman", {"a": [1e307, -9e307], "b": [-9e307, 9e307]}, {}),
        ("within_subject_sd", {"replicates": [[1], [2, None]]}, {}),
        ("within_subject_cv", {"replicates": [[1, -1]]}, {}),
        ("within_subject_cv", {"replicates": [[1, 0]]}, {"method": "log"}),
        ("lin_ccc", {"a": [1, 1], "b": [1, 1]}, {}),
        ("lin_ccc", {"a": [1, None], "b": [1, 2]}, {}),
        ("dice", {"a": [0, 0], "b": [0, 0]}, {}),
        ("dice", {"a": [], "b": []}, {}),
        ("kaplan_meier", {"time": [], "event": []}, {}),
        ("kaplan_meier", {"time": [None], "event": [1]}, {}),
        ("logrank", {"time": [1, 2], "event": [1, 1], "group": ["a", "a"]}, {}),
        ("logrank", {"time": [1, 2], "event": [0, 0], "group": ["a", "b"]}, {}),
        ("logrank", {"time": [1, 2], "event": [0, 1], "group": ["a", "b"]}, {}),
        ("proportion_ci", {"x": 0, "n": 0}, {}),
        ("reader_metrics", {"cases": []}, {}),
    ],
)  # fmt: skip
def test_a_statistic_that_does_not_exist_is_undefined_with_a_reason(stat: str, data: Any, options: Any) -> None:
    answer = ask(stat, data, **options)
    assert answer.keys() == {"undefined", "reason"}
    assert answer["undefined"] is True
    assert answer["reason"].endswith(".")


ONE = {"reader1": "A", "reader2": "B", "adjudicated": False}


@pytest.mark.parametrize(
    ("stat", "data", "options"),
    [
        ("mode", {}, {}),
        (None, {}, {}),
        (["icc"], {}, {}),
        ("icc", None, {}),
        ("icc", [], {}),
        ("icc", {}, {"type": "ICC(1,1)"}),
        ("icc", {"ratings": RATINGS}, {}),
        ("icc", {"ratings": RATINGS}, {"type": "ICC(4,1)"}),
        ("icc", {"ratings": RATINGS}, {"type": 2}),
        ("icc", {"ratings": RATINGS}, {"type": "ICC(1,1)", "missing": "pairwise"}),
        ("icc", {"ratings": RATINGS}, {"type": "ICC(1,1)", "weights": "linear"}),
        ("icc", {"ratings": RATINGS}, {"type": "ICC(1,1)", "confidence": 95}),
        ("icc", {"ratings": RATINGS}, {"type": "ICC(1,1)", "confidence": "0.95"}),
        ("icc", {"ratings": RATINGS}, {"type": "ICC(1,1)", "confidence": True}),
        ("icc", {"ratings": [[1, 2], [3]]}, {"type": "ICC(1,1)"}),
        ("icc", {"ratings": [1, 2]}, {"type": "ICC(1,1)"}),
        ("icc", {"ratings": [["1", 2], [3, 4]]}, {"type": "ICC(1,1)"}),
        ("icc", {"ratings": [[True, 2], [3, 4]]}, {"type": "ICC(1,1)"}),
        ("cohen_kappa", {}, {}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]], "pairs": [[1, 2]]}, {}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]]}, {"weights": "cubic"}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]]}, {"weights": [[0, 1]]}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]]}, {"weights": [[1, 0], [0, 1]]}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]]}, {"weights": [[0, 1], [1, 0]], "weights_kind": "agreement"}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]]}, {"weights": [[0, 1], [1, 0]], "weights_kind": "distance"}),
        ("cohen_kappa", {"table": [[1, 2], [3, 4]]}, {"categories": ["a", "b", "c"]}),
        ("cohen_kappa", {"table": [[1, 2], [3, None]]}, {}),
        ("cohen_kappa", {"table": [[1, 2], [3, -4]]}, {}),
        ("cohen_kappa", {"table": [[1, 2, 3], [3, 4, 5]]}, {}),
        ("cohen_kappa", {"pairs": [["a", "b"], ["b", "b"]]}, {"weights": "linear"}),
        ("cohen_kappa", {"pairs": [["a", "b", "c"]]}, {}),
        ("cohen_kappa", {"pairs": [["a", ["b"]]]}, {}),
        ("cohen_kappa", {"pairs": [["a", "b"]]}, {"categories": ["a", "c"]}),
        ("cohen_kappa", {"pairs": [["a", "b"]]}, {"categories": ["a", "b", "a"]}),
        ("cohen_kappa", {"pairs": [["a", "b"]]}, {"categories": ["a", "b", None]}),
        ("cohen_kappa", {"pairs": [["a", "b"]]}, {"missing": "listwise"}),
        ("fleiss_kappa", {"counts": [[1, 2], [2, 2]]}, {}),
        ("fleiss_kappa", {"counts": [[1, 2], [3]]}, {}),
        ("fleiss_kappa", {"counts": [[1.5, 1.5]]}, {}),
        ("fleiss_kappa", {"ratings": [["a", "b"], ["a"]]}, {}),
        ("fleiss_kappa", {"ratings": [["a", "b"]]}, {"categories": ["a"]}),
        ("krippendorff_alpha", {"ratings": [[1, 2], [1, 2]]}, {}),
        ("krippendorff_alpha", {"ratings": [[1, 2], [1, 2]]}, {"level": "cardinal"}),
        ("krippendorff_alpha", {"ratings": [["a", "b"], ["a", "b"]]}, {"level": "interval"}),
        ("krippendorff_alpha", {"ratings": [["a", "b"], ["a", "b"]]}, {"level": "ordinal"}),
        ("krippendorff_alpha", {"ratings": [[1, 2], [1]]}, {"level": "nominal"}),
        ("gwet_ac1", {"pairs": [["a", None], ["x", "a"]]}, {"categories": ["a", "b"]}),
        ("gwet_ac1", {"ratings": [["a"], ["a", "b"]]}, {}),
        ("percent_agreement", {"pairs": "ab"}, {}),
        ("bland_altman", {"a": [1, 2], "b": [1]}, {}),
        ("bland_altman", {"a": [1, 2], "b": [1, 2]}, {"multiplier": 0}),
        ("bland_altman", {"a": [1, 2], "b": [1, 2]}, {"multiplier": "2"}),
        ("bland_altman", {"a": [1, 2], "b": [1, 2]}, {"log": "yes"}),
        ("bland_altman", {"a": [1, 2], "b": [1, 2]}, {"limit_variance": "2016"}),
        ("within_subject_sd", {"replicates": [1, 2]}, {}),
        ("within_subject_cv", {"replicates": [[1, 2]]}, {"method": "mean"}),
        ("lin_ccc", {"a": [1, 2], "b": [1, 2]}, {"ci": "bootstrap"}),
        ("dice", {"a": [1, 2], "b": [1, 0]}, {}),
        ("dice", {"a": [1, 0], "b": [1]}, {}),
        ("dice", {"a": [[1, 0]], "b": [1, 0]}, {}),
        ("dice", {"a": [1, "1"], "b": [1, 0]}, {}),
        ("kaplan_meier", {"time": [1, 2], "event": [1]}, {}),
        ("kaplan_meier", {"time": [-1, 2], "event": [1, 1]}, {}),
        ("kaplan_meier", {"time": [1, 2], "event": [1, 2]}, {}),
        ("kaplan_meier", {"time": [1, 2], "event": [1, 0]}, {"ci": "log"}),
        ("logrank", {"time": [1, 2], "event": [1, 0], "group": ["a"]}, {}),
        ("logrank", {"time": [1, 2], "event": [1, 0], "group": [["a"], "b"]}, {}),
        ("proportion_ci", {"x": 3, "n": 2}, {}),
        ("proportion_ci", {"x": -1, "n": 2}, {}),
        ("proportion_ci", {"x": 0.5, "n": 2}, {}),
        ("proportion_ci", {"x": None, "n": 2}, {}),
        ("proportion_ci", {"x": 1, "n": 2}, {"method": "wald"}),
        ("reader_metrics", {"cases": [None]}, {}),
        ("reader_metrics", {"cases": [ONE | {"reader2": None}]}, {}),
        ("reader_metrics", {"cases": [ONE | {"reader2": "A"}]}, {}),
        ("reader_metrics", {"cases": [ONE | {"adjudicated": "no"}]}, {}),
        ("reader_metrics", {"cases": [ONE | {"adjudicated": None}]}, {}),
        ("reader_metrics", {"cases": [ONE | {"selected": "A"}]}, {}),
        ("reader_metrics", {"cases": [ONE | {"adjudicated": True, "selected": "C"}]}, {}),
        ("adjudication_needed", {"reader1": {"bor": "PR"}}, {}),
        ("adjudication_needed", {"reader1": {}, "reader2": {}}, {"variables": ["weight"]}),
        ("adjudication_needed", {"reader1": {}, "reader2": {}}, {"variables": "bor"}),
        ("adjudication_needed", {"reader1": {}, "reader2": {}}, {"date_window_days": -1}),
        ("adjudication_needed", {"reader1": {}, "reader2": {}}, {"date_window_days": 1.5}),
        ("adjudication_needed", {"reader1": {"progression_date": "20260301"}, "reader2": {}}, {}),
        ("adjudication_needed", {"reader1": {"progression_date": "2026-02-30"}, "reader2": {}}, {}),
        ("adjudication_needed", {"reader1": {"progression_date": 20260301}, "reader2": {}}, {}),
    ],
)  # fmt: skip
def test_a_request_that_breaks_the_contract_is_refused_with_a_sentence(stat: Any, data: Any, options: Any) -> None:
    with pytest.raises(HouseError) as refusal:
        evaluate({"stat": stat, "data": data, "options": options})
    assert refusal.value.message.endswith(".")


def test_masks_without_end_are_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(HouseError, match="nested too deeply"):
        ask("dice", {"a": [deep], "b": [deep]})


def test_options_may_be_absent_or_null_and_are_an_object() -> None:
    request = {"stat": "percent_agreement", "data": {"pairs": [[1, 1], [1, 2]]}}
    assert evaluate(request)["value"] == evaluate(request | {"options": None})["value"] == 0.5
    with pytest.raises(HouseError):
        evaluate(request | {"options": []})


def test_numbers_are_one_category_however_they_are_written() -> None:
    assert ask("percent_agreement", {"pairs": [[1, 1.0], [2, 3]]})["value"] == 0.5


def test_true_is_a_name_and_not_the_number_1() -> None:
    assert ask("percent_agreement", {"pairs": [[True, 1], [True, True]]})["value"] == 0.5


def test_the_order_of_numbers_is_their_own_and_that_of_names_is_declared() -> None:
    pairs = [[10, 9], [2, 2], [9, 2], [2, 10]]
    named = [[{2: "low", 9: "middle", 10: "high"}[x] for x in both] for both in pairs]
    expected = ask("cohen_kappa", {"pairs": named}, weights="linear", categories=["low", "middle", "high"])
    assert ask("cohen_kappa", {"pairs": pairs}, weights="linear") == expected


def test_a_median_is_the_middle_of_the_time_at_exactly_one_half() -> None:
    # R survival and SAS: survival is 0.5 from time 4 to time 10, so that the median is 7.
    answer = ask("kaplan_meier", {"time": [2, 4, 10, 12], "event": [1, 1, 1, 1]})
    assert answer["median"] == 7


def test_a_median_that_is_not_reached_is_null_with_its_reason() -> None:
    answer = ask("kaplan_meier", {"time": [2, 4, 10], "event": [1, 0, 0]})
    assert (answer["median"], answer["median_reason"]) == (None, "Survival does not fall to one half.")


def test_every_statistic_of_the_contract_is_there_and_has_a_number_to_equal() -> None:
    published = {row["request"]["stat"] for row in table("requests")}
    by_hand = {"icc", "percent_agreement", "within_subject_cv", "dice", "reader_metrics", "adjudication_needed"}
    assert set(STATISTICS) == published | by_hand


def test_no_refusal_repeats_what_was_sent() -> None:
    for stat in STATISTICS:
        with pytest.raises(HouseError) as refusal:
            ask(stat, {"SECRET": "SECRET"}, SECRET="SECRET")
        assert "SECRET" not in json.dumps(refusal.value.message)
