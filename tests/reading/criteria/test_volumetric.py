"""Volumetric response: RECIST carried over to volumes, and a trial's own thresholds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reading.criteria import get
from reading.criteria.inputs import NewLesion, NewLesionState
from reading.criteria.quantities import QuantityHistory, QuantityRead
from reading.criteria.values import InvalidRead
from tests.reading.criteria.build import sums

pytestmark = pytest.mark.requirement("REQ-CRI-002")


def volumes(*timepoints: dict[str, Any], new: dict[int, str] | None = None) -> QuantityHistory:
    """The baseline's volumes, then one entry of volumes every 56 days; `new` says when which new lesion is seen."""
    baseline, *later = timepoints
    reads = []
    for number, entry in enumerate(later, 1):
        lesions = (NewLesion("NL1", NewLesionState(new[number])),) if new and number in new else ()
        reads.append(QuantityRead(f"V{number}", 56 * number, entry, lesions))
    return QuantityHistory(baseline, tuple(reads))


def overall(history: QuantityHistory, **parameters: Any) -> list[str]:
    return [response.overall for response in get("Volumetric", parameters).derive_subject(history).timepoints]


def test_the_thresholds_are_those_of_a_sphere() -> None:
    pack = get("Volumetric")
    assert pack.number("pr_decrease_percent") == 100 * (1 - Decimal("0.7") ** 3)
    assert pack.number("pd_increase_percent") == 100 * (Decimal("1.2") ** 3 - 1)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.decimals("0.5", "60", places=1) | st.just(Decimal(0)), min_size=2, max_size=6))
def test_one_sphere_is_judged_as_recist_judges_its_diameter(diameters: list[Decimal]) -> None:
    if not diameters[0]:
        diameters[0] = Decimal(10)
    linear = {"pd_absolute_mm": 0, "partial_response_continues": False, "disease_after_cr": "sum_rule_only"}
    expected = get("RECIST 1.1", linear).derive_subject(sums(*(str(diameter) for diameter in diameters)))
    # The factor from the cube of the diameter to the volume is the same everywhere, so it is left out.
    result = get("Volumetric").derive_subject(volumes(*({"T1": diameter**3} for diameter in diameters)))
    assert [r.overall for r in result.timepoints] == [r.overall for r in expected.timepoints]
    assert (result.bor, result.progression_day) == (expected.bor, expected.progression_day)


@pytest.mark.parametrize(
    ("volume", "response"),
    [("34.3", "PR"), ("34.4", "SD"), ("172.7", "SD"), ("172.8", "PD"), ("0", "CR"), (None, "NE")],
)
def test_the_thresholds_to_the_digit(volume: str | None, response: str) -> None:
    assert overall(volumes({"T1": "100"}, {"T1": volume})) == [response]


def test_the_measured_part_may_prove_progression_and_is_no_nadir() -> None:
    history = volumes({"T1": "60", "T2": "40"}, {"T1": "10"}, {"T1": "173"}, {"T1": "60", "T2": "40"})
    assert overall(history) == ["NE", "PD", "SD"]


def test_a_new_lesion_is_progression_unless_the_trial_says_otherwise() -> None:
    history = volumes({"T1": "100"}, {"T1": "100"}, {"T1": "100"}, new={1: "EQUIVOCAL", 2: "UNEQUIVOCAL"})
    assert overall(history) == ["SD", "PD"]
    assert overall(history, new_lesion_is_progression=False) == ["SD", "SD"]


def test_neurofibroma_by_20_percent_each_way() -> None:
    # REiNS, Dombi 2013: a change of 20% or more in volume is a decrease or an increase.
    rules = {"pr_decrease_percent": 20, "pd_increase_percent": 20}
    history = volumes({"T1": "100"}, {"T1": "80"}, {"T1": "95.9"}, {"T1": "96"})
    assert overall(history, **rules) == ["PR", "SD", "PD"]
    assert get("Volumetric", rules).derive_subject(history).bor == "PR"


def test_it_says_the_volumes_and_the_rule() -> None:
    (response,) = get("Volumetric").derive_subject(volumes({"T1": "100"}, {"T1": "30.5"})).timepoints
    assert response.to_json()["quantities"] == {"volume_ml": "30.5", "nadir_ml": "100"}
    assert response.percent_from_baseline == Decimal("-69.5")
    assert response.trace[0].rule == "volume_partial_response"


@pytest.mark.parametrize(
    "build",
    [
        lambda: volumes({}),
        lambda: volumes({"T1": None}),
        lambda: volumes({"T1": "-1"}),
        lambda: volumes({"T1": "1"}, {"T2": "1"}),
        lambda: QuantityHistory({"T1": Decimal(1)}, (QuantityRead("V1", 1, {}), QuantityRead("V2", 1, {}))),
        lambda: QuantityHistory({"T1": Decimal(1)}, (QuantityRead("V1", 1, {}), QuantityRead("V1", 2, {}))),
    ],
)
def test_what_contradicts_itself_is_refused(build: Any) -> None:
    with pytest.raises(InvalidRead):
        build()
