"""Fields that a charter declares: what contradicts itself is said with its path, before anybody fills anything in."""

from __future__ import annotations

from typing import Any

import pytest

from trials.form_terms import FACTS, FieldTerms, FormTerms, faults_of_fields, faults_of_forms
from trials.terms.kinds import Problems
from trials.terms.records import read_record

CONTRAST = {"code": "CONTR", "label": "Contrast given", "kind": "yes_no"}
VOLUME = {"code": "VOL", "label": "Volume", "kind": "decimal", "unit": "mL", "only_if": "CONTR", "only_if_is": ["Y"]}


def declared(*fields: dict[str, Any]) -> tuple[FieldTerms, ...]:
    problems = Problems()
    form = read_record(
        FormTerms, {"code": "F", "title": "F", "asked": "site", "fields": list(fields)}, ("forms", 1), problems
    )
    assert problems == []
    return form.fields


def faults(*fields: dict[str, Any], facts: bool = False) -> list[str]:
    return [str(fault) for fault in faults_of_fields(declared(*fields), ("forms", 1, "fields"), facts=facts)]


def field(**terms: Any) -> dict[str, Any]:
    return {"code": "A", "label": "A", "kind": "text", **terms}


def number(**terms: Any) -> dict[str, Any]:
    return field(**{"kind": "decimal", "unit": "mm", **terms})


def test_fields_that_hold_together_have_no_fault() -> None:
    assert faults(CONTRAST, VOLUME, number(least=0, usual_least=1, usual_most=5, most=9, decimals=2)) == []


def test_only_a_form_of_a_timepoint_holds_it_up() -> None:
    def problems(asked: str) -> list[str]:
        form = {"code": "F", "title": "F", "asked": asked, "holds_up": True, "fields": [CONTRAST]}
        return list(map(str, faults_of_forms([read_record(FormTerms, form, (), Problems())], ("forms",))))

    assert problems("timepoint") == []
    assert problems("subject") == problems("site") == ["forms[1].holds_up: only a form of a timepoint holds it up"]
    assert [said.partition(":")[0] for said in problems("delivery")] == ["forms[1].holds_up"]


def test_the_name_of_a_variable_is_one_that_sas_takes() -> None:
    for code in ("1A", "TOOLONGNAME", "A-B", "ÄA"):
        problems = Problems()
        read_record(FieldTerms, field(code=code), ("fields", 1), problems)
        assert [problem.place for problem in problems] == [("fields", 1, "code")], code


def test_two_fields_of_one_name_are_refused_by_their_path() -> None:
    problems = Problems()
    form = {"code": "F", "title": "F", "asked": "site", "fields": [CONTRAST, CONTRAST]}
    read_record(FormTerms, form, ("forms", 1), problems)
    assert list(map(str, problems)) == ["forms[1].fields[2].code: another field has the same"]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ([number(unit="")], "[1].unit: a number with decimals needs its unit; 1 for a ratio"),
        ([field(unit="mm")], "[1].unit: only numbers have a unit"),
        ([field(decimals=1)], "[1].decimals: only numbers with decimals have them"),
        ([number(least=5, most=2)], "[1].most: it is below least, 5"),
        ([number(usual_least=5, usual_most=2)], "[1].usual_most: it is below usual_least, 5"),
        ([number(least=5, usual_least=2)], "[1].usual_least: it is below least, 5"),
        ([number(most=5, usual_most=7)], "[1].usual_most: it is above most, 5"),
        ([field(kind="date", most=5)], "[1].most: only numbers have a range"),
        ([field(kind="date", most_characters=5)], "[1].most_characters: only texts have a length"),
        ([field(kind="time", past=True)], "[1].past: only dates can lie in the future"),
        (
            [field(kind="choice", choices=["A = A"])],
            "[1].choices: at least two answers are needed, such as MILD = Mild",
        ),
        ([field(kind="choice", choices=["A = A", "A = B"])], "[1].choices: two answers have the same code"),
        (
            [field(choices=["A = A", "B = B"])],
            "[1].choices: only one of some answers has them; choose the kind “choice”, or remove them",
        ),
        ([field(only_if="NONE", only_if_is=["Y"])], "[1].only_if: there is no other field NONE"),
        ([field(only_if="A", only_if_is=["Y"])], "[1].only_if: there is no other field A"),
        ([field(only_if_is=["Y"])], "[1].only_if: say which field has these answers"),
        ([CONTRAST, field(only_if="CONTR")], "[2].only_if_is: say which answers of CONTR: Y, N"),
        (
            [CONTRAST, field(only_if="CONTR", only_if_is=["YES"])],
            "[2].only_if_is: YES is no answer of CONTR; choose Y, N",
        ),
        (
            [number(code="N"), field(only_if="N", only_if_is=["1"])],
            "[2].only_if: N is a number with decimals; a condition needs yes and no, or answers",
        ),
        ([field(not_before="B"), number(code="B")], "[1].not_before: A and B are not both dates, or both times"),
        ([field(not_before="B")], "[1].not_before: there is no other field B"),
        ([field(code="SUBJID")], "[1].code: every export has a column SUBJID; choose another name"),
        (
            [field(label="Initials of the subject")],
            "[1].label: “Initials” asks who somebody is; a form asks for nothing that names a person",
        ),
        ([field(fact="scanner")], "[1].fact: only a transfer form is compared with images"),
    ],
)
def test_each_fault_is_said_with_its_path(fields: list[dict[str, Any]], fault: str) -> None:
    assert faults(*fields) == [f"forms[1].fields{fault}"]


def test_conditions_in_a_circle_are_refused_however_long_it_is() -> None:
    round_about = [field(code=code, kind="yes_no", only_if=on, only_if_is=["Y"]) for code, on in ("AB", "BC", "CA")]
    said = "the conditions go round in a circle, so that nobody is ever asked"
    assert faults(*round_about) == [f"forms[1].fields[{row}].only_if: {said}" for row in (1, 2, 3)]


def test_what_the_house_knows_has_its_own_kind_and_unit_and_is_asked_once() -> None:
    assert faults(field(fact="acquired_on"), facts=True) == [
        "forms[1].fields[1].kind: acquired_on is a date; choose date"
    ]
    assert faults(number(fact="contrast_volume_ml"), facts=True) == [
        "forms[1].fields[1].unit: contrast_volume_ml is in mL"
    ]
    again = [field(fact="scanner"), field(code="B", fact="scanner")]
    assert faults(*again, facts=True) == ["forms[1].fields[2].fact: another field is known as this already"]


def test_a_charter_has_one_transfer_form() -> None:
    forms = [FormTerms(code=code, title=code, asked="delivery", fields=declared(CONTRAST)) for code in "AB"]
    assert list(map(str, faults_of_forms(forms, ("forms",)))) == ["forms[2].asked: form 1 is the transfer form already"]


def test_every_fact_has_a_kind_that_a_field_can_have() -> None:
    for name, fact in FACTS.items():
        unit = {"unit": fact.unit} if fact.unit else {}
        assert faults(field(fact=name, kind=fact.kind, **unit), facts=True) == []
