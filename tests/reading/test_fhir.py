"""Accepted responses by FHIR: after the lock alone, for whom the table of release names, and each look is recorded."""

from __future__ import annotations

import re
import runpy
import urllib.request
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import http_date

from compliance import access, programs
from compliance.models import AuditEvent, User
from imaging.models import ImagingStudy
from tests.reading.exports import recorded
from tests.support.canaries import written
from tests.support.disarmed import disarm
from tests.support.fhir_r4 import faults
from trials.models import Membership, Role, Subject, Timepoint, Trial
from trials.release import TABLE, Artefact
from trials.schedule import date_of
from trials.states import TrialState

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
REPORTS = "/fhir/DiagnosticReport"
#: What tells an outcome, in a report.
OUTCOMES = ('"conclusion"', "Partial", "Progressive", '"PR"', '"PD"')


@pytest.fixture
def trial(own_disk: Path) -> Trial:
    """A locked trial of two subjects, one of whom progresses."""
    return recorded.build()


def ask(person: User, path: str = REPORTS, **headers: str) -> Any:
    client = Client()
    client.force_login(person)
    answer = client.get(path, headers={name.replace("_", "-"): said for name, said in headers.items()})
    if answer.status_code != 304:
        assert faults(answer.json()) == []
    return answer


def responses(person: User, query: str = "") -> list[tuple[str, str]]:
    """Subjects and responses that a search gives somebody."""
    told = ask(person, f"{REPORTS}?{query}").json()
    found = [entry["resource"] for entry in told.get("entry", [])]
    return [(one["subject"]["identifier"]["value"], one["conclusionCode"][0]["coding"][0]["code"]) for one in found]


def timepoint(code: str, visit: str) -> Timepoint:
    return Timepoint.objects.get(subject__code=code, code=visit)


@pytest.mark.requirement("REQ-LOC-032")
def test_a_report_is_an_accepted_response_under_pseudonyms_and_a_shifted_date(trial: Trial, settings: Any) -> None:
    of = timepoint("A-001", "W8")
    study = ImagingStudy.objects.get(timepoint=of)
    answer = ask(recorded.member(trial, Role.SPONSOR), f"{REPORTS}/{of.pk}")
    told = answer.json()
    assert study.shifted_date is not None
    assert told == {
        "resourceType": "DiagnosticReport",
        "id": str(of.pk),
        "meta": {"versionId": told["meta"]["versionId"], "lastUpdated": "2026-03-02T16:30:00Z"},
        "status": "final",
        "category": told["category"],
        "code": {"coding": told["code"]["coding"], "text": f"Response at {of.name}"},
        "subject": {
            "type": "Patient",
            "identifier": {"system": f"{settings.PUBLIC_URL}/fhir/sid/subject/PKG-01", "value": "A-001"},
        },
        "effectiveDateTime": study.shifted_date.isoformat(),
        "issued": "2026-03-02T16:30:00Z",
        "imagingStudy": [
            {
                "type": "ImagingStudy",
                "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{study.study_instance_uid}"},
            }
        ],
        "conclusion": told["conclusion"],
        "conclusionCode": told["conclusionCode"],
    }
    (coding,) = told["conclusionCode"][0]["coding"]
    assert (coding["system"], coding["code"]) == (f"{settings.PUBLIC_URL}/fhir/sid/response/recist-1.1", "PR")
    # (22 + 15) of (31 + 22) mm.
    assert told["conclusion"].startswith("Overall response: ")
    assert "-30.2 % from baseline" in told["conclusion"]


@pytest.mark.requirement("REQ-LOC-031", "REQ-LOC-032")
def test_a_baseline_has_no_report_and_nobody_and_no_true_date_is_named(trial: Trial) -> None:
    sponsor = recorded.member(trial, Role.SPONSOR)
    assert responses(sponsor) == [("A-001", "PR"), ("A-001", "PD"), ("B-001", "PR")]
    assert ask(sponsor, f"{REPORTS}/{timepoint('A-001', 'BL').pk}").status_code == 404
    never = {*recorded.READER_NAMES, "Ajit Third", "Dr Ada Trial", "ARM-X", "Site A", "effusion"}
    days = [date_of(day, recorded.TRUE_DAY_1) for day in (1, *recorded.SCAN_DAYS.values())]
    never |= {said for day in (*days, recorded.WORKED_AT.date()) for said in written(day)}
    body = ask(sponsor).content.decode()
    assert [word for word in never if word in body] == []


@pytest.mark.requirement("REQ-LOC-032")
def test_in_each_state_each_role_gets_what_the_table_says_and_nothing_else(trial: Trial) -> None:
    people = {role: recorded.member(trial, role) for role in Role}
    stranger = User.objects.create(username="stranger")
    of = timepoint("A-001", "W8").pk
    row, wrong = TABLE[Artefact.OUTCOMES], []
    disarm()
    for state in TrialState:
        Trial.objects.filter(pk=trial.pk).update(state=state)
        for who, person in {**people, "nobody": stranger}.items():
            for path in (REPORTS, f"{REPORTS}/{of}", f"{REPORTS}?conclusion=PD", f"{REPORTS}?subject:identifier=A-001"):
                answer = ask(person, path)
                gets = any(word in answer.content.decode() for word in OUTCOMES)
                if gets != (who in row.roles and state in row.states):
                    wrong.append(f"{who} asks for {path} in {state}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.requirement("REQ-LOC-032")
def test_a_trial_that_is_not_locked_is_searched_in_vain(own_disk: Path) -> None:
    trial = recorded.written()
    sponsor = recorded.member(trial, Role.SPONSOR)
    assert ask(sponsor).json()["total"] == 0
    of = timepoint("A-001", "W8").pk
    refused, unknown = (ask(sponsor, f"{REPORTS}/{pk}") for pk in (of, 999999999))
    assert (refused.status_code, refused.json()) == (unknown.status_code, unknown.json())
    assert not AuditEvent.objects.filter(action="results.viewed").exists()


@pytest.mark.requirement("REQ-LOC-032")
def test_each_look_is_on_record(trial: Trial) -> None:
    sponsor = recorded.member(trial, Role.SPONSOR)
    ask(sponsor)
    ask(sponsor, f"{REPORTS}/{timepoint('A-001', 'W8').pk}")
    assert ask(sponsor, f"{REPORTS}?arm=A").status_code == 400
    viewed = AuditEvent.objects.filter(action="results.viewed", actor=sponsor)
    assert [event.object_id for event in viewed] == [str(trial.pk)] * 2


@pytest.mark.requirement("REQ-LOC-032")
def test_who_asks_for_one_report_looked_at_its_trial_alone(trial: Trial) -> None:
    sponsor = recorded.member(trial, Role.SPONSOR)
    other = Trial.objects.create(
        code="PKG-02", title="Other", sponsor_name="Sponsor Ltd", state="locked", created_at=recorded.LOCKED_AT
    )
    Membership.objects.create(user=sponsor, trial=other, role=Role.SPONSOR, granted_at=recorded.LOCKED_AT)
    access.grant(sponsor, Role.SPONSOR.permission, other)
    viewed = AuditEvent.objects.filter(action="results.viewed", actor=sponsor)
    for pk in (timepoint("A-001", "W8").pk, timepoint("A-001", "BL").pk):
        ask(sponsor, f"{REPORTS}/{pk}")
    assert {event.object_id for event in viewed} == {str(trial.pk)}
    for pk in (999999999, 10**30):
        assert ask(sponsor, f"{REPORTS}/{pk}").status_code == 404
    assert len(viewed.all()) == 2


@pytest.mark.requirement("REQ-LOC-033")
def test_what_a_search_asks_of_the_database_does_not_grow_with_what_it_finds(trial: Trial) -> None:
    sponsor = recorded.member(trial, Role.SPONSOR)
    ask(sponsor)  # figures are computed once
    asked = []
    for count in (1, 3):
        with CaptureQueriesContext(connection) as queries:
            assert len(responses(sponsor, f"_count={count}")) == count
        asked.append(len(queries))
    assert asked[0] == asked[1]


@pytest.mark.requirement("REQ-LOC-033")
def test_a_report_is_found_by_its_subject_and_its_conclusion(trial: Trial, settings: Any) -> None:
    disarm()
    Subject.objects.filter(code="B-001").update(screening_code="SCR-1")
    who = recorded.member(trial, Role.READING_MANAGER)
    codes, of = f"{settings.PUBLIC_URL}/fhir/sid/response/recist-1.1", timepoint("A-001", "W16").pk
    for query, expected in (
        ("conclusion=PD", [("A-001", "PD")]),
        (f"conclusion={codes}|PR,{codes}|PD&subject:identifier=A-001", [("A-001", "PR"), ("A-001", "PD")]),
        ("conclusion=urn:other|PR", []),
        ("patient:identifier=SCR-1", [("B-001", "PR")]),
        (f"patient:identifier={settings.PUBLIC_URL}/fhir/sid/subject/PKG-01|B-001", [("B-001", "PR")]),
        ("patient:identifier=urn:other|B-001", []),
        (f"_id={of}", [("A-001", "PD")]),
        ("_count=1&page=2", [("A-001", "PD")]),
    ):
        assert responses(who, query) == expected, query


@pytest.mark.requirement("REQ-LOC-033")
def test_a_report_changes_with_the_lock_and_is_not_told_twice(trial: Trial) -> None:
    sponsor, path = recorded.member(trial, Role.SPONSOR), f"{REPORTS}/{timepoint('A-001', 'W8').pk}"
    first = ask(sponsor, path)
    assert first["Last-Modified"] == http_date(recorded.LOCKED_AT.timestamp())
    for condition in ({"if_none_match": first["ETag"]}, {"if_modified_since": first["Last-Modified"]}):
        assert ask(sponsor, path, **condition).status_code == 304
    before = http_date(recorded.LOCKED_AT.timestamp() - 1)
    assert ask(sponsor, path, if_modified_since=before).status_code == 200
    # Where both are said, the version counts.
    assert ask(sponsor, path, if_none_match='W/"other"', if_modified_since=first["Last-Modified"]).status_code == 200


# --- the documentation -------------------------------------------------------------------------------------------


@pytest.fixture
def documented(tmp_path: Path) -> tuple[str, str]:
    """The program of the documentation as a file, and what it prints."""
    page = (Path(configured.ROOT) / "docs" / "fhir.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (tmp_path / "example.py").write_text(program, encoding="utf-8")
    return str(tmp_path / "example.py"), printed


@pytest.mark.requirement("REQ-LOC-033")
def test_the_docs_example_runs_and_prints_what_it_says(
    trial: Trial, documented: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sponsor = recorded.member(trial, Role.SPONSOR)
    _, secret = programs.issue(label="Example", may_change=False, days=1, actor=sponsor, at=timezone.now())

    def by_client(request: urllib.request.Request) -> BytesIO:
        address = urlsplit(request.full_url)
        sent = {"authorization": request.get_header("Authorization")}
        answer = Client().get(f"{address.path}?{address.query}", headers=sent)
        assert answer.status_code == 200, answer.content
        return BytesIO(answer.content)

    monkeypatch.setattr(urllib.request, "urlopen", by_client)
    monkeypatch.setenv("PARALLAX_TOKEN", secret)
    program, printed = documented
    runpy.run_path(program)
    assert capsys.readouterr().out == printed
