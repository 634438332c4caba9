"""The choice of target lesions at baseline."""

from __future__ import annotations

from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.inputs import BaselineTarget
from reading.criteria.values import InvalidRead
from tests.reading.criteria.build import cases

pytestmark = pytest.mark.requirement("REQ-CRI-001")

CASES = cases("baseline.json")


def target(number: int, **entry: Any) -> BaselineTarget:
    return BaselineTarget(
        f"T{number}",
        entry["organ"],
        entry.get("nodal", False),
        entry.get("long_axis"),
        entry.get("short_axis"),
        entry.get("slice"),
        frozenset(entry.get("flags", ())),
        entry.get("modality", "CT"),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_baseline_rule(case: dict[str, Any]) -> None:
    check = get("RECIST 1.1").check_baseline([target(n, **entry) for n, entry in enumerate(case["targets"], 1)])
    assert [violation.code for violation in check.violations] == case["violations"]
    assert check.valid == (not case["violations"])


def test_a_violation_names_the_lesions_and_the_clause() -> None:
    check = get("RECIST 1.1").check_baseline([target(n, organ="LIVER", long_axis="20") for n in (3, 1, 2)])
    assert check.to_json()["violations"] == [
        {
            "code": "MAX_PER_ORGAN",
            "lesion_ids": ["T1", "T2", "T3"],
            "message": "3 targets are in liver; at most 2 may be (paired organs and all nodes count as one).",
            "clause": "RECIST 1.1 §4.2; EORTC questions and clarifications",
        }
    ]


@pytest.mark.parametrize(
    ("flag", "setting", "valid"),
    [
        ("IRRADIATED_NO_PROGRESSION", "always", True),
        ("IRRADIATED_PROGRESSED", "never", False),
    ],
)
def test_the_protocol_says_whether_irradiated_lesions_count(flag: str, setting: str, valid: bool) -> None:
    criteria = get("RECIST 1.1", {"irradiated_targets": setting})
    assert criteria.check_baseline([target(1, organ="LIVER", long_axis="30", flags=[flag])]).valid is valid


@pytest.mark.parametrize("entry", [{"flags": ["SHINY"]}, {"modality": "US"}])
def test_unknown_facts_are_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidRead):
        get("RECIST 1.1").check_baseline([target(1, organ="LIVER", long_axis="30", **entry)])
