"""FHIR's doors: who gets in and gets what, how a search pages, what is told of trials and subjects, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from compliance import programs
from compliance.models import AuditEvent, User
from tests.factories import World, make_world
from tests.support.fhir_r4 import faults
from trials.models import Role, Subject

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
JSON = "application/fhir+json"
SUBJECTS = "/fhir/ResearchSubject"


def ask(person: User | None, path: str, method: str = "get", **headers: str) -> Any:
    """Ask as somebody; whatever is answered is FHIR."""
    client = Client()
    if person is not None:
        client.force_login(person)
    answer = getattr(client, method)(path, headers={name.replace("_", "-"): said for name, said in headers.items()})
    if answer.status_code != 304:
        assert answer["Content-Type"] == JSON
        assert faults(answer.json()) == []
    return answer


def told(person: User, path: str) -> Any:
    answer = ask(person, path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def found(person: User, path: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in told(person, path).get("entry", [])]


def codes(person: User, query: str = "") -> list[str]:
    return [one["identifier"][0]["value"] for one in found(person, f"{SUBJECTS}?{query}")]


# --- what there is -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-LOC-033")
def test_what_there_is_is_stated_to_everybody_signed_in(world: World) -> None:
    stated = told(world.outsider, "/fhir/metadata")
    kinds = {one["type"]: one for one in stated["rest"][0]["resource"]}
    assert list(kinds) == ["ResearchStudy", "ResearchSubject", "ImagingStudy", "DiagnosticReport"]
    assert {one["code"] for kind in kinds.values() for one in kind["interaction"]} == {"read", "search-type"}
    assert [one["name"] for one in kinds["ResearchSubject"]["searchParam"]] == ["_id", "identifier", "status", "study"]
    assert stated["implementation"]["url"] == "http://testserver/fhir"
    assert kinds["DiagnosticReport"]["conditionalRead"] == "full-support"
    assert kinds["ImagingStudy"]["conditionalRead"] == "not-match"


@pytest.mark.requirement("REQ-LOC-033")
def test_each_search_parameter_that_is_stated_is_taken(world: World) -> None:
    values = {"token": "x", "reference": "1", "date": "2030"}
    for kind in told(world.founder, "/fhir/metadata")["rest"][0]["resource"]:
        for one in kind["searchParam"]:
            name = one["name"] + (":identifier" if one["name"] in ("patient", "subject") else "")
            person = world.people[Role.AUDITOR]  # who holds the verb of each kind
            assert ask(person, f"/fhir/{kind['type']}?{name}={values[one['type']]}").status_code == 200


# --- who gets what -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-LOC-030")
def test_a_program_with_a_token_gets_what_its_person_gets(world: World) -> None:
    made = {"label": "EDC", "may_change": False, "days": 1, "at": timezone.now()}
    _, secret = programs.issue(actor=world.coordinator, **made)
    answer = ask(None, SUBJECTS, authorization=f"Bearer {secret}")
    assert [entry["resource"]["identifier"][0]["value"] for entry in answer.json()["entry"]] == ["N-001", "N-002"]
    _, of_nobody = programs.issue(actor=world.outsider, **made)
    assert ask(None, SUBJECTS, authorization=f"Bearer {of_nobody}").status_code == 403


@pytest.mark.requirement("REQ-LOC-030")
def test_each_role_gets_the_subjects_that_its_pages_show(world: World) -> None:
    make_world("PLX-2", prefix="other-")
    everywhere = ["N-001", "N-002", "S-001"]
    assert {role: codes(world.people[role]) for role in (Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)} == {
        Role.QC_ANALYST: everywhere,
        Role.AUDITOR: everywhere,
        Role.TRIAL_ADMINISTRATOR: everywhere,
    }
    assert codes(world.coordinator) == ["N-001", "N-002"]
    assert codes(world.other_coordinator) == ["S-001"]
    foreign = world.subjects["S-001"].pk
    assert ask(world.coordinator, f"{SUBJECTS}/{foreign}").status_code == 404
    for role in (Role.READER, Role.ADJUDICATOR, Role.SPONSOR, Role.READING_MANAGER):
        for path in (SUBJECTS, f"{SUBJECTS}/{foreign}"):
            assert ask(world.people[role], path).status_code == 403


@pytest.mark.requirement("REQ-LOC-030")
def test_a_reader_gets_the_trial_and_nothing_of_its_subjects(world: World) -> None:
    reader = world.people[Role.READER]
    (trial,) = found(reader, "/fhir/ResearchStudy")
    assert trial == {
        "resourceType": "ResearchStudy",
        "id": str(world.trial.pk),
        "meta": trial["meta"],
        "identifier": trial["identifier"],
        "title": "Tests",
        "status": "active",
        "sponsor": {"type": "Organization", "display": "Sponsor"},
    }
    assert trial["identifier"][0]["value"] == "PLX-1"
    for kind in ("ResearchSubject", "ImagingStudy", "DiagnosticReport"):
        assert ask(reader, f"/fhir/{kind}").status_code == 403


# --- what is told ------------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-LOC-031")
def test_a_subject_is_its_code_and_its_state(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = "https://lab.example.org"
    subject = world.enrol(world.north, "N-009", arm="ARM-QUARTZ-7")
    Subject.objects.filter(pk=subject.pk).update(screening_code="SCR-009")
    answer = ask(world.administrator, f"{SUBJECTS}/{subject.pk}")
    system = "https://lab.example.org/fhir/sid/subject/PLX-1"
    code = {"system": system, "value": "N-009"}
    assert answer.json() == {
        "resourceType": "ResearchSubject",
        "id": str(subject.pk),
        "meta": {"versionId": answer["ETag"].removeprefix('W/"').removesuffix('"')},
        "identifier": [code, {"use": "old", "system": system, "value": "SCR-009"}],
        "status": "on-study",
        "study": {"reference": f"ResearchStudy/{world.trial.pk}", "display": "PLX-1"},
        "individual": {"type": "Patient", "identifier": code},
    }
    assert "Last-Modified" not in answer


@pytest.mark.requirement("REQ-LOC-031")
def test_a_case_that_trains_readers_is_no_subject(world: World) -> None:
    subject = world.subjects["N-001"]
    Subject.objects.filter(pk=subject.pk).update(state="case")
    assert codes(world.analyst) == ["N-002", "S-001"]
    assert ask(world.analyst, f"{SUBJECTS}/{subject.pk}").status_code == 404


@pytest.mark.requirement("REQ-LOC-031")
def test_a_subject_is_found_by_its_code_its_state_and_its_trial(world: World, settings: Any) -> None:
    make_world("PLX-2", prefix="other-")
    who, system = world.analyst, f"{settings.PUBLIC_URL}/fhir/sid/subject"
    Subject.objects.filter(pk=world.subjects["N-002"].pk).update(state="withdrawn", screening_code="SCR-2")
    for query, expected in (
        ("identifier=N-001", ["N-001"]),
        ("identifier=N-001,S-001", ["N-001", "S-001"]),
        ("identifier=SCR-2", ["N-002"]),
        (f"identifier={system}/PLX-1|N-001", ["N-001"]),
        (f"identifier={system}/PLX-1|", ["N-001", "N-002", "S-001"]),
        (f"identifier={system}/PLX-2|N-001", []),
        ("identifier=urn:other|N-001", []),
        ("status=withdrawn", ["N-002"]),
        ("status=http://hl7.org/fhir/research-subject-status|on-study", ["N-001", "S-001"]),
        ("status=candidate", []),
        (f"study=ResearchStudy/{world.trial.pk}", ["N-001", "N-002", "S-001"]),
        (f"study={world.trial.pk}&identifier=N-001", ["N-001"]),
        (f"study={world.trial.pk + 77}", []),
        (f"_id={world.subjects['S-001'].pk}", ["S-001"]),
        ("_id=no-number", []),
    ):
        assert codes(who, query) == expected, query


# --- pages and conditions ----------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-LOC-033")
def test_a_search_comes_in_pages_that_lead_to_each_other(world: World) -> None:
    address, seen = f"{SUBJECTS}?_count=1&status=on-study", []
    while address:
        page = told(world.administrator, address)
        links = {one["relation"]: one["url"] for one in page["link"]}
        assert page["total"] == 3
        (entry,) = page["entry"]
        assert entry["fullUrl"] == f"http://testserver{SUBJECTS}/{entry['resource']['id']}"
        seen.append((entry["resource"]["identifier"][0]["value"], sorted(links)))
        address = links.get("next", "").removeprefix("http://testserver")
    assert seen == [
        ("N-001", ["first", "next", "self"]),
        ("N-002", ["first", "next", "previous", "self"]),
        ("S-001", ["first", "previous", "self"]),
    ]
    assert told(world.administrator, f"{SUBJECTS}?_count=0").keys() == {"resourceType", "type", "total", "link"}


@pytest.mark.requirement("REQ-LOC-033")
def test_what_a_search_asks_of_the_database_does_not_grow_with_what_it_finds(world: World) -> None:
    asked = []
    for count in (1, 3):
        with CaptureQueriesContext(connection) as queries:
            assert len(codes(world.analyst, f"_count={count}")) == count
        asked.append(len(queries))
    assert asked[0] == asked[1]


@pytest.mark.requirement("REQ-LOC-033")
@pytest.mark.parametrize("query", ["", "/one"])
def test_what_is_known_already_is_not_told_again(world: World, query: str) -> None:
    path = SUBJECTS if not query else f"{SUBJECTS}/{world.subjects['N-001'].pk}"
    tag = ask(world.analyst, path)["ETag"]
    again = ask(world.analyst, path, if_none_match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    Subject.objects.filter(pk=world.subjects["N-001"].pk).update(state="withdrawn")
    assert ask(world.analyst, path, if_none_match=tag).status_code == 200


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-LOC-030", "REQ-LOC-033")
@pytest.mark.parametrize(
    ("path", "accept", "status", "code"),
    [
        (f"{SUBJECTS}?arm=A", JSON, 400, "invalid"),
        (f"{SUBJECTS}?study=Other/1", JSON, 400, "invalid"),
        (f"{SUBJECTS}?identifier=a%00", JSON, 400, "invalid"),
        (f"{SUBJECTS}?page=9", JSON, 400, "invalid"),
        ("/fhir/ImagingStudy?started=yesterday", JSON, 400, "invalid"),
        (f"{SUBJECTS}/999999999999999999999", JSON, 404, "not-found"),
        (f"{SUBJECTS}/no-number", JSON, 404, "not-found"),
        (f"{SUBJECTS}/1/_history", JSON, 404, "not-found"),
        ("/fhir/Patient", JSON, 404, "not-found"),
        ("/fhir/", JSON, 404, "not-found"),
        (SUBJECTS, "application/fhir+xml", 406, "not-supported"),
        (f"{SUBJECTS}?_format=xml", JSON, 406, "not-supported"),
    ],
)
def test_a_refusal_is_said_as_fhir_says_it(world: World, path: str, accept: str, status: int, code: str) -> None:
    answer = ask(world.analyst, path, accept=accept)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code)
    recorded = AuditEvent.objects.filter(action="access.denied", actor=world.analyst).count()
    assert recorded == (1 if status == 404 else 0)


@pytest.mark.requirement("REQ-LOC-033")
@pytest.mark.parametrize("path", [SUBJECTS, f"{SUBJECTS}?_format=json", f"{SUBJECTS}?_format=application/fhir%2Bjson"])
@pytest.mark.parametrize("accept", ["*/*", "application/json", f"{JSON}; fhirVersion=4.0", "text/html,*/*;q=0.8"])
def test_json_is_asked_for_in_many_ways(world: World, path: str, accept: str) -> None:
    assert ask(world.analyst, path, accept=accept).status_code == 200


@pytest.mark.requirement("REQ-LOC-030")
@pytest.mark.parametrize("path", ["/fhir/metadata", SUBJECTS, "/fhir/DiagnosticReport/1", "/fhir/Patient"])
def test_nobody_and_a_token_that_does_not_stand_get_nothing(world: World, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer plx_wrong"}):
        answer = ask(None, path, **headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["issue"][0]["code"] == "login"


@pytest.mark.requirement("REQ-LOC-030")
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("path", ["/fhir/metadata", SUBJECTS, f"{SUBJECTS}/1", f"{SUBJECTS}/_search"])
def test_nothing_is_changed_by_fhir(world: World, method: str, path: str) -> None:
    answer = ask(world.administrator, path, method)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (405, "not-supported")
