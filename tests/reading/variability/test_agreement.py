"""Percent agreement, and what adjudication says of each reader."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.variability import (
    AdjudicationMetrics,
    CaseOutcome,
    InvalidRatings,
    PercentAgreement,
    Undefined,
    adjudication_metrics,
    percent_agreement,
)


def test_percent_agreement_is_over_complete_pairs() -> None:
    result = percent_agreement(["PR", "SD", "PD", None], ["PR", "PD", "PD", "PD"])
    assert result == PercentAgreement(value=2 / 3, agreed=2, n=3)


def test_no_complete_pair_has_no_percent_agreement() -> None:
    assert percent_agreement([None], ["PR"]) == Undefined("No case was read by both readers.")


CASES = [
    CaseOutcome("ada", "bo", adjudicated=True, selected="ada"),
    CaseOutcome("ada", "bo", adjudicated=True, selected="ada"),
    CaseOutcome("bo", "ada", adjudicated=True, selected="bo"),
    CaseOutcome("ada", "bo", adjudicated=False),
    CaseOutcome("ada", "cy", adjudicated=True),
]


def test_each_reader_is_measured_by_what_the_adjudicator_chose() -> None:
    # By hand: ada was accepted in 2 of 3 decided cases of 5 read; bo in 1 of 3 of 4; cy's one case is open.
    result = adjudication_metrics(CASES)
    assert isinstance(result, AdjudicationMetrics)
    assert result.to_json() == {
        "cases": 5,
        "adjudicated": 4,
        "adjudication_rate": 0.8,
        "readers": {
            "ada": {
                "read": 5,
                "adjudicated": 4,
                "decided": 3,
                "agreed": 2,
                "adjudication_rate": 0.8,
                "agreement_rate": 2 / 3,
                "disagreement_index": 0.2,
            },
            "bo": {
                "read": 4,
                "adjudicated": 3,
                "decided": 3,
                "agreed": 1,
                "adjudication_rate": 0.75,
                "agreement_rate": 1 / 3,
                "disagreement_index": 0.5,
            },
            "cy": {
                "read": 1,
                "adjudicated": 1,
                "decided": 0,
                "agreed": 0,
                "adjudication_rate": 1.0,
                "agreement_rate": {"undefined": True, "reason": "No adjudication of this reader's cases is decided."},
                "disagreement_index": 0.0,
            },
        },
    }


def test_no_case_has_no_metrics() -> None:
    assert adjudication_metrics([]) == Undefined("No case was read by two readers.")


@pytest.mark.parametrize(
    "case",
    [
        CaseOutcome("ada", "ada", adjudicated=False),
        CaseOutcome("ada", "bo", adjudicated=False, selected="ada"),
        CaseOutcome("ada", "bo", adjudicated=True, selected="cy"),
    ],
)
def test_a_case_that_contradicts_itself_is_refused(case: CaseOutcome) -> None:
    with pytest.raises(InvalidRatings):
        adjudication_metrics([case])


@st.composite
def outcomes(draw: Any) -> CaseOutcome:
    one, two = draw(st.permutations(["ada", "bo", "cy"]))[:2]
    adjudicated = draw(st.booleans())
    selected = draw(st.sampled_from([None, one, two])) if adjudicated else None
    return CaseOutcome(one, two, adjudicated, selected)


@given(cases=st.lists(outcomes(), min_size=1))
def test_every_decision_is_for_one_reader_and_against_the_other(cases: list[CaseOutcome]) -> None:
    result = adjudication_metrics(cases)
    assert isinstance(result, AdjudicationMetrics)
    decisions = sum(case.selected is not None for case in cases)
    assert sum(r.agreed for r in result.readers.values()) == decisions
    against = sum(r.disagreement_index * r.read for r in result.readers.values())
    assert against == pytest.approx(decisions)
