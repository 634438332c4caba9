"""What a charter says of the order in which a case is read, and what would give a drawn order away."""

from __future__ import annotations

import pytest

from trials.charter import RECIST_TEMPLATE, Charter, CharterInvalid

CT = RECIST_TEMPLATE["series"][0]["label"]


def read(**terms: object) -> Charter:
    return Charter.parse({**RECIST_TEMPLATE, "hanging": [], **terms})


def refused(**terms: object) -> list[str]:
    with pytest.raises(CharterInvalid) as refusal:
        read(**terms)
    return refusal.value.problems


def test_a_charter_of_before_is_read_one_timepoint_after_the_other_and_keeps_its_digest():
    terms = read()

    assert (terms.reads.order, terms.reads.in_batch, terms.reads.by_itself) == ("", False, False)
    assert terms.reads.said == "one after the other as they come, each locked before the next is seen"
    assert "reads" not in terms.content()


@pytest.mark.parametrize(
    ("order", "in_batch", "by_itself"),
    [("sequential", False, False), ("batch", True, False), ("randomised", True, True)],
)
def test_an_order_says_what_is_waited_for_and_what_is_seen(order: str, in_batch: bool, by_itself: bool):
    terms = read(reads={"order": order}).reads

    assert (terms.in_batch, terms.by_itself) == (in_batch, by_itself)


def test_a_batch_may_wait_for_a_visit_of_the_schedule_alone():
    visit = RECIST_TEMPLATE["schedule"][1]["code"]

    assert read(reads={"order": "batch", "cut_off": visit}).reads.cut_off == visit
    assert "W99 is no visit of the schedule" in refused(reads={"order": "batch", "cut_off": "W99"})[0]


@pytest.mark.parametrize("order", ["sequential", "randomised"])
def test_no_other_order_waits_for_a_visit(order: str):
    visit = RECIST_TEMPLATE["schedule"][1]["code"]

    (problem,) = refused(reads={"order": order, "cut_off": visit})

    assert "none before all are in" in problem


def test_a_drawn_order_is_not_told_by_verifying_progression():
    of_others = {"reads": ["progression"]}
    (problem,) = refused(reads={"order": "randomised"}, real_time={**of_others, "readers": "any"})

    assert "sees its timepoints in their order" in problem
    assert read(reads={"order": "randomised"}, real_time=of_others).reads.by_itself
    assert read(reads={"order": "batch"}, real_time={**of_others, "readers": "any"}).real_time.readers == "any"


def test_a_drawn_order_is_not_told_by_dates():
    (problem,) = refused(reads={"order": "randomised"}, blinded_to=["site", "subject"])

    assert "readers who are told the dates know the order of the visits" in problem


def test_beside_a_timepoint_by_itself_lies_no_other():
    cells = [{"place": 1, "series": CT}, {"place": 2, "series": CT, "timepoint": "previous"}]

    (problem,) = refused(reads={"order": "randomised"}, hanging=[{"name": "Beside", "layout": "1x2", "cells": cells}])

    assert "has no other one beside it" in problem


def test_what_is_read_by_itself_is_not_reviewed_as_a_whole():
    (problem,) = refused(reads={"order": "randomised", "global_review": True})

    assert "would show beside each other what is read by itself" in problem
