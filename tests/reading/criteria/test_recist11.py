"""RECIST 1.1: the published tables in every combination, and worked examples, each with its source."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.recist11 import overall_response
from reading.criteria.values import InvalidRead, canonical_json
from tests.reading.criteria.build import cases, history, rows, sums

pytestmark = pytest.mark.requirement("REQ-CRI-001")

RECIST = get("RECIST 1.1")


def component(value: str) -> str | None:
    return None if value == "none" else value


def test_the_tables_are_complete() -> None:
    targets, nontargets = ("CR", "PR", "SD", "NE", "PD"), ("none", "CR", "NON-CR/NON-PD", "NE", "PD")
    assert [(r["target"], r["nontarget"], r["new_lesion"]) for r in rows("table1.csv")] == [
        (t, n, new) for t in targets for n in nontargets for new in ("no", "yes")
    ]
    assert {(r["nontarget"], r["new_lesion"]) for r in rows("table2.csv")} == {
        (n, new) for n in nontargets for new in ("no", "yes")
    }


@pytest.mark.parametrize("row", rows("table1.csv"), ids=lambda r: f"{r['target']}+{r['nontarget']}+{r['new_lesion']}")
def test_table_1(row: dict[str, str]) -> None:
    overall, table = overall_response(row["target"], component(row["nontarget"]), row["new_lesion"] == "yes")
    assert (overall, table) == (row["overall"], "Table 1")


@pytest.mark.parametrize("row", rows("table2.csv"), ids=lambda r: f"{r['nontarget']}+{r['new_lesion']}")
def test_table_2_and_no_disease(row: dict[str, str]) -> None:
    overall, _ = overall_response(None, component(row["nontarget"]), row["new_lesion"] == "yes")
    assert overall == row["overall"]


# From component response to what a reader would have entered, baseline 100 mm.
TARGET_READ: dict[str, Any] = {
    "CR": {"state": "ABSENT"},
    "PR": "70",
    "SD": "100",
    "NE": {"state": "NOT_EVALUABLE"},
    "PD": "120",
}
NONTARGET_READ = {"CR": "ABSENT", "NON-CR/NON-PD": "PRESENT", "NE": "NOT_EVALUABLE", "PD": "UNEQUIVOCAL_PD"}


@pytest.mark.parametrize("row", rows("table1.csv"), ids=lambda r: f"{r['target']}+{r['nontarget']}+{r['new_lesion']}")
def test_table_1_from_what_the_reader_entered(row: dict[str, str]) -> None:
    nontarget = component(row["nontarget"])
    entry: dict[str, Any] = {"day": 56, "targets": {"T1": TARGET_READ[row["target"]]}}
    if nontarget:
        entry["nontargets"] = {"N1": NONTARGET_READ[nontarget]}
    if row["new_lesion"] == "yes":
        entry["new"] = {"NL1": "UNEQUIVOCAL"}
    case = {"targets": [["T1", "LIVER", False, "100"]], "timepoints": [entry]}
    case |= {"nontargets": [["N1", "BONE", False]]} if nontarget else {}
    (response,) = RECIST.derive_subject(history(case)).timepoints
    assert (response.target, response.nontarget, response.overall) == (row["target"], nontarget, row["overall"])


EXAMPLES = cases("worked_examples.json")


@pytest.mark.parametrize("case", EXAMPLES, ids=[case["name"] for case in EXAMPLES])
def test_worked_example(case: dict[str, Any]) -> None:
    result = get("RECIST 1.1", case.get("parameters")).derive_subject(history(case)).to_json()
    derived = result | {
        name: [response[field] for response in result["timepoints"]]
        for name, field in {
            "sum": "sum_mm",
            "nadir": "nadir_mm",
            "percent_from_baseline": "percent_from_baseline",
            "percent_from_nadir": "percent_from_nadir",
            "target": "target",
            "nontarget": "nontarget",
            "new_lesion": "new_lesion",
            "overall": "overall",
        }.items()
    }
    given = {"name", "source", "parameters", "targets", "timepoints", "nontargets"}
    expected = {key: value for key, value in case.items() if key not in given}
    assert {key: derived[key] for key in expected} == expected


def test_a_response_says_by_which_rules_it_was_derived() -> None:
    result = RECIST.derive_subject(sums("100", "65"))
    (response,) = result.timepoints
    assert [(step.rule, step.clause, step.result) for step in response.trace] == [
        ("sum_of_diameters", "RECIST 1.1 §4.3.2", "65 mm"),
        ("target_partial_response", "RECIST 1.1 §4.3.1", "PR"),
        ("new_lesion", "RECIST 1.1 §4.3.5", "no"),
        ("overall_response", "RECIST 1.1 §4.4.1, Table 1", "PR"),
    ]
    assert response.trace[1].inputs == {
        "sum": "65 mm",
        "complete": "yes",
        "baseline": "100 mm",
        "nadir": "100 mm",
        "from_baseline": "-35.0%",
        "from_nadir": "-35.0%",
        "above_nadir": "-35 mm",
    }
    assert [step.rule for step in result.trace] == [
        "progression_day",
        "timepoints_counted",
        "confirmation",
        "minimum_duration_of_sd",
        "best_overall_response",
    ]


def test_every_response_carries_the_pack_its_version_and_the_digest_of_its_parameters() -> None:
    result = RECIST.derive_subject(sums("100", "65"))
    assert result.pack == RECIST.stamp == result.timepoints[0].pack
    assert (result.pack.criteria, result.pack.version) == ("RECIST 1.1", RECIST.version)
    assert result.settings["partial_response_continues"] is True


@pytest.mark.parametrize("case", EXAMPLES, ids=[case["name"] for case in EXAMPLES])
def test_deriving_again_gives_the_same_bytes_and_plain_json(case: dict[str, Any]) -> None:
    criteria = get("RECIST 1.1", case.get("parameters"))
    first, second = criteria.derive_subject(history(case)), criteria.derive_subject(history(case))
    assert canonical_json(first) == canonical_json(second)
    assert json.loads(canonical_json(first)) == first.to_json()


def test_a_timepoint_alone_is_derived_as_within_the_subject() -> None:
    subject = sums("100", "60", "66", "75")
    earlier: list[Any] = []
    for read in subject.timepoints:
        earlier.append(RECIST.derive_timepoint(subject.baseline, earlier, read))
    assert tuple(earlier) == RECIST.derive_subject(subject).timepoints


def test_what_proved_progression_is_named() -> None:
    case = {
        "targets": [["T1", "LIVER", False, "100"]],
        "nontargets": [["N1", "BONE", False]],
        "timepoints": [
            {
                "day": 56,
                "targets": {"T1": "130"},
                "nontargets": {"N1": "UNEQUIVOCAL_PD"},
                "new": {"NL1": "UNEQUIVOCAL"},
            }
        ],
    }
    (response,) = RECIST.derive_subject(history(case)).timepoints
    assert response.progression_by == ("target", "nontarget", "new_lesion")


def test_progression_measured_in_part_shows_no_percentages() -> None:
    case = EXAMPLES[[case["name"] for case in EXAMPLES].index("two of three lesions prove PD")]
    (response,) = RECIST.derive_subject(history(case)).timepoints
    assert (response.percent_from_baseline, response.percent_from_nadir) == (None, None)
    assert response.trace[1].rule == "target_progression_by_partial_sum"
    assert response.trace[0].inputs == {"T1": "45", "T2": "35", "T3": "not assessed"}


@pytest.mark.parametrize(
    ("mode", "overall"),
    [
        ("progression", ["CR", "PD", "PD"]),
        ("progression_if_confirmed", ["CR", "PR", "PR"]),
        ("sum_rule_only", ["CR", "PR", "PR"]),
    ],
)
def test_disease_after_a_single_cr_by_the_setting(mode: str, overall: list[str]) -> None:
    result = get("RECIST 1.1", {"disease_after_cr": mode}).derive_subject(sums("30", "0", "3", "3"))
    assert [response.overall for response in result.timepoints] == overall


def test_disease_after_a_confirmed_cr_is_progression_where_that_is_asked() -> None:
    criteria = get("RECIST 1.1", {"disease_after_cr": "progression_if_confirmed"})
    assert [r.overall for r in criteria.derive_subject(sums("30", "0", "0", "3")).timepoints] == ["CR", "CR", "PD"]


def test_a_chain_of_merges_is_measured_at_its_end() -> None:
    case = {
        "targets": [["T1", "LIVER", False, "20"], ["T2", "LIVER", False, "20"], ["T3", "LUNG", False, "20"]],
        "timepoints": [{"day": 56, "targets": {"T1": "50", "T2": {"merged_into": "T1"}, "T3": {"merged_into": "T2"}}}],
    }
    (response,) = RECIST.derive_subject(history(case)).timepoints
    assert (response.sum_mm, response.overall) == (Decimal(50), "SD")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"targets": {"T9": "10"}}, "Lesion T9 is not a target lesion of the baseline; record it elsewhere."),
        (
            {"targets": {"T1": {"merged_into": "T9"}}},
            "Lesion T9 is not a target lesion of the baseline; record it elsewhere.",
        ),
        (
            {"targets": {"T1": {"merged_into": "T1"}}},
            "Lesion T1 is merged in a circle; name the lesion that was measured.",
        ),
        (
            {"nontargets": {"T1": "PRESENT"}},
            "Lesion T1 is not a non-target lesion of the baseline; record it elsewhere.",
        ),
    ],
)
def test_entries_that_contradict_the_baseline_are_refused(entry: dict[str, Any], sentence: str) -> None:
    case = {"targets": [["T1", "LIVER", False, "20"]], "timepoints": [{"day": 56} | entry]}
    with pytest.raises(InvalidRead) as refusal:
        RECIST.derive_subject(history(case))
    assert str(refusal.value) == sentence
