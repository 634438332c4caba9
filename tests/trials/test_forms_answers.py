"""Declared fields as a form: each kind has its control, what is typed has its type, refusals stand at their field."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.template.loader import render_to_string

from trials.form_terms import FieldTerms
from trials.forms_answers import AnswersForm

AT = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)
FIELDS = (
    FieldTerms(code="YESNO", label="Fasted", kind="yes_no", required=True, part="Preparation"),
    FieldTerms(code="GRADE", label="Grade", kind="choice", choices=("MILD = Mild", "SEV = Severe")),
    FieldTerms(code="COUNT", label="Count", kind="integer", least=0, most=9, only_if="GRADE", only_if_is=("SEV",)),
    FieldTerms(code="VOL", label="Volume", kind="decimal", unit="mL", usual_least=20, usual_most=150),
    FieldTerms(code="DAY", label="Day", kind="date", past=True),
    FieldTerms(code="CLOCK", label="Clock", kind="time"),
    FieldTerms(code="MOMENT", label="Moment", kind="datetime"),
    FieldTerms(code="WORDS", label="Words", kind="text", most_characters=1000),
)
TYPED = {
    "YESNO": "N",
    "GRADE": "SEV",
    "COUNT": "3",
    "VOL": "90.5",
    "DAY": "2026-01-05",
    "CLOCK": "09:30",
    "MOMENT": "2026-01-05T09:30",
    "WORDS": "لا شيء",
}
VALUES = {
    "YESNO": False,
    "GRADE": "SEV",
    "COUNT": 3,
    "VOL": Decimal("90.5"),
    "DAY": dt.date(2026, 1, 5),
    "CLOCK": dt.time(9, 30),
    "MOMENT": dt.datetime.fromisoformat("2026-01-05T09:30"),
    "WORDS": "لا شيء",
}


def filled(whole: bool = False, **typed: str) -> AnswersForm:
    return AnswersForm(FIELDS, TYPED | typed, at=AT, whole=whole)


def test_what_is_typed_comes_out_in_its_type() -> None:
    form = filled()
    assert form.is_valid(), form.errors
    assert form.values == VALUES


def test_what_was_answered_is_shown_again_as_it_was_typed() -> None:
    form = AnswersForm(FIELDS, at=AT, values=VALUES, confirmed={"VOL": "Weighs 140 kg."})
    page = render_to_string("trials/_answers.html", {"answers": form})
    for shown in ('value="90.5"', 'value="2026-01-05"', 'value="09:30"', 'value="2026-01-05T09:30"', "لا شيء"):
        assert shown in page
    assert 'value="N" data-' not in page
    assert page.count("checked") == 1
    assert 'value="Weighs 140 kg."' in page
    assert 'data-only-if="GRADE"' in page


@pytest.mark.parametrize(
    ("typed", "code", "sentence"),
    [
        ({"COUNT": "ten"}, "COUNT", "Enter a whole number."),
        ({"COUNT": "10"}, "COUNT", "Give 0 to 9."),
        ({"VOL": "NaN"}, "VOL", "Enter a number."),
        ({"VOL": "1.25"}, "VOL", "At most 1 digit behind the point."),
        ({"DAY": "2026-01-06"}, "DAY", "This cannot lie in the future. Check it."),
        ({"GRADE": "MILD"}, "COUNT", "Leave this empty, because of the answer to “Grade”."),
    ],
)
def test_what_is_wrong_stands_at_its_field(typed: dict[str, str], code: str, sentence: str) -> None:
    assert filled(**typed).errors == {code: [sentence]}


def test_a_draft_may_be_incomplete_and_a_signature_may_not() -> None:
    assert AnswersForm(FIELDS, {}, at=AT).is_valid()
    whole = AnswersForm(FIELDS, {}, at=AT, whole=True)
    assert whole.errors == {"YESNO": ["An answer is needed before the form is signed."]}
    assert whole["YESNO"].field.required


def test_an_unusual_value_is_signed_with_its_reason() -> None:
    unusual = {"VOL": ["Usual is 20 to 150 mL. Correct it, or say why it is right."]}
    assert filled(VOL="160").is_valid()
    assert filled(whole=True, VOL="160").errors == unusual
    confirmed = filled(whole=True, VOL="160", VOL_WHY="Weighs 140 kg.")
    assert confirmed.is_valid()
    assert confirmed.confirmed == {"VOL": "Weighs 140 kg."}
