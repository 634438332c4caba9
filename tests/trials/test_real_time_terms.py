"""Reads on a clock in the charter: what is left out is not stored, and what goes with nothing is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trials.charter import RECIST_TEMPLATE, Charter
from trials.charter.sections import CharterInvalid
from trials.real_time_terms import RealTimeTerms

WHOLE = {
    "reads": ["eligibility", "progression"],
    "eligibility_hours": 24,
    "eligibility_needs": "measurable_disease",
    "eligibility_to_site": "outcome",
    "progression_hours": 48,
    "progression_reads": "baseline",
    "progression_to_site": "detail",
    "rest": "weekends",
    "remind_hours": 3,
    "readers": "any",
    "sponsor_sees": "counts",
}


def content(**real_time: Any) -> dict[str, Any]:
    return {**copy.deepcopy(dict(RECIST_TEMPLATE)), "real_time": real_time}


def problems(**real_time: Any) -> list[str]:
    with pytest.raises(CharterInvalid) as refused:
        Charter.parse(content(**real_time))
    return refused.value.problems


def test_a_charter_without_them_stores_nothing_of_them() -> None:
    assert "real_time" not in Charter.parse(RECIST_TEMPLATE).content()
    assert Charter.parse(RECIST_TEMPLATE).real_time == RealTimeTerms()


def test_what_is_said_is_stored_as_it_was_said() -> None:
    assert Charter.parse(content(**WHOLE)).content()["real_time"] == WHOLE


def test_what_is_left_out_has_its_usual_value() -> None:
    terms = Charter.parse(content(reads=["eligibility", "progression"])).real_time

    assert (terms.hours("eligibility"), terms.hours("progression"), terms.remind) == (48, 72, 6)
    assert (terms.to_site("eligibility"), terms.to_site("progression")) == ("", "")


def test_terms_of_what_is_not_read_are_refused() -> None:
    assert problems(reads=["eligibility"], progression_hours=9) == [
        "real_time.progression_hours: progression is not verified by this charter"
    ]
    assert problems(reads=["progression"], eligibility_needs="measurable_disease") == [
        "real_time.eligibility_needs: eligibility is not read at once by this charter"
    ]
    assert problems(rest="weekends") == ["real_time.rest: nothing is read at once by this charter"]


def test_progression_needs_a_visit_after_the_baseline() -> None:
    one = content(reads=["progression"])
    with pytest.raises(CharterInvalid, match="progression needs a visit after the baseline"):
        Charter.parse({**one, "schedule": one["schedule"][:1]})


def test_readers_who_know_the_subject_do_not_read_it_twice() -> None:
    with pytest.raises(CharterInvalid, match="know a case that they have already"):
        Charter.parse({**content(reads=["eligibility"], readers="any"), "blinded_to": ["site"]})
