"""Readers watched while reading goes on, from small sets that are counted by hand."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.variability import AdjudicationMetrics, CaseOutcome, InvalidRatings, Undefined, adjudication_metrics
from reading.variability.control import PChart
from reading.variability.monitoring import (
    AdjudicationRates,
    DisagreementFlags,
    Reread,
    adjudication_rates,
    drift,
    flag_disagreement,
    read_times,
    reread_agreement,
    reread_repeatability,
)

pytestmark = pytest.mark.requirement("REQ-VAR-003")

MARCH, APRIL = dt.date(2026, 3, 31), dt.date(2026, 4, 1)
BOR, PD = "best_overall_response", "progression_date"
CASES = [
    CaseOutcome("bo", "ada", True, "ada", site="S1", read_on=MARCH, triggers=(BOR, PD)),
    CaseOutcome("ada", "bo", True, "ada", site="S2", read_on=MARCH, triggers=(PD,)),
    CaseOutcome("ada", "bo", False, site="S2", read_on=MARCH),
    CaseOutcome("ada", "cy", False, site="S1", read_on=APRIL),
    CaseOutcome("ada", "cy", True, None, triggers=(BOR, BOR)),
]


def counts(chart: PChart | Undefined) -> dict[str, tuple[int, int]]:
    assert isinstance(chart, PChart)
    return {point.label: (point.x, point.n) for point in chart.points}


def test_rates_are_counted_by_everything_that_cases_have_in_common() -> None:
    rates = adjudication_rates(CASES)
    assert isinstance(rates, AdjudicationRates)
    assert (rates.overall.x, rates.overall.n, rates.overall.method) == (3, 5, "wilson")
    assert counts(rates.by_reader) == {"ada": (3, 5), "bo": (2, 3), "cy": (1, 2)}
    assert counts(rates.by_pair) == {"ada + bo": (2, 3), "ada + cy": (1, 2)}
    assert counts(rates.by_site) == {"S1": (1, 2), "S2": (1, 2)}
    assert counts(rates.by_month) == {"2026-03": (2, 3), "2026-04": (0, 1)}
    assert {name: (rate.x, rate.n) for name, rate in rates.by_trigger.items()} == {BOR: (2, 5), PD: (2, 5)}


def test_the_centre_of_the_readers_chart_is_the_rate_of_all_cases() -> None:
    rates = adjudication_rates(CASES)
    assert isinstance(rates, AdjudicationRates)
    assert isinstance(rates.by_reader, PChart)
    assert rates.by_reader.centre == rates.overall.value


def test_cases_of_which_no_site_is_told_have_no_chart_by_site() -> None:
    rates = adjudication_rates([CaseOutcome("ada", "bo", False)])
    assert isinstance(rates, AdjudicationRates)
    assert rates.by_site == Undefined("There are no cases, so there is no rate.")
    assert isinstance(adjudication_rates([]), Undefined)


def metrics(*against: int, read: int = 20) -> AdjudicationMetrics:
    """Return metrics of readers against each of whom the adjudicator sided so often; `x` is always right."""
    cases = [
        CaseOutcome(f"r{i}", "x", adjudicated=j < lost, selected="x" if j < lost else None)
        for i, lost in enumerate(against)
        for j in range(read)
    ]
    found = adjudication_metrics(cases)
    assert isinstance(found, AdjudicationMetrics)
    return found


def test_a_reader_more_than_one_sd_above_the_mean_is_flagged() -> None:
    flags = flag_disagreement(metrics(2, 2, 3, 9))
    assert isinstance(flags, DisagreementFlags)
    # By hand: indices .10, .10, .15, .45 and 0: mean .16, SD .171.
    assert (round(flags.mean, 3), round(flags.sd, 3), round(flags.limit, 3)) == (0.16, 0.171, 0.331)
    assert flags.flagged == ("r3",)


def test_equal_readers_are_not_flagged_and_two_cannot_be() -> None:
    even = [CaseOutcome(a, b, False) for a, b in (("a", "b"), ("b", "c"), ("c", "a"))]
    found = adjudication_metrics(even)
    assert isinstance(found, AdjudicationMetrics)
    assert flag_disagreement(found) == DisagreementFlags(0.0, 0.0, 0.0, ())
    assert isinstance(flag_disagreement(metrics(3)), Undefined)


def test_each_reader_is_compared_with_the_own_earlier_readings() -> None:
    rereads = [
        Reread("bo", "PR", "PR"),
        Reread("ada", "PR", "SD"),
        Reread("bo", "SD", "SD"),
        Reread("bo", "PD", None),
        Reread("ada", "PR", "PR"),
    ]
    found = reread_agreement(rereads, categories=["CR", "PR", "SD", "PD"])
    assert list(found) == ["ada", "bo"]
    told: dict[str, Any] = {reader: one.to_json() for reader, one in found.items()}
    assert [told[reader]["agreement"]["value"] for reader in told] == [0.5, 1.0]
    assert [told[reader]["agreement"]["n"] for reader in told] == [2, 2]
    assert [told[reader]["kappa"]["value"] for reader in told] == [0.0, 1.0]


def test_measurements_taken_twice_give_each_readers_repeatability() -> None:
    found = reread_repeatability([Reread("ada", 10.0, 12.0), Reread("ada", 30.0, 28.0), Reread("bo", 10.0, None)])
    # By hand: differences of 2 have a within-subject variance of 2.
    assert found["ada"].to_json()["value"] == pytest.approx(2**0.5)
    assert found["bo"] == Undefined("No subject was measured twice.")


def test_read_times_have_a_median_and_quartiles() -> None:
    # R, quantile(): 10, 12, 14, 30 has quartiles 11.5, 13 and 18.
    found = read_times({"bo": [30, 10, 14, 12], "ada": [7], "cy": []})
    assert {reader: one.to_json() for reader, one in found.items()} == {
        "ada": {"n": 1, "median": 7.0, "lower_quartile": 7.0, "upper_quartile": 7.0},
        "bo": {"n": 4, "median": 13.0, "lower_quartile": 11.5, "upper_quartile": 18.0},
    }
    with pytest.raises(InvalidRatings):
        read_times({"ada": [-1]})


def test_a_reader_who_drifts_is_told_from_one_who_does_not() -> None:
    steady = [1.0, -1.0] * 20
    moved = drift({"steady": steady, "drifting": steady[:20] + [x + 3 for x in steady[20:]]}).to_json()
    readers: Any = moved["readers"]
    assert readers["steady"]["alarms"] == []
    assert readers["drifting"]["began"] == 20
    assert readers["drifting"]["alarms"][0] > 20


def test_readers_without_differences_have_no_drift() -> None:
    assert drift({"ada": [1.0]}).to_json() == {
        "sd": {"undefined": True, "reason": "No reader has two values to compare."},
        "readers": {"ada": {"undefined": True, "reason": "No reader has two values to compare."}},
    }


@st.composite
def outcomes(draw: st.DrawFn) -> CaseOutcome:
    one, two = draw(st.permutations(["ada", "bo", "cy"]))[:2]
    adjudicated = draw(st.booleans())
    return CaseOutcome(
        one,
        two,
        adjudicated,
        draw(st.sampled_from([None, one, two])) if adjudicated else None,
        site=draw(st.sampled_from([None, "S1", "S2"])),
        read_on=draw(st.none() | st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31))),
        triggers=tuple(draw(st.lists(st.sampled_from([BOR, PD]), max_size=2))) if adjudicated else (),
    )


@given(cases=st.lists(outcomes(), max_size=20))
def test_every_chart_adds_up_to_the_cases_and_is_json(cases: list[CaseOutcome]) -> None:
    rates = adjudication_rates(cases)
    json.dumps(rates.to_json(), allow_nan=False)
    if isinstance(rates, AdjudicationRates):
        assert sum(n for _, n in counts(rates.by_reader).values()) == 2 * len(cases)
        assert sum(n for _, n in counts(rates.by_pair).values()) == len(cases)
        dated = [case for case in cases if case.read_on]
        assert sum(n for _, n in counts(rates.by_month).values()) == len(dated) if dated else True
