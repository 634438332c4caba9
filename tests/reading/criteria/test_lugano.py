"""Lugano 2014: each line of its table, by CT and by PET."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.inputs import (
    NewLesion,
    NewLesionState,
    NonTargetLesion,
    NonTargetState,
    NonTargetStatus,
    TargetState,
)
from reading.criteria.lugano_inputs import (
    LuganoHistory,
    LuganoMeasure,
    LuganoTarget,
    LuganoVisit,
    Marrow,
    PetScan,
    Uptake,
)
from reading.criteria.values import InvalidRead
from tests.reading.criteria.build import cases

pytestmark = pytest.mark.requirement("REQ-CRI-002")

CASES = cases("visits.json", "lugano")


def two(size: str) -> tuple[Decimal, Decimal]:
    long, short = size.split("x")
    return Decimal(long), Decimal(short)


def measure(name: str, entry: str) -> LuganoMeasure:
    return LuganoMeasure(name, *two(entry)) if "x" in entry else LuganoMeasure(name, state=TargetState(entry))


def visit(number: int, entry: dict[str, Any]) -> LuganoVisit:
    pet = entry.get("pet")
    return LuganoVisit(
        f"V{number}",
        56 * number,
        tuple(measure(*item) for item in entry["targets"].items()),
        tuple(NonTargetStatus(name, NonTargetState(said)) for name, said in entry.get("nonmeasured", {}).items()),
        (NewLesion("NL1", NewLesionState(entry["new"])),) if "new" in entry else (),
        Decimal(entry["spleen"]) if "spleen" in entry else None,
        Marrow(entry["marrow"]) if "marrow" in entry else None,
        None if pet is None else PetScan(pet[0], None if pet[1] is None else Uptake(pet[1]), pet[2]),
    )


def history(case: dict[str, Any]) -> LuganoHistory:
    """Nodes as targets, extranodal sites as extranodal; sizes as long x short, visits every 56 days."""
    nodes = [LuganoTarget(name, "LYMPH NODE", True, *two(size)) for name, size in case.get("targets", {}).items()]
    sites = [LuganoTarget(name, "LIVER", False, *two(size)) for name, size in case.get("extranodal", {}).items()]
    return LuganoHistory(
        (*nodes, *sites),
        tuple(visit(number, entry) for number, entry in enumerate(case["visits"], 1)),
        tuple(NonTargetLesion(name) for name in case.get("nonmeasured", [])),
        Decimal(case["spleen"]) if "spleen" in case else None,
        case.get("marrow_involved", False),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_table_3(case: dict[str, Any]) -> None:
    result = get("Lugano 2014", case.get("parameters")).derive_subject(history(case))
    derived = {
        "ct": [response.target for response in result.timepoints],
        "overall": [response.overall for response in result.timepoints],
        "by": [list(response.progression_by) for response in result.timepoints],
        "spd": [response.to_json()["quantities"]["spd_mm2"] for response in result.timepoints],
        "bor": result.bor,
        "progression_day": result.progression_day,
    }
    expected = {"overall": case["ct"]} | {name: case[name] for name in derived if name in case}
    assert {name: derived[name] for name in expected} == expected


def test_it_says_what_ct_and_pet_said() -> None:
    case = CASES[[case["name"] for case in CASES].index("PET decides where it was done")]
    first = get("Lugano 2014").derive_subject(history(case)).timepoints[0]
    assert [(step.rule, step.result) for step in first.trace] == [
        ("ct_response", "SD"),
        ("pet_response", "CR"),
        ("overall_response", "CR"),
    ]
    assert first.trace[0].inputs["A"] == "35 x 20"


def test_the_order_of_visits_does_not_matter() -> None:
    for case in CASES:
        subject = history(case)
        other = LuganoHistory(
            subject.targets[::-1], subject.visits[::-1], subject.nonmeasured, subject.spleen_mm, subject.marrow_involved
        )
        pack = get("Lugano 2014", case.get("parameters"))
        overall = [response.overall for response in pack.derive_subject(subject).timepoints]
        assert [response.overall for response in pack.derive_subject(other).timepoints] == overall


@pytest.mark.parametrize(
    "build",
    [
        lambda: LuganoTarget("A", "LYMPH NODE", True, Decimal(10), Decimal(20)),
        lambda: LuganoTarget("A", "LYMPH NODE", True, Decimal(10), Decimal(0)),
        lambda: LuganoMeasure("A", Decimal(10)),
        lambda: LuganoMeasure("A", Decimal(10), Decimal(5), TargetState.ABSENT),
        lambda: PetScan(0),
        lambda: history({"targets": {"A": "20x10"}, "visits": [{"targets": {"B": "20x10"}}]}),
        lambda: history({"targets": {"A": "20x10"}, "nonmeasured": ["A"], "visits": []}),
    ],
)
def test_what_contradicts_itself_is_refused(build: Any) -> None:
    with pytest.raises(InvalidRead):
        build()
