"""Progression-free survival and duration of response, by the rows of FDA's Table A and to the day."""

from __future__ import annotations

from typing import Any

import pytest

from reading.criteria import get
from reading.criteria.endpoints import Censoring, Observation, duration_of_response, progression_free_survival
from reading.criteria.results import DatedResponse

pytestmark = pytest.mark.requirement("REQ-CRI-007")

PR_THEN_PD = [(56, "PR"), (112, "PR"), (168, "PD")]


def lasted(
    visits: list[tuple[int, str]], rules: dict[str, Any] | None = None, pack: Any = None, **seen: Any
) -> tuple[Any, Any]:
    """PFS as (event, last day, days), and duration of response as (event, first day, last day, days) or None."""
    pack, censoring = pack or get("RECIST 1.1"), Censoring(**(rules or {}))
    observation = Observation([DatedResponse(*visit) for visit in visits], **seen)
    survival = progression_free_survival(pack, observation, censoring)
    duration = duration_of_response(pack, observation, survival, censoring)
    return (survival.event, survival.end_day, survival.days), (
        None if duration is None else (duration.event, duration.start_day, duration.end_day, duration.days)
    )


@pytest.mark.parametrize(
    ("visits", "seen", "survival"),
    [
        pytest.param([(56, "SD"), (112, "PD")], {}, (True, 112, 113), id="progression"),
        pytest.param([(112, "PD"), (56, "SD")], {}, (True, 112, 113), id="in any order"),
        pytest.param([(56, "SD"), (112, "PD"), (168, "SD"), (224, "PD")], {}, (True, 112, 113), id="the first PD"),
        pytest.param([(56, "SD"), (112, "SD"), (168, "NE")], {}, (False, 112, 113), id="no event: last evaluable"),
        pytest.param([(56, "NE")], {}, (False, 0, 1), id="no evaluable timepoint: first day"),
        pytest.param([], {}, (False, 0, 1), id="no timepoint: first day"),
        pytest.param([], {"death_day": 40}, (True, 40, 41), id="death before the first timepoint"),
        pytest.param([(56, "SD")], {"death_day": 90}, (True, 90, 91), id="death between timepoints"),
        pytest.param([(56, "SD"), (112, "PD")], {"death_day": 130}, (True, 112, 113), id="PD before death"),
        pytest.param(PR_THEN_PD, {"baseline_evaluable": False}, (False, 0, 1), id="no baseline"),
        pytest.param(
            [(56, "SD"), (112, "NE"), (168, "PD")], {"new_therapy_day": 130}, (False, 56, 57), id="new therapy first"
        ),
        pytest.param([(56, "SD"), (112, "SD")], {"new_therapy_day": 90}, (False, 56, 57), id="new therapy, no event"),
        pytest.param([(56, "SD"), (112, "PD")], {"new_therapy_day": 112}, (True, 112, 113), id="PD that very day"),
        pytest.param([(56, "SD")], {"new_therapy_day": 60, "death_day": 70}, (False, 56, 57), id="death after it"),
        pytest.param([(56, "SD")], {"new_therapy_day": 20}, (False, 0, 1), id="new therapy before any timepoint"),
    ],
)
def test_survival(visits: list[tuple[int, str]], seen: dict[str, Any], survival: Any) -> None:
    assert lasted(visits, **seen)[0] == survival


@pytest.mark.parametrize(
    ("visits", "seen", "limit", "survival"),
    [
        pytest.param([(56, "SD"), (176, "PD")], {}, 120, (True, 176, 177), id="at the limit"),
        pytest.param([(56, "SD"), (177, "PD")], {}, 120, (False, 56, 57), id="one day over it"),
        pytest.param([(56, "SD"), (112, "NE"), (177, "PD")], {}, 120, (False, 56, 57), id="NE is a missed visit"),
        pytest.param([(56, "SD")], {"death_day": 177}, 120, (False, 56, 57), id="death after missed visits"),
        pytest.param([(177, "SD")], {"death_day": 177}, 120, (True, 177, 178), id="death on the day of a visit"),
        pytest.param([(121, "PD")], {}, 120, (False, 0, 1), id="from the start"),
        pytest.param([(56, "SD"), (300, "SD"), (356, "PD")], {}, 120, (True, 356, 357), id="an earlier gap is none"),
        pytest.param([(56, "SD"), (900, "PD")], {}, None, (True, 900, 901), id="no limit"),
    ],
)
def test_missed_visits(visits: list[tuple[int, str]], seen: dict[str, Any], limit: int | None, survival: Any) -> None:
    assert lasted(visits, {"missed_visit_limit_days": limit}, **seen)[0] == survival


def test_a_trial_may_count_every_event() -> None:
    everything = {"new_therapy": False, "no_baseline": False}
    seen = {"new_therapy_day": 130, "baseline_evaluable": False}
    assert lasted(PR_THEN_PD, everything, **seen) == ((True, 168, 169), (True, 56, 168, 113))


@pytest.mark.parametrize(
    ("visits", "parameters", "seen", "duration"),
    [
        pytest.param(PR_THEN_PD, {}, {}, (True, 56, 168, 113), id="PR to PD"),
        pytest.param([(56, "PR"), (112, "PR")], {}, {}, (False, 56, 112, 57), id="PR goes on"),
        pytest.param([(56, "PR")], {}, {"death_day": 60}, (True, 56, 60, 5), id="PR to death"),
        pytest.param([(56, "SD"), (112, "PD"), (168, "PR")], {}, {}, None, id="no responder"),
        pytest.param(
            [(56, "PR"), (70, "SD"), (80, "SD"), (112, "PR"), (168, "PR"), (224, "PD")],
            {"confirmation_required": True},
            {},
            (True, 112, 224, 113),
            id="from the first of the confirmed pair",
        ),
        pytest.param([(56, "PR"), (112, "PD")], {"confirmation_required": True}, {}, None, id="not confirmed"),
        pytest.param([(56, "SD"), (112, "PR")], {}, {"new_therapy_day": 90}, None, id="response after new therapy"),
        pytest.param(PR_THEN_PD, {}, {"baseline_evaluable": False}, None, id="no baseline"),
    ],
)
def test_duration_of_response(
    visits: list[tuple[int, str]], parameters: dict[str, Any], seen: dict[str, Any], duration: Any
) -> None:
    assert lasted(visits, pack=get("RECIST 1.1", parameters), **seen)[1] == duration


@pytest.mark.parametrize(
    ("visits", "survival", "duration"),
    [
        pytest.param(
            [(56, "iPR"), (112, "iUPD"), (154, "iCPD")], (True, 112, 113), (True, 56, 112, 57), id="confirmed later"
        ),
        pytest.param(
            [(56, "iUPD"), (98, "iPR"), (154, "iSD")], (False, 154, 155), (False, 98, 154, 57), id="undone by iPR"
        ),
        pytest.param([(56, "iSD"), (112, "iUPD")], (True, 112, 113), None, id="never assessed again"),
    ],
)
def test_irecist_dates_progression_at_the_iupd(visits: list[tuple[int, str]], survival: Any, duration: Any) -> None:
    assert lasted(visits, pack=get("iRECIST")) == (survival, duration)


def test_it_says_by_which_rule_it_ended() -> None:
    observation = Observation([DatedResponse(56, "SD")], new_therapy_day=60)
    survival = progression_free_survival(get("RECIST 1.1"), observation, Censoring(missed_visit_limit_days=120))
    (step,) = survival.trace
    assert (step.rule, step.result) == ("censored_before_new_therapy", "censored on day 56")
    assert step.inputs == {
        "start": "day 0",
        "progression": "none",
        "death": "none",
        "new therapy": "day 60",
        "missed visit limit": "120 days",
    }
