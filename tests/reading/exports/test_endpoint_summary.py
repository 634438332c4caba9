"""The report counts what the tables hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from reading.exports import endpoint_summary as summary
from reading.exports.endpoint_report import context
from reading.exports.endpoint_results import endpoints
from reading.exports.locked import (
    ADJUDICATED,
    NOT_READ,
    LockedAdjudication,
    LockedResult,
    LockedSubject,
    Trigger,
)
from tests.reading.exports.derived import random_trial
from tests.reading.exports.sample import locked_trial

pytestmark = pytest.mark.requirement("REQ-LOC-011")

TRIAL = locked_trial()


def cells(lines: list[summary.Line]) -> dict[str, tuple[str, ...]]:
    return {line.name: line.cells for line in lines}


def test_disposition_adds_up_over_sites():
    """14 subjects at two sites, four visits each, one of them missed, one subject withdrawn."""
    lines = cells(summary.disposition_by_site(TRIAL))
    assert lines["101 University Hospital North"] == ("7", "0", "28", "28", "28", "0", "28", "28")
    assert lines["202 Clinic of the Lakes"] == ("7", "1", "28", "27", "27", "1", "27", "27")
    assert lines["All sites"] == ("14", "1", "56", "55", "55", "1", "55", "55")


def test_a_scan_outside_its_window_is_received_and_not_in_window():
    subject = TRIAL.subjects[0]
    late = replace(subject.timepoints[1], study_day=subject.timepoints[1].window_last_day + 1)
    trial = replace(TRIAL, subjects=(replace(subject, timepoints=(subject.timepoints[0], late)),))
    assert cells(summary.disposition_by_timepoint(trial))["W8 Week 8"] == ("1", "1", "0", "0", "1", "1")


def test_best_responses_are_counted_by_reader_and_as_accepted():
    columns, lines = summary.best_responses(TRIAL)
    assert columns == ["READER 1", "READER 2", "Accepted"]
    assert cells(lines) == {
        "CR": ("1 (7.1%)", "1 (7.1%)", "1 (7.1%)"),
        "PR": ("4 (28.6%)", "6 (42.9%)", "6 (42.9%)"),
        "SD": ("8 (57.1%)", "6 (42.9%)", "6 (42.9%)"),
        "PD": ("1 (7.1%)", "1 (7.1%)", "1 (7.1%)"),
        "Subjects evaluated": ("14", "14", "14"),
        "Objective response (CR or PR)": ("5 (35.7%)", "7 (50.0%)", "7 (50.0%)"),
        # As R's binom.test(5, 14) and binom.test(7, 14).
        "Exact 95% interval (Clopper and Pearson)": ("12.8% to 64.9%", "23.0% to 77.0%", "23.0% to 77.0%"),
    }


def test_the_cross_table_counts_each_follow_up_read_by_both():
    _, lines = summary.cross_table(TRIAL)
    assert sum(int(cell) for line in lines for cell in line.cells) == 41  # 14 × 3 less the missed one


@pytest.mark.parametrize(
    ("value", "said"),
    [("-30.0000", "−30.0"), ("20.04", "+20.0"), ("-0.04", "0.0"), ("0", "0.0"), ("-29.95", "−30.0"), (None, "–")],
)
def test_percentages_are_said_with_sign_and_one_decimal(value, said):
    assert summary.percent(None if value is None else Decimal(value)) == said


def test_changes_after_progression_are_not_drawn():
    """Best change counts up to progression, as best overall response does (RECIST 1.1 §4.6)."""
    accepted = endpoints(TRIAL).sets[0]
    course = next(course for course in accepted.subjects if course.subject == "101-003")
    assert course.progressed
    assert [visit.code for visit, _ in course.changes] == ["W8"]


def test_a_trial_in_which_nothing_was_read_still_has_a_report():
    nobody = LockedSubject("101-009", "101", "withdrawn", results=(LockedResult(NOT_READ, True, "NE"),))
    empty = {"n": 0} | {k: {"undefined": True, "reason": "-"} for k in ("percent_agreement", "kappa", "kappa_linear")}
    undefined = {"undefined": True, "reason": "-"}
    trial = replace(
        TRIAL,
        subjects=(nobody,),
        variability={
            "sums": {"pairs": [], "icc_2_1": undefined, "icc_3_1": undefined, "bland_altman": undefined},
            "timepoint_responses": empty,
            "best_responses": empty,
            "adjudication": undefined,
        },
    )
    shown = context(trial, "0" * 64, {})
    assert cells(shown["bor"])["NE"] == ("1 (100.0%)",)
    assert shown["agreement"] == []
    assert shown["by_timepoint"] == []


def test_timepoints_adjudicated_one_by_one_count_the_adjudicated_result():
    subject = TRIAL.subjects[0]
    results = (
        *(replace(result, accepted=False) for result in subject.results),
        LockedResult(ADJUDICATED, True, "SD"),
    )
    fired = LockedAdjudication("W8", (Trigger("overall_response", "W8", "PR", "SD"),), "READER 2", "Seen twice.", True)
    trial = replace(TRIAL, subjects=(replace(subject, results=results, adjudications=(fired,)),))
    _, lines = summary.best_responses(trial)
    assert cells(lines)["SD"] == ("0 (0.0%)", "0 (0.0%)", "1 (100.0%)")
    assert cells(summary.adjudication_counts(trial)) == {
        "Subjects read by two readers": ("1",),
        "Subjects adjudicated": ("1 (100.0%)",),
        "Adjudications opened by: overall response": ("1 (100.0%)",),
        "Reader 2 accepted": ("1 (100.0%)",),
    }


def test_a_listing_says_what_was_derived_where_a_reader_changed_it_in_a_review():
    trial = random_trial(3, seed=9, gone_over=True)
    lines = [
        line
        for subject in trial.subjects
        for read in summary.listing(subject, trial.criteria)["reads"]
        for line in read["lines"]
    ]
    changed = [one for subject in trial.subjects for one in subject.reviews if one.derived != one.response]
    assert changed
    assert Counter((line["overall"], line["derived"]) for line in lines if line["derived"]) == Counter(
        (one.response, one.derived) for one in changed
    )
