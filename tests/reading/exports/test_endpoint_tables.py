"""The tables say what the locked trial says, and the dictionary explains each of their columns."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from reading.exports.endpoint_columns import TABLES
from reading.exports.endpoint_tables import csv_files, numbered
from reading.exports.locked import LockedTimepoint
from tests.reading.exports.sample import locked_trial

pytestmark = pytest.mark.requirement("REQ-LOC-011")

FILES = csv_files(locked_trial())


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(FILES[name].decode(), newline="")))


def test_the_files_are_the_ones_promised():
    """Issue 2, lock and export; each table, and the dictionary."""
    assert sorted(FILES) == [
        "adjudications.csv",
        "best_overall_response.csv",
        "data_dictionary.csv",
        "deviations.csv",
        "images.csv",
        "lesions.csv",
        "measurements.csv",
        "response_rates.csv",
        "responses.csv",
        "signed_work.csv",
        "subjects.csv",
        "time_to_event.csv",
        "timepoints.csv",
        "values.csv",
    ]


def test_the_key_columns_name_each_row_once():
    for table in TABLES:
        keys = [tuple(row[name] for name in table.key) for row in rows(table.file_name)]
        assert keys, table.name
        assert len(keys) == len(set(keys)), table.name


def test_the_dictionary_explains_every_column_in_order():
    explained = [(row["file"], row["column"]) for row in rows("data_dictionary.csv")]
    assert explained == [(table.file_name, column.name) for table in TABLES for column in table.columns]
    assert all(row["meaning"] for row in rows("data_dictionary.csv"))


def test_exactly_one_read_of_a_timepoint_is_accepted():
    accepted = [(row["subject"], row["timepoint"]) for row in rows("responses.csv") if row["acptfl"] == "Y"]
    read = {(row["subject"], row["timepoint"]) for row in rows("responses.csv")}
    assert sorted(accepted) == sorted(read)


def test_exactly_one_result_of_a_subject_is_accepted():
    accepted = [row["subject"] for row in rows("best_overall_response.csv") if row["acptfl"] == "Y"]
    assert sorted(accepted) == sorted(row["subject"] for row in rows("subjects.csv"))


def test_readers_are_named_by_place_only():
    assert {row["evalid"] for row in rows("responses.csv")} == {"READER 1", "READER 2"}
    assert {row["evalid"] for row in rows("adjudications.csv")} == {"ADJUDICATOR"}


def test_a_missed_visit_keeps_its_row_without_a_day():
    missed = [row for row in rows("timepoints.csv") if row["images"] == "missed"]
    assert [(row["subject"], row["timepoint"], row["study_day"], row["shifted_date"]) for row in missed] == [
        ("202-003", "W16", "", "")
    ]


def test_a_visit_that_was_otherwise_than_the_charter_asks_is_a_deviation():
    """A missed visit, a waived check, days outside the window (there is no day 0), and what the site declared."""

    def visit(code: str, day: int | None, first: int, last: int, **more: object) -> LockedTimepoint:
        return LockedTimepoint(code, code, 0, 1, first, last, "received", "cleared", "read", study_day=day, **more)

    visits = (
        visit("EARLY", -9, -7, 7),
        visit("ACROSS", 2, -7, -1),
        visit("PLANNED", 57, 50, 64, qc_waived=("slice_gap",)),
        visit("UNS-01", 90, 80, 85, unscheduled=True),
        replace(visit("GONE", None, 106, 120, deviation_declared=True), images="missed"),
    )
    sample = locked_trial(1)
    trial = replace(sample, subjects=(replace(sample.subjects[0], timepoints=visits),))
    told = csv.DictReader(io.StringIO(csv_files(trial)["deviations.csv"].decode(), newline=""))
    assert [(row["timepoint"], row["kind"], row["days"], row["check"]) for row in told] == [
        ("EARLY", "early", "2", ""),
        ("ACROSS", "late", "2", ""),
        ("PLANNED", "check_waived", "", "slice_gap"),
        ("GONE", "missed", "", ""),
        ("GONE", "declared", "", ""),
    ]


def test_a_comment_that_looks_like_a_formula_stays_a_comment():
    assert "'- motion at the base" in {row["comment"] for row in rows("responses.csv")}


def test_unscheduled_visits_are_numbered_between_those_of_the_schedule():
    def visit(code: str) -> LockedTimepoint:
        return LockedTimepoint(
            code, code, 0, 1, 1, 1, "received", "cleared", "read", unscheduled=code.startswith("UNS")
        )

    visits = [visit(code) for code in ("BL", "W8", "UNS-01", "UNS-02", "W16", *[f"UNS-{n}" for n in range(10, 20)])]
    numbers = [str(number) for number, _ in numbered(visits)]
    assert numbers == ["1", "2", "2.1", "2.2", "3", *[f"3.{n:02}" for n in range(1, 11)]]
