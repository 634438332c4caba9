"""FHIR in plain values: what a search takes, what is never written, and which version a resource has."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from compliance import fhir
from compliance.api_lists import FilterRefused
from compliance.fhir import Kind, Parameter, Token
from tests.support.fhir_r4 import faults

pytestmark = pytest.mark.requirement("REQ-LOC-033")
AT = dt.datetime(2026, 3, 2, 16, 30, tzinfo=dt.UTC)

#: A kind whose records are numbers.
NUMBERS = Kind(
    type="ResearchStudy",
    verb="",
    says="Numbers",
    seen=lambda user, at, pk: [1, 2, 3],
    told=lambda one: {"id": str(one), "title": f"Trial {one}", "status": "active", "condition": [{"text": ""}]},
    parameters=(
        fhir.id_among(lambda one: one),
        Parameter("status", "token", "", fhir.among(lambda one, token: token.names("urn:x", "active"))),
    ),
    modified=lambda one: AT if one == 1 else None,
)


def wanted(**said: str) -> fhir.Asked:
    return fhir.asked(NUMBERS, [(name, [value]) for name, value in said.items()])


@pytest.mark.parametrize(
    ("said", "system", "code"),
    [("PR", None, "PR"), ("urn:x|PR", "urn:x", "PR"), ("urn:x|", "urn:x", ""), ("|PR", "", "PR")],
)
def test_a_token_is_a_code_and_perhaps_its_system(said: str, system: str | None, code: str) -> None:
    assert Token.read(said) == (system, code)


def test_a_token_without_a_system_means_a_code_of_any_and_one_without_a_code_all_of_its_system() -> None:
    assert [
        Token.read(said).names("urn:x", "PR") for said in ("PR", "urn:x|PR", "urn:x|", "|PR", "urn:y|PR", "CR")
    ] == [True, True, True, False, False, False]


@pytest.mark.parametrize(
    ("said", "holds", "without"),
    [
        ("2030", ["2030-01-01", "2030-12-31"], ["2029-12-31", "2031-01-01"]),
        ("2028-02", ["2028-02-01", "2028-02-29"], ["2028-01-31", "2028-03-01"]),
        ("eq2030-11-12", ["2030-11-12"], ["2030-11-11", "2030-11-13"]),
        ("lt2030-11", ["2030-10-31"], ["2030-11-01"]),
        ("gt2030-11", ["2030-12-01"], ["2030-11-30"]),
        ("le2030-11", ["2030-11-30"], ["2030-12-01"]),
        ("ge2030-11", ["2030-11-01"], ["2030-10-31"]),
    ],
)
def test_a_date_holds_for_as_long_as_it_is_precise(said: str, holds: list[str], without: list[str]) -> None:
    ((name, meant),) = fhir._in_time("on", said).children
    low, high = meant if name == "on__range" else (meant, meant)
    tests = {
        "on__range": lambda day: low <= day <= high,
        "on__lt": lambda day: day < low,
        "on__gt": lambda day: day > low,
        "on__lte": lambda day: day <= low,
        "on__gte": lambda day: day >= low,
    }
    held = [day for day in holds + without if tests[name](dt.date.fromisoformat(day))]
    assert held == holds


@pytest.mark.parametrize("said", ["", "2030-13", "2030-02-30", "0000", "20301112", "sa2030", "2030-1", "yesterday"])
def test_a_date_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(FilterRefused):
        fhir._in_time("on", said)


def test_of_several_values_one_must_hold_and_of_several_parameters_all() -> None:
    asked = wanted(_id="1,3,9", status="active")
    found: Any = [1, 2, 3]
    for parameter, values in asked.by:
        found = parameter.narrow(found, values)
    assert found == [1, 3]
    assert (asked.count, asked.page) == (100, 1)
    assert wanted(_count="5000").count == 1000
    assert wanted(_count="0", status="").by == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [("arm", "A"), ("_id:missing", "true"), ("_count", "-1"), ("_count", "many"), ("page", "0"), ("status", "a\0")],
)
def test_what_is_not_understood_is_refused_and_never_passed_over(name: str, value: str) -> None:
    with pytest.raises(FilterRefused):
        fhir.asked(NUMBERS, [(name, [value])])


def test_nothing_empty_is_written() -> None:
    said = {"a": None, "b": "", "c": [], "d": {"e": [{"f": ""}]}, "g": 0, "h": False, "i": [None, "x"]}
    assert fhir.bare(said) == {"g": 0, "h": False, "i": ["x"]}


def test_a_resource_has_a_version_that_changes_with_what_is_told_alone() -> None:
    one, two = fhir.resource(NUMBERS, 1), fhir.resource(NUMBERS, 2)
    assert one == {
        "resourceType": "ResearchStudy",
        "id": "1",
        "meta": {"versionId": fhir.resource(NUMBERS, 1)["meta"]["versionId"], "lastUpdated": "2026-03-02T16:30:00Z"},
        "title": "Trial 1",
        "status": "active",
    }
    assert two["meta"].keys() == {"versionId"}
    assert one["meta"]["versionId"] != two["meta"]["versionId"]
    assert faults(one) == faults(two) == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 429, 503])
def test_every_refusal_is_an_outcome_of_the_standard(status: int) -> None:
    told = fhir.outcome(status, "No.")
    assert faults(told) == []
    assert told["issue"][0]["details"] == {"text": "No."}


def test_the_rules_find_what_is_wrong() -> None:
    right = fhir.resource(NUMBERS, 2)
    wrong = [
        {**right, "status": "running"},
        {**right, "title": ["Trial 2"]},
        {**right, "arm": "A"},
        {**right, "title": ""},
        {**right, "id": "two words"},
        {name: value for name, value in right.items() if name != "status"},
        {"resourceType": "ResearchSubject", "id": "1", "status": "on-study", "study": {"display": "A"}},
        fhir.searchset(-1, {"self": "http://x/"}, []),
        fhir.searchset(1, {"self": "http://x/"}, [("http://x/2", {**right, "status": "running"})]),
    ]
    assert [len(faults(one)) for one in wrong] == [1] * len(wrong)
    assert faults({"resourceType": "Patient"})
    twice = fhir.searchset(2, {"self": "http://x/"}, [("http://x/2", right), ("http://x/2", right)])
    assert faults(twice) == ["Bundle: bdl-7, two entries have one address"]
