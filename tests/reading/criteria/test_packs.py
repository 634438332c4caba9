"""What holds for every pack: registry, parameters, form, exact numbers, days."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from typing import Any

import pytest

from reading.criteria import UnknownCriteria, available, get
from reading.criteria.base import UnknownParameter
from reading.criteria.inputs import (
    BaselineRead,
    NonTargetStatus,
    SubjectHistory,
    TargetLesion,
    TargetMeasure,
    TimepointRead,
)
from reading.criteria.values import (
    InvalidRead,
    calendar_date,
    canonical_json,
    exact,
    percent_change,
    plain,
    show_percent,
    study_day,
)
from tests.reading.criteria.build import sums

pytestmark = pytest.mark.requirement("REQ-CRI-004")


def test_packs_are_found_by_the_name_in_the_charter() -> None:
    assert "RECIST 1.1" in available()
    assert [get(name).identifier for name in available()] == list(available())
    with pytest.raises(UnknownCriteria):
        get("RECIST 2.0")


@pytest.mark.parametrize("name", available())
def test_every_parameter_has_a_title_a_source_and_a_default_it_accepts(name: str) -> None:
    for parameter in get(name).parameters:
        assert parameter.title
        assert parameter.source
        assert parameter.read(json.loads(canonical_json(parameter.default))) == parameter.default


@pytest.mark.parametrize("name", available())
def test_the_form_is_plain_json_that_names_each_thing_once(name: str) -> None:
    form = get(name).form()
    categories = [listed.category for listed in form.lesions]
    asked = [[field.name for field in listed.fields] for listed in form.lesions] + [[q.name for q in form.questions]]
    assert len(set(categories)) == len(categories)
    assert all(len(set(names)) == len(names) for names in asked)
    assert json.loads(json.dumps(form.to_json())) == form.to_json()


@pytest.mark.parametrize("name", available())
def test_what_depends_on_something_depends_on_what_the_form_asks(name: str) -> None:
    form = get(name).form()
    for fields in (*(listed.fields for listed in form.lesions), form.questions):
        choices = {field.name: {value for value, _ in field.choices} for field in fields}
        for when in (when for field in fields for when in field.when if when.field != "state"):
            assert set(when.values) <= choices[when.field]


@pytest.mark.parametrize("name", available())
def test_every_response_has_words_and_the_responders_are_among_them(name: str) -> None:
    pack = get(name)
    known = {term.value for term in pack.terms}
    assert "NE" in known
    assert pack.responses <= known
    assert {term.tone for term in pack.terms} <= {"ok", "info", "bad", "wait"}


def test_the_form_follows_the_charters_cap_on_targets() -> None:
    targets = get("RECIST 1.1", {"max_targets": 3}).form().of("target")
    assert targets is not None
    assert targets.maximum == 3


def test_the_digest_is_the_same_for_the_same_rules_only() -> None:
    digest = get("RECIST 1.1").stamp.parameters_sha256
    assert get("RECIST 1.1", {"pd_absolute_mm": 5.0, "min_sd_days": 42}).stamp.parameters_sha256 == digest
    assert get("RECIST 1.1", {"min_sd_days": 43}).stamp.parameters_sha256 != digest


@pytest.mark.parametrize(
    "parameters",
    [
        {"colour": "blue"},
        {"confirmation_required": "yes"},
        {"min_sd_days": -1},
        {"min_sd_days": True},
        {"pd_absolute_mm": "NaN"},
        {"pd_absolute_mm": "much"},
        {"disease_after_cr": "ignore"},
    ],
)
def test_a_parameter_the_pack_cannot_take_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(UnknownParameter):
        get("RECIST 1.1", parameters)


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity", "1000000", "1." + "0" * 60 + "1", "wide", 12.5, True])
def test_a_diameter_that_is_not_exact_millimetres_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRead):
        exact(value, "Target lesion T1")


def test_an_error_does_not_repeat_what_was_entered() -> None:
    with pytest.raises(InvalidRead) as refusal:
        TargetMeasure("T1", "Jane Doe")  # type: ignore[arg-type]
    assert "Jane" not in str(refusal.value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: TargetMeasure("T1", Decimal(5), merged_into="T2"),
        lambda: TargetLesion("T1", "LIVER", False, Decimal(0)),
        lambda: NonTargetStatus("N1", "GROWN"),
        lambda: BaselineRead((TargetLesion("T1", "LIVER", False, Decimal(9)),) * 2),
        lambda: TimepointRead("TP1", 1, (TargetMeasure("T1"), TargetMeasure("T1"))),
        lambda: SubjectHistory(BaselineRead(), (TimepointRead("TP1", 1), TimepointRead("TP1", 2))),
        lambda: SubjectHistory(BaselineRead(), (TimepointRead("TP1", 1), TimepointRead("TP2", 1))),
    ],
)
def test_reads_that_contradict_themselves_are_refused(build: Any) -> None:
    with pytest.raises(InvalidRead):
        build()


def test_the_callers_decimal_context_changes_nothing() -> None:
    subject = sums("30.303", "21.2121", "26.5")
    expected = canonical_json(get("RECIST 1.1").derive_subject(subject))
    with localcontext() as context:
        context.prec = 3
        assert canonical_json(get("RECIST 1.1").derive_subject(subject)) == expected


@pytest.mark.parametrize(
    ("value", "reference", "shown"),
    [("70.04", "100", "-30.0%"), ("120", "100", "+20.0%"), ("100", "100", "0.0%"), ("5", "0", "–")],
)
def test_percentages_as_people_read_them(value: str, reference: str, shown: str) -> None:
    assert show_percent(percent_change(Decimal(value), Decimal(reference))) == shown


@pytest.mark.parametrize(("number", "text"), [("30.0", "30"), ("1E+2", "100"), ("0.00", "0"), ("9.90", "9.9")])
def test_a_decimal_has_one_text(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_study_days_and_dates() -> None:
    assert study_day("2024-03-01", "2024-02-01") == 29
    assert study_day("2024-01-29", "2024-02-01") == -3
    assert calendar_date(29, "2024-02-01") == "2024-03-01"
    with pytest.raises(InvalidRead):
        study_day("1 March", "2024-02-01")
