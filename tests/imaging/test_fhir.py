"""The archive by FHIR: scans under their pseudonyms and shifted dates, for who may look at them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compliance.models import User
from imaging.models import ImagingStudy, Instance
from tests.factories import PLANTED, World, make_world, scan
from tests.factories.scans import ROOT
from tests.factories.world import REFERENCE
from tests.imaging.services.delivery import by_scanner
from tests.support.canaries import written
from tests.support.fhir_r4 import faults
from trials import release
from trials.models import Role, Subject
from trials.release import Artefact
from trials.schedule import date_of
from trials.states import TrialState

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
STUDIES = "/fhir/ImagingStudy"


@pytest.fixture
def scanned(world: World) -> World:
    """A scan of a subject at each site."""
    by_scanner(world, scan("N-001"))
    by_scanner(world, scan("S-001", scan_number=2), site=world.south)
    assert ImagingStudy.objects.count() == 2
    return world


def ask(person: User, path: str = STUDIES) -> Any:
    client = Client()
    client.force_login(person)
    answer = client.get(path)
    assert faults(answer.json()) == []
    return answer


def subjects(person: User, query: str = "") -> list[str]:
    told = ask(person, f"{STUDIES}?{query}").json()
    return [entry["resource"]["subject"]["identifier"]["value"] for entry in told.get("entry", [])]


@pytest.mark.requirement("REQ-LOC-031")
def test_a_scan_is_told_as_it_was_archived(scanned: World, settings: Any) -> None:
    study = ImagingStudy.objects.get(timepoint__subject__code="N-001")
    series = study.series.get()
    modality = {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}
    answer = ask(scanned.analyst, f"{STUDIES}/{study.pk}")
    assert study.shifted_date is not None
    told = answer.json()
    assert told == {
        "resourceType": "ImagingStudy",
        "id": str(study.pk),
        "meta": told["meta"],
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{study.study_instance_uid}"}],
        "status": "available",
        "modality": [modality],
        "subject": {
            "type": "Patient",
            "identifier": {"system": f"{settings.PUBLIC_URL}/fhir/sid/subject/PLX-1", "value": "N-001"},
        },
        "started": study.shifted_date.isoformat(),
        "numberOfSeries": 1,
        "numberOfInstances": 3,
        "description": study.timepoint.name,
        "series": [
            {
                "uid": series.series_instance_uid,
                "number": series.number,
                "modality": modality,
                **({"description": series.label} if series.label else {}),
                "numberOfInstances": 3,
            }
        ],
    }
    assert "Last-Modified" not in answer


@pytest.mark.requirement("REQ-LOC-031")
def test_neither_the_person_nor_a_true_date_nor_the_site_is_in_an_answer(scanned: World) -> None:
    never = {*PLANTED.values(), ROOT, "MRN55667788", "North", "NORTH"}
    never |= {said for day in (1, -5) for said in written(date_of(day, REFERENCE))}
    body = ask(scanned.analyst).content.decode()
    assert [word for word in never if word in body] == []


@pytest.mark.requirement("REQ-LOC-030")
def test_each_role_gets_the_scans_that_its_pages_show(scanned: World) -> None:
    other = make_world("PLX-2", prefix="other-")
    assert subjects(scanned.analyst) == subjects(scanned.people[Role.AUDITOR]) == ["N-001", "S-001"]
    assert subjects(scanned.coordinator) == ["N-001"]
    assert subjects(scanned.other_coordinator) == ["S-001"]
    assert subjects(other.analyst) == []
    south = ImagingStudy.objects.get(timepoint__subject__code="S-001")
    for stranger in (scanned.coordinator, other.analyst):
        assert ask(stranger, f"{STUDIES}/{south.pk}").status_code == 404
    for role in (Role.READER, Role.ADJUDICATOR, Role.SPONSOR, Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR):
        assert ask(scanned.people[role]).status_code == 403


@pytest.mark.requirement("REQ-LOC-031")
def test_what_was_erased_and_what_trains_readers_is_not_there(scanned: World) -> None:
    Instance.objects.filter(series__imaging_study__timepoint__subject__code="N-001").update(stored_state="gone")
    assert subjects(scanned.analyst) == ["S-001"]
    Subject.objects.filter(code="S-001").update(state="case")
    assert subjects(scanned.analyst) == []


@pytest.mark.requirement("REQ-LOC-033")
def test_what_a_search_asks_of_the_database_does_not_grow_with_what_it_finds(scanned: World) -> None:
    asked = []
    for count in (1, 2):
        with CaptureQueriesContext(connection) as queries:
            assert len(subjects(scanned.analyst, f"_count={count}")) == count
        asked.append(len(queries))
    assert asked[0] == asked[1]


@pytest.mark.requirement("REQ-LOC-030", "REQ-LOC-032")
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"roles": (Role.QC_ANALYST, Role.AUDITOR)}, []),
        ({"roles": (Role.SITE_COORDINATOR,)}, ["N-001"]),
        ({"states": (TrialState.LOCKED,)}, []),
    ],
    ids=["not to coordinators", "to coordinators", "not yet"],
)
def test_what_the_table_of_release_closes_is_not_there(
    scanned: World, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], expected: list[str]
) -> None:
    monkeypatch.setitem(release.TABLE, Artefact.ARCHIVE, replace(release.TABLE[Artefact.ARCHIVE], **row))
    assert subjects(scanned.coordinator) == expected


@pytest.mark.requirement("REQ-LOC-033")
def test_a_scan_is_found_by_its_uid_its_subject_its_date_and_its_modality(scanned: World, settings: Any) -> None:
    study = ImagingStudy.objects.get(timepoint__subject__code="N-001")
    assert study.shifted_date is not None
    south = ImagingStudy.objects.get(timepoint__subject__code="S-001")
    on, system = study.shifted_date, f"{settings.PUBLIC_URL}/fhir/sid/subject/PLX-1"
    both = ["N-001", "S-001"]
    for query, expected in (
        (f"identifier=urn:dicom:uid|urn:oid:{study.study_instance_uid}", ["N-001"]),
        (f"identifier={south.study_instance_uid}", ["S-001"]),
        ("identifier=urn:dicom:uid|", both),
        ("identifier=urn:other|1.2.3", []),
        ("subject:identifier=S-001", ["S-001"]),
        (f"patient:identifier={system}|N-001", ["N-001"]),
        (f"patient:identifier={system}|", both),
        ("modality=CT", both),
        ("modality=http://dicom.nema.org/resources/ontology/DCM|MR", []),
        (f"started={on}&subject:identifier=N-001", ["N-001"]),
        (f"started=gt{on}&subject:identifier=N-001", []),
        (f"_id={south.pk}", ["S-001"]),
    ):
        assert subjects(scanned.analyst, query) == expected, query
