"""Times to event as they are tabulated: what ends them, what censors them, and that figures and tables agree."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest

from reading.exports import adam
from reading.exports.cdisc_rs import responses
from reading.exports.endpoint_figures import FIGURES
from reading.exports.endpoint_results import endpoints
from reading.exports.endpoint_tables import csv_files
from reading.exports.locked import LockedRead, LockedResult, LockedSubject, LockedTimepoint, LockedTrial
from reading.exports.time_to_event import rate_rows, shares, times
from tests.reading.exports.derived import random_trial
from tests.reading.exports.sample import locked_trial
from trials.schedule import date_of

pytestmark = [pytest.mark.one_database, pytest.mark.requirement("REQ-LOC-020")]

DAYS = {"BL": -5, "W8": 57, "W16": 113, "W24": 169, "W32": 225}
DAY_1 = locked_trial(1).subjects[0].shifted_day_1


def trial_of(responses: dict[str, str], *, bor: str = "SD", response: str = "", unscheduled: str = "") -> LockedTrial:
    """Return a trial with one subject, read at the given visits alone; progression where PD is."""
    assert DAY_1 is not None
    visits = tuple(
        LockedTimepoint(
            code, code, order, day, day - 7, day + 7, "received", "cleared", "read",
            unscheduled=code == unscheduled,
            study_day=day,
            shifted_date=date_of(day, DAY_1),
            reads=(LockedRead("READER 1", True, False, "adequate", "", responses[code]),) if code in responses else (),
        )
        for order, (code, day) in enumerate(DAYS.items())
    )  # fmt: skip
    progression = next((code for code, said in responses.items() if said == "PD"), "")
    result = LockedResult("READER 1", True, bor, None, progression, response)
    subject = LockedSubject("A-001", "A", "enrolled", DAY_1, visits, results=(result,))
    return replace(locked_trial(1), subjects=(subject,))


def told(trial: LockedTrial) -> dict[str, tuple[int, int, int, str]]:
    return {one.parameter: (one.start_day, one.end_day, one.censored, one.timepoint) for one in times(trial)}


def test_a_progression_ends_both_and_a_response_begins_a_duration():
    found = told(trial_of({"BL": "", "W8": "SD", "W16": "PR", "W24": "PD"}, bor="PR", response="W16"))
    assert found == {
        "PFS": (1, 169, 0, "W24"),
        "PFSFDA": (1, 169, 0, "W24"),
        "DOR": (113, 169, 0, "W24"),
        "DORFDA": (113, 169, 0, "W24"),
    }


def test_one_missed_visit_before_progression_censors_nothing():
    found = told(trial_of({"BL": "", "W8": "SD", "W24": "PD"}))
    assert found == {"PFS": (1, 169, 0, "W24"), "PFSFDA": (1, 169, 0, "W24")}


@pytest.mark.parametrize("between", [{}, {"W16": "NE"}], ids=["missed", "not evaluable"])
def test_more_than_one_missed_visit_censors_where_the_guidance_is_followed(between):
    """FDA 2007 and 2018, Appendix 3, Table A; the other parameter counts every event."""
    found = told(trial_of({"BL": "", "W8": "PR", **between, "W32": "PD"}, bor="PR", response="W8"))
    assert found == {
        "PFS": (1, 225, 0, "W32"),
        "PFSFDA": (1, 57, 3, "W8"),
        "DOR": (57, 225, 0, "W32"),
        "DORFDA": (57, 57, 3, "W8"),
    }


def test_an_unscheduled_visit_is_not_one_that_could_be_missed():
    found = told(trial_of({"BL": "", "W8": "SD", "W32": "PD"}, unscheduled="W16"))
    assert found["PFSFDA"] == (1, 225, 0, "W32")


def test_missed_visits_from_the_start_censor_on_day_1():
    found = told(trial_of({"BL": "", "W24": "PD"}, bor="PD"))
    assert (found["PFS"], found["PFSFDA"]) == ((1, 169, 0, "W24"), (1, 1, 3, ""))


def test_without_progression_the_last_evaluable_visit_censors_and_day_1_without_any():
    assert told(trial_of({"BL": "", "W8": "SD", "W16": "NE"}))["PFS"] == (1, 57, 1, "W8")
    assert told(trial_of({"BL": "", "W8": "NE"}, bor="NE"))["PFS"] == (1, 1, 2, "")


def test_without_an_evaluable_baseline_both_are_censored_on_day_1():
    """FDA 2007 and 2018, Appendix 3, Table A: no baseline is censored at the start. No response follows from none."""
    found = told(trial_of({"BL": "NE", "W8": "NE", "W16": "NE"}, bor="NE"))
    assert found == {"PFS": (1, 1, 2, ""), "PFSFDA": (1, 1, 2, "")}


def test_dates_are_shifted_like_the_scans_and_days_follow_from_them():
    assert DAY_1 is not None
    (row, *_) = table(trial_of({"BL": "", "W8": "SD", "W24": "PD"}), "time_to_event.csv")
    assert (row["start_shifted_date"], row["end_shifted_date"]) == (DAY_1.isoformat(), date_of(169, DAY_1).isoformat())
    assert (row["days"], row["event"], row["censored"], row["description"], row["censoring_date"]) == (
        *("169", "Y", "0", "PROGRESSION BY IMAGING", ""),
    )


def table(trial: LockedTrial, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_files(trial)[name].decode(), newline="")))


@pytest.mark.parametrize("trial", [locked_trial(), random_trial(20, seed=7)], ids=["adjudicated", "random"])
@pytest.mark.parametrize(("figure", "parameter"), [("progression-free", "PFS"), ("duration", "DOR")])
def test_the_kaplan_meier_figures_and_the_table_agree(trial, figure, parameter):
    found = endpoints(trial)
    rows = [row for row in table(trial, "time_to_event.csv") if row["parameter"] == parameter]
    for results in found.sets:
        _, *drawn = FIGURES[figure].rows(found, (results,))
        whose = results.title.upper()
        own = [row for row in rows if (row["acptfl"] == "Y" if results.name == "accepted" else row["evalid"] == whose)]
        assert [(row["subject"], int(row["days"]), int(row["event"] == "Y")) for row in own] == [
            (subject, days, event) for _, subject, days, event in drawn
        ]


@pytest.mark.parametrize("trial", [locked_trial(), random_trial(20, seed=7)], ids=["adjudicated", "random"])
def test_each_time_names_a_record_of_rs_at_its_end(trial):
    rs = {(record["USUBJID"], record["RSSEQ"]): record for record in responses(trial).records}
    adtte, adrs = adam.datasets(trial)
    for record in adtte.records:
        if record["SRCDOM"] == "RS":
            source = rs[record["USUBJID"], record["SRCSEQ"]]
            assert (source["RSTESTCD"], source["RSDTC"]) == ("OVRLRESP", record["ADT"].isoformat())
    for record in adrs.records:
        if record["PARAMCD"] == "BOR" and record["SRCDOM"] == "RS":
            source = rs[record["USUBJID"], record["SRCSEQ"]]
            assert (source["RSTESTCD"], source["RSSTRESC"]) == ("BESTRESP", record["AVALC"])


#: Newcombe 1998, Statistics in Medicine 17:857-872, Table I, method 5; 7 of 14 by R's binom.test().
PUBLISHED = [
    (81, 263, "25.27", "36.76"),
    (15, 148, "5.78", "16.17"),
    (0, 20, "0.00", "16.84"),
    (1, 29, "0.09", "17.76"),
    (7, 14, "23.04", "76.96"),
]


@pytest.mark.parametrize(("count", "of", "lower", "upper"), PUBLISHED)
def test_exact_intervals_are_those_that_were_published_and_the_verifier_holds_to_them(
    count, of, lower, upper, verifier
):
    share, low, high = shares(count, of)
    assert share == Decimal(f"{100 * count / of:.3f}")
    # To the two decimals that are printed there; ours were rounded to three before.
    assert max(abs(low - Decimal(lower)), abs(high - Decimal(upper))) <= Decimal("0.0055")
    said = [float(one) / 100 for one in (share, low, high)]
    assert verifier.are_limits(said, count, of)
    for place, step in ((0, 0.001), (1, 0.001), (2, -0.001)):
        assert not verifier.are_limits([one + step * (place == at) for at, one in enumerate(said)], count, of)


def test_the_response_rate_counts_the_accepted_results_of_all_subjects():
    rates = {(row[2], row[3]): row[4:] for row in rate_rows(locked_trial())}
    assert rates["ACCEPTED", "ORR"] == (7, 14, Decimal("50.000"), Decimal("23.036"), Decimal("76.964"))
    assert {whose for whose, _ in rates} == {"ACCEPTED", "READER 1", "READER 2"}
    counted = sum(row[0] for (whose, measure), row in rates.items() if (whose, measure != "ORR") == ("ACCEPTED", True))
    assert counted == 14


def test_criteria_without_responses_have_no_rate_and_no_duration():
    trial = locked_trial()
    trial = replace(trial, criteria=replace(trial.criteria, responders=()))
    assert "ORR" not in {row[3] for row in rate_rows(trial)}
    assert {one.parameter for one in times(trial)} == {"PFS", "PFSFDA"}
    assert {record["PARAMCD"] for record in adam.datasets(trial)[1].records} == {"BOR"}
