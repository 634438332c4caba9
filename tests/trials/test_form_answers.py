"""Answers to declared fields: what is asked follows from answers, refusals are sentences, storage loses nothing."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from trials.form_answers import asked, cell, in_words, missing, outside_usual, problems, restore, store
from trials.form_terms import FieldTerms

NOW = dt.datetime.fromisoformat("2026-01-05T09:30")
CONTRAST = FieldTerms(code="CONTR", label="Contrast given", kind="yes_no", required=True)
AGENT = FieldTerms(code="AGENT", label="Agent", kind="text", required=True, only_if="CONTR", only_if_is=("Y",))
ROUTE = FieldTerms(
    code="ROUTE",
    label="Route",
    kind="choice",
    choices=("IV = In a vein", "PO = By mouth"),
    only_if="CONTR",
    only_if_is=("Y",),
)
VOLUME = FieldTerms(
    code="VOL",
    label="Volume",
    kind="decimal",
    unit="mL",
    decimals=1,
    least=0.1,
    most=1000,
    usual_least=20,
    usual_most=150,
    only_if="ROUTE",
    only_if_is=("IV",),
)
FIRST = FieldTerms(code="FIRST", label="First day", kind="date", past=True)
LAST = FieldTerms(code="LAST", label="Last day", kind="date", not_before="FIRST")
FIELDS = [CONTRAST, AGENT, ROUTE, VOLUME, FIRST, LAST]


def one(kind: str, **terms: Any) -> FieldTerms:
    return FieldTerms(code="A", label="A", kind=kind, **terms)


def wrong(field: FieldTerms, value: Any) -> str:
    return problems([field], {"A": value}, now=NOW).get("A", "")


# --- conditions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({}, "CONTR FIRST LAST"),
        ({"CONTR": False}, "CONTR FIRST LAST"),
        ({"CONTR": True}, "CONTR AGENT ROUTE FIRST LAST"),
        ({"CONTR": True, "ROUTE": "IV"}, "CONTR AGENT ROUTE VOL FIRST LAST"),
        ({"CONTR": True, "ROUTE": "PO"}, "CONTR AGENT ROUTE FIRST LAST"),
        # What hangs on a field that is not asked is not asked, whatever stands in it.
        ({"CONTR": False, "ROUTE": "IV"}, "CONTR FIRST LAST"),
    ],
)
def test_a_condition_is_an_answer_of_another_field_that_is_asked_itself(values: dict[str, Any], codes: str) -> None:
    assert [field.code for field in asked(FIELDS, values)] == codes.split()


def test_an_answer_that_is_not_asked_is_refused_with_the_question_it_hangs_on() -> None:
    said = {"VOL": "Leave this empty, because of the answer to “Route”."}
    assert problems(FIELDS, {"CONTR": True, "ROUTE": "PO", "VOL": Decimal(90)}, now=NOW) == said


def test_what_is_missing_is_asked_of_fields_that_are_asked() -> None:
    needed = "An answer is needed before the form is signed."
    assert missing(FIELDS, {}, {}) == {"CONTR": needed}
    assert missing(FIELDS, {"CONTR": False}, {}) == {}
    assert missing(FIELDS, {"CONTR": True}, {}) == {"AGENT": needed}


# --- ranges --------------------------------------------------------------------------------------------------


def test_outside_the_range_is_refused_and_outside_the_usual_needs_a_reason() -> None:
    values = {"CONTR": True, "AGENT": "Iohexol", "ROUTE": "IV", "VOL": Decimal("151")}
    assert problems(FIELDS, values, now=NOW) == {}
    assert outside_usual(FIELDS, values) == {"VOL": "Usual is 20 to 150 mL."}
    assert missing(FIELDS, values, {}) == {"VOL": "Usual is 20 to 150 mL. Correct it, or say why it is right."}
    assert missing(FIELDS, values, {"VOL": " "}) != {}
    assert missing(FIELDS, values, {"VOL": "Weighs 140 kg."}) == {}
    assert problems(FIELDS, values | {"VOL": Decimal(1001)}, now=NOW) == {"VOL": "Give 0.1 to 1000 mL."}


def test_a_bound_is_the_number_that_was_written() -> None:
    field = one("decimal", unit="mm", least=0.1, most=0.3)
    assert (wrong(field, Decimal("0.1")), wrong(field, Decimal("0.3"))) == ("", "")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (one("integer", least=0), Decimal("1.5"), "Give a whole number."),
        (one("integer", least=0), -1, "Give at least 0."),
        (one("integer", most=9), 10, "Give at most 9."),
        (one("decimal", unit="mm"), Decimal("1.25"), "At most 1 digit behind the point."),
        (one("decimal", unit="mm"), Decimal("NaN"), "Give a number."),
        (one("decimal", unit="mm"), Decimal("1e999999"), "This number is too large."),
        (one("date", past=True), dt.date(2026, 1, 6), "This cannot lie in the future. Check it."),
        (
            one("datetime", past=True),
            dt.datetime.fromisoformat("2026-01-05T09:31"),
            "This cannot lie in the future. Check it.",
        ),
        (one("text", most_characters=3), "four", "3 characters are the most."),
        (one("text"), "a\x00b", "Only letters and signs that can be printed."),
        # What turns the order of a text round could hide what it says.
        (one("text"), "a\u202eb", "Only letters and signs that can be printed."),
        (one("choice", choices=("A = A", "B = B")), "C", "Choose one of the answers."),
        (one("yes_no"), "Y", "Say yes or no."),
    ],
)
def test_each_kind_refuses_what_is_none_of_it(field: FieldTerms, value: Any, sentence: str) -> None:
    assert wrong(field, value) == sentence


def test_a_date_before_the_other_is_refused() -> None:
    first, last = dt.date(2026, 1, 3), dt.date(2026, 1, 2)
    assert problems(FIELDS, {"FIRST": first, "LAST": last}, now=NOW) == {
        "LAST": "This lies before “First day”. Check both."
    }
    assert problems(FIELDS, {"FIRST": first, "LAST": first}, now=NOW) == {}


# --- storage and words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "stored", "words"),
    [
        (one("yes_no"), False, False, "No"),
        (one("choice", choices=("IV = In a vein", "PO = By mouth")), "IV", "IV", "In a vein"),
        (one("integer", unit="s"), 70, 70, "70 s"),
        (one("decimal", unit="mL", decimals=2), Decimal("90.50"), "90.50", "90.50 mL"),
        (one("decimal", unit="1"), Decimal("0.5"), "0.5", "0.5"),
        (one("date"), dt.date(2026, 1, 5), "2026-01-05", "5 January 2026"),
        (one("time"), dt.time(9, 30), "09:30:00", "09:30"),
        (one("datetime"), dt.datetime.fromisoformat("2026-01-05T09:30"), "2026-01-05T09:30", "5 January 2026, 09:30"),
        (one("text"), "造影剤なし", "造影剤なし", "造影剤なし"),
        # A blank of Japanese, a joiner of Persian, a mark of direction.
        (
            one("text"),
            "東\u3000京 می\u200cشود \u200eCT",
            "東\u3000京 می\u200cشود \u200eCT",
            "東\u3000京 می\u200cشود \u200eCT",
        ),
    ],
)
def test_an_answer_comes_back_from_storage_as_it_was(field: FieldTerms, value: Any, stored: Any, words: str) -> None:
    assert wrong(field, value) == ""
    held = json.loads(json.dumps(store([field], {"A": value})))
    assert held == {"A": stored}
    assert restore([field], held) == {"A": value}
    assert in_words(field, value) == words


def test_an_export_has_codes_and_plain_values() -> None:
    given = (True, "IV", 70, Decimal("-90.5"), dt.date(2026, 1, 5), None, "")
    assert [cell(value) for value in given] == ["Y", "IV", 70, Decimal("-90.5"), "2026-01-05", "", ""]


def test_what_says_nothing_is_not_stored() -> None:
    assert store(FIELDS, {"CONTR": None, "AGENT": "", "ROUTE": "IV"}) == {"ROUTE": "IV"}
    assert restore(FIELDS, {"ROUTE": "IV"}) == {
        "CONTR": None, "AGENT": None, "ROUTE": "IV", "VOL": None, "FIRST": None, "LAST": None
    }  # fmt: skip
