"""PCWG3 bone scans: the 2+2 rule, scans after the first, and the date of progression."""

from __future__ import annotations

from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.pcwg3_bone import BoneHistory, BoneScan
from reading.criteria.results import DatedResponse
from reading.criteria.values import InvalidRead
from tests.reading.criteria.build import cases

pytestmark = pytest.mark.requirement("REQ-CRI-002")

CASES = cases("scans.json", "pcwg3_bone")


def history(case: dict[str, Any]) -> BoneHistory:
    """One letter is one lesion; null is a scan that cannot be evaluated."""
    scans = (
        BoneScan(f"V{number}", day, frozenset(seen or ""), seen is not None)
        for number, (day, seen) in enumerate(case["scans"], 1)
    )
    return BoneHistory(frozenset(case["baseline"]), tuple(scans))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_scans(case: dict[str, Any]) -> None:
    result = get("PCWG3 bone", case.get("parameters")).derive_subject(history(case))
    assert [scan.overall for scan in result.timepoints] == case["results"]
    assert result.progression_day == case["progression_day"]
    assert (result.bor == "PD") == (case["progression_day"] is not None)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_scans_in_another_order_and_stated_results_say_the_same(case: dict[str, Any]) -> None:
    pack, subject = get("PCWG3 bone", case.get("parameters")), history(case)
    result = pack.derive_subject(subject)
    assert pack.derive_subject(BoneHistory(subject.baseline, subject.scans[::-1])) == result
    if result.progression_day is not None:
        stated = [DatedResponse(scan.study_day, scan.overall) for scan in result.timepoints]
        assert pack.best_overall_response(stated).response == "PD"


@pytest.mark.parametrize(
    ("stated", "day"),
    [
        ([(56, "PDu"), (98, "PD")], 56),
        ([(56, "PDu"), (98, "NON-PD"), (154, "PDu"), (196, "NE"), (238, "PD")], 154),
        ([(56, "PDu"), (98, "NON-PD")], None),
        ([(56, "PDu")], None),
    ],
)
def test_stated_results_date_progression_where_it_was_first_suspected(stated: list[Any], day: int | None) -> None:
    assert get("PCWG3 bone").progression_day([DatedResponse(*visit) for visit in stated]) == day


@pytest.mark.parametrize(
    ("stated", "best"),
    [(["NON-PD", "PDu"], "NON-PD"), (["NED"], "NED"), (["NE"], "NE"), ([], "NE"), (["NED", "PD"], "PD")],
)
def test_a_bone_scan_shows_progression_or_none(stated: list[str], best: str) -> None:
    responses = [DatedResponse(56 * number, result) for number, result in enumerate(stated, 1)]
    assert get("PCWG3 bone").best_overall_response(responses).response == best


def test_it_says_which_lesions_confirmed() -> None:
    result = get("PCWG3 bone").derive_subject(history(CASES[0]))
    (step,) = result.timepoints[1].trace
    assert (step.rule, step.clause) == (
        "progression_confirmed",
        "PCWG3, bone: first post-treatment scan (2+2 rule)",
    )
    assert step.inputs == {"suspected at": "V1", "days since": "42", "additional": "e, f", "persisting": "c, d"}


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidRead):
        BoneHistory(frozenset(), (BoneScan("V1", 1, frozenset()), BoneScan("V2", 1, frozenset())))
    with pytest.raises(InvalidRead):
        get("PCWG3 bone").best_overall_response([DatedResponse(1, "SD")])
