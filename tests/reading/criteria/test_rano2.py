"""RANO 2.0: each rule from a table with its source, and what holds for any history."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.best_lasting import Rano
from reading.criteria.inputs import NewLesion, NonTargetLesion, NonTargetStatus, TargetState
from reading.criteria.rano2 import combined
from reading.criteria.rano_inputs import Component, Course, RanoHistory, RanoMeasure, RanoTarget, RanoVisit, Steroids
from reading.criteria.requests import answer
from reading.criteria.results import DatedResponse
from reading.criteria.values import InvalidRead, canonical_json
from reading.management.jsonlines import request_of
from tests.reading.criteria.build import cases, rows
from tests.reading.criteria.random_histories import rano

pytestmark = pytest.mark.requirement("REQ-CRI-002")

CASES = cases("subjects.json", "rano2")


def size_of(text: str) -> Decimal:
    long, _, across = text.partition("x")
    return Decimal(long) * Decimal(across or 1)


def measure(lesion: str, entry: str) -> RanoMeasure:
    return RanoMeasure(lesion, state=TargetState(entry)) if entry.isupper() else RanoMeasure(lesion, size_of(entry))


def visit(number: int, entry: dict[str, str], case: dict[str, Any]) -> RanoVisit:
    lesions = {**case.get("targets", {}), **case.get("non_ce", {})}
    return RanoVisit(
        f"V{number}",
        case.get("every", 56) * number,
        tuple(measure(name, entry[name]) for name in lesions if name in entry),
        tuple(NonTargetStatus(name, entry[name]) for name in case.get("nontargets", []) if name in entry),
        (NewLesion("NEW", entry["new"]),) if "new" in entry else (),
        Steroids(entry.get("steroids", "NONE")),
        Course(entry.get("clinical", "NOT_WORSE")),
        Course(entry.get("t2_flair", "NOT_WORSE")),
    )


def history(case: dict[str, Any]) -> RanoHistory:
    own = Component.NON_CE if case.get("options", {}).get("disease") == "non_CE" else Component.CE
    targets = [RanoTarget(name, own, size_of(size)) for name, size in case.get("targets", {}).items()]
    targets += [RanoTarget(name, Component.NON_CE, size_of(size)) for name, size in case.get("non_ce", {}).items()]
    return RanoHistory(
        tuple(targets),
        tuple(visit(number, entry, case) for number, entry in enumerate(case["visits"], 1)),
        tuple(NonTargetLesion(name) for name in case.get("nontargets", [])),
        case.get("radiotherapy"),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_table_of_subjects(case: dict[str, Any]) -> None:
    pack = get("RANO 2.0", case.get("options"))
    result = pack.derive_subject(history(case))
    sizes = [pack.burden.of(response) for response in result.timepoints]
    derived: dict[str, Any] = {
        "overall": [response.overall for response in result.timepoints],
        "size": [None if size is None else f"{size.normalize():f}" for size in sizes],
        "bor": result.bor,
        "progression_day": result.progression_day,
    }
    expected = {name: case[name] for name in derived if name in case}
    assert {name: derived[name] for name in expected} == expected


@pytest.mark.parametrize("row", rows("mixed.csv", "rano2"), ids=lambda row: f"{row['ce']} and {row['non_ce']}")
def test_the_table_of_mixed_tumours(row: dict[str, str]) -> None:
    assert combined(Rano(row["ce"]), Rano(row["non_ce"])) == row["overall"]
    assert combined(Rano(row["non_ce"]), Rano(row["ce"])) == row["overall"]


def test_every_step_names_its_clause() -> None:
    for case in CASES:
        result = get("RANO 2.0", case.get("options")).derive_subject(history(case))
        steps = [step for response in result.timepoints for step in response.trace] + list(result.trace)
        assert all("RANO 2.0" in step.clause for step in steps)


def test_the_days_of_a_stated_sequence() -> None:
    pack = get("RANO 2.0")
    stated = [DatedResponse(day, overall) for day, overall in ((28, "PDu"), (56, "SD"), (84, "PDu"), (112, "PD"))]
    assert pack.progression_day(stated) == 84
    assert pack.best_overall_response(stated).response == "SD"
    with pytest.raises(InvalidRead):
        pack.best_overall_response([DatedResponse(28, "iUPD")])


# --- what holds for any history, over random ones -------------------------------------------------------------


def drawn(count: int = 150) -> list[dict[str, Any]]:
    dice = Random(20230915)
    return [rano(dice) for _ in range(count)]


def told(request: dict[str, Any]) -> dict[str, Any]:
    return answer(request_of(json.dumps(request).encode()))


def overall(answered: dict[str, Any]) -> list[str]:
    return [timepoint["overall"] for timepoint in answered["timepoints"]]


def test_the_order_of_lesions_and_timepoints_does_not_matter() -> None:
    for request in drawn():
        given = request["input"]
        baseline = {**given["baseline"], "targets": given["baseline"]["targets"][::-1]}
        turned = {**given, "baseline": baseline, "timepoints": given["timepoints"][::-1]}
        assert overall(told({**request, "input": turned})) == overall(told(request))


def test_a_missing_target_never_makes_a_response_of_progression() -> None:
    for request in drawn():
        before = told(request)
        for timepoint in request["input"]["timepoints"]:
            timepoint["targets"] = dict(list(timepoint["targets"].items())[1:])
        after = overall(told(request))
        progressed = [i for i, one in enumerate(before["timepoints"]) if one["overall"] in ("PD", "PDu")]
        first = progressed[0] if progressed else None
        assert first is None or after[first] not in ("CR", "PR", "MR")


def test_nothing_after_progression_counts() -> None:
    for request in drawn():
        whole = told(request)
        day = whole["progression_date"]
        if day is None:
            continue
        last = next(t["date"] for t, o in zip(request["input"]["timepoints"], overall(whole), strict=True) if o == "PD")
        kept = [t for t in request["input"]["timepoints"] if t["date"] <= last]
        cut = told({**request, "input": {**request["input"], "timepoints": kept}})
        assert (cut["bor"], cut["progression_date"]) == (whole["bor"], day)


def test_scaling_every_diameter_leaves_all_responses() -> None:
    def scaled(entry: dict[str, Any]) -> dict[str, Any]:
        return {name: round(3 * value, 2) if name in ("long", "across") else value for name, value in entry.items()}

    for request in drawn():
        given = request["input"]
        if any("state" in e and e["state"] == "TOO_SMALL" for t in given["timepoints"] for e in t["targets"].values()):
            continue
        larger = {
            **given,
            "baseline": {**given["baseline"], "targets": [scaled(one) for one in given["baseline"]["targets"]]},
            "timepoints": [
                {**t, "targets": {name: scaled(entry) for name, entry in t["targets"].items()}}
                for t in given["timepoints"]
            ],
        }
        assert overall(told({**request, "input": larger})) == overall(told(request))


def test_deriving_again_gives_the_same_bytes() -> None:
    for case in CASES:
        pack = get("RANO 2.0", case.get("options"))
        assert canonical_json(pack.derive_subject(history(case))) == canonical_json(pack.derive_subject(history(case)))


# --- the form --------------------------------------------------------------------------------------------------


def test_the_form_asks_only_for_what_the_charter_evaluates() -> None:
    def asked(**settings: Any) -> tuple[list[str], list[str]]:
        form = get("RANO 2.0", settings).form()
        return [field.name for field in form.lesions[0].fields], [question.name for question in form.questions]

    assert asked() == (["diameter_mm", "across_mm"], ["since_radiotherapy_days", "steroids", "clinical"])
    assert asked(measure="volumes", disease="mixed", clinical_data=False, baseline_scan="pretreatment") == (
        ["volume_ml", "component"],
        [],
    )
    assert asked(t2_flair=True)[1][-1] == "t2_flair"
    assert asked(t2_flair=True, disease="non_CE")[1][-1] == "clinical"


@pytest.mark.parametrize(
    "build",
    [
        lambda: RanoTarget("A", Component.CE, Decimal(0)),
        lambda: RanoMeasure("A", Decimal(10), TargetState.ABSENT),
        lambda: history({"targets": {"A": "20x10"}, "nontargets": ["A"], "visits": []}),
        lambda: RanoHistory((), (RanoVisit("V1", 28, (RanoMeasure("B", Decimal(4)),)),)),
    ],
)
def test_what_contradicts_itself_is_refused(build: Any) -> None:
    with pytest.raises(InvalidRead):
        build()
