"""The archive in a program outside: dicomweb-client reads what its person may see, and finds nothing else."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
from django.test import Client
from pydicom.dataset import Dataset

from compliance import storage
from compliance.models import AuditEvent, User
from imaging.display.dicomweb import Asked, Level, Wanted, Within, asked
from imaging.models import ArchiveToken, Instance, Series
from imaging.services import lending
from tests.factories import PLANTED, World, make_world, scan
from tests.imaging.services.delivery import by_scanner
from tests.support.dicomweb import program
from trials.models import Role

ROOT = "/imaging/dicomweb"


@pytest.fixture
def lent(db: None) -> World:
    """A trial whose charter agrees, with a scan of a subject at each site."""
    world = make_world(charter={"external_viewers": ["staff"]})
    by_scanner(world, scan("N-001"))
    by_scanner(world, scan("S-001", scan_number=2), site=world.south)
    assert Instance.objects.count() == 6
    return world


def token_for(world: World, person: User) -> str:
    return lending.issue_archive_token(trial=world.trial, actor=person, at=dt.datetime.now(dt.UTC))[1]


def ask(path: str, token: str) -> Any:
    return Client().get(f"{ROOT}/{path}", headers={"authorization": f"Bearer {token}"})


def named(found: dict[str, Any]) -> tuple[str, str, str]:
    told = Dataset.from_json(found)
    return str(told.StudyInstanceUID), str(told.SeriesInstanceUID), str(told.SOPInstanceUID)


def test_an_analyst_s_program_finds_the_archive_under_its_own_names(lent):
    client = program(ROOT, token_for(lent, lent.analyst))
    found = client.search_for_instances()
    assert {name[2] for name in map(named, found)} == set(Instance.objects.values_list("sop_instance_uid", flat=True))
    studies = client.search_for_studies(search_filters={"PatientID": "N-001"})
    assert [one["00100020"]["Value"] for one in studies] == [["N-001"]]
    assert len(client.search_for_series(studies[0]["0020000D"]["Value"][0])) == 1


def test_metadata_are_those_of_the_de_identified_file(lent):
    client = program(ROOT, token_for(lent, lent.analyst))
    instance = Instance.objects.first()
    kept = pydicom.dcmread(BytesIO(storage.get(storage.ARCHIVE, instance.archive_key)))
    told = Dataset.from_json(client.retrieve_instance_metadata(*named(client.search_for_instances()[0])))
    for keyword in ("SOPInstanceUID", "PatientID", "StudyDate", "ImagePositionPatient", "PixelSpacing", "RescaleSlope"):
        assert told[keyword].value == kept[keyword].value, keyword
    assert "PixelData" not in told
    assert len(client.retrieve_study_metadata(str(kept.StudyInstanceUID))) == 3


def test_frames_files_and_pictures_are_those_of_the_archive(lent):
    client = program(ROOT, token_for(lent, lent.analyst))
    names = named(client.search_for_instances()[0])
    kept = storage.get(storage.ARCHIVE, Instance.objects.get(sop_instance_uid=names[2]).archive_key)
    stored = pydicom.dcmread(BytesIO(kept)).pixel_array
    (frame,) = client.retrieve_instance_frames(*names, frame_numbers=[1])
    assert np.array_equal(np.frombuffer(frame, "<i2").reshape(stored.shape), stored)
    assert np.array_equal(client.retrieve_instance(*names).pixel_array, stored)
    series = f"studies/{names[0]}/series/{names[1]}"
    image = f"{series}/instances/{names[2]}"
    for path in (f"{image}/rendered", f"{image}/frames/1/thumbnail", f"{series}/thumbnail"):
        shown = ask(path, token_for(lent, lent.analyst))
        assert shown.content[:4] == b"\x89PNG"


def test_a_coordinator_s_program_finds_the_own_site_alone(lent):
    token = token_for(lent, lent.coordinator)
    client = program(ROOT, token)
    assert [one["00100020"]["Value"] for one in client.search_for_studies()] == [["N-001"]]
    for series in Series.objects.filter(imaging_study__timepoint__subject__site=lent.south):
        study = series.imaging_study.study_instance_uid
        for path in ("metadata", "thumbnail", f"series/{series.series_instance_uid}/metadata"):
            assert ask(f"studies/{study}/{path}", token).status_code == 404
        assert ask(f"studies/{study}", token).status_code == 404
        assert ask(f"studies/{study}/series", token).json() == []


def test_another_trial_is_not_there(lent):
    other = make_world("PLX-2", charter={"external_viewers": ["staff"]}, prefix="other-")
    assert program(ROOT, token_for(other, other.analyst)).search_for_studies() == []


def test_what_the_scanner_wrote_of_the_person_is_in_no_answer(lent):
    token = token_for(lent, lent.analyst)
    study, series, instance = named(program(ROOT, token).search_for_instances()[0])
    below = f"studies/{study}/series/{series}"
    for path in ("studies", "series", "instances", f"{below}/metadata", f"{below}/instances/{instance}", below):
        answer = ask(path, token)
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code == 200
        assert [word for word in PLANTED if word.encode() in body] == []


def test_looking_is_on_record(lent):
    client = program(ROOT, token_for(lent, lent.analyst))
    client.retrieve_instance_frames(*named(client.search_for_instances()[0]), frame_numbers=[1])
    client.retrieve_instance(*named(client.search_for_instances()[0]))
    assert AuditEvent.objects.get(action="series.viewed").actor == lent.analyst


class TestTokens:
    @pytest.mark.parametrize("role", [Role.SITE_COORDINATOR, Role.QC_ANALYST, Role.AUDITOR])
    def test_who_sees_images_is_given_one_that_ends(self, lent, role):
        token = token_for(lent, lent.people[role])
        assert ask("studies", token).status_code == 200
        ArchiveToken.objects.update(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))
        assert ask("studies", token).status_code == 401

    def test_who_lost_the_role_or_whose_charter_changed_is_shut_out(self, lent):
        token = token_for(lent, lent.analyst)
        lent.amend(external_viewers=[])
        assert ask("studies", token).status_code == 401
        with pytest.raises(lending.NotLent, match="charter of PLX-1 does not let"):
            token_for(lent, lent.analyst)

    def test_the_person_takes_it_from_a_page_once_and_ends_it_there(self, lent):
        client = Client()
        client.force_login(lent.analyst)
        address = f"/imaging/trials/{lent.trial.pk}/programs/"
        assert f'href="{address}"' in client.get(f"/imaging/trials/{lent.trial.pk}/transfers/").content.decode()
        shown = client.post(address)
        secret = shown.content.decode().partition('id="secret">')[2].partition("<")[0]
        assert (shown.status_code, ask("studies", secret).status_code) == (201, 200)
        assert secret not in client.get(address).content.decode()
        client.post(f"/imaging/tokens/{ArchiveToken.objects.get().pk}/revoke/")
        assert ask("studies", secret).status_code == 401


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("studies", Asked(Wanted.SEARCH, Level.STUDY, Within())),
        ("series", Asked(Wanted.SEARCH, Level.SERIES, Within())),
        ("studies/1.2/series", Asked(Wanted.SEARCH, Level.SERIES, Within("1.2"))),
        ("studies/1.2/instances", Asked(Wanted.SEARCH, Level.INSTANCE, Within("1.2"))),
        ("studies/1.2/series/3/instances", Asked(Wanted.SEARCH, Level.INSTANCE, Within("1.2", "3"))),
        ("studies/1.2", Asked(Wanted.WHOLE, Level.STUDY, Within("1.2"))),
        ("studies/1.2/series/3/metadata", Asked(Wanted.METADATA, Level.SERIES, Within("1.2", "3"))),
        (
            "studies/1.2/series/3/instances/4/frames/1,2",
            Asked(Wanted.FRAMES, Level.INSTANCE, Within("1.2", "3", "4"), (1, 2)),
        ),
        (
            "studies/1.2/series/3/instances/4/frames/2/rendered",
            Asked(Wanted.RENDERED, Level.INSTANCE, Within("1.2", "3", "4"), (2,)),
        ),
        ("studies/1.2/thumbnail", Asked(Wanted.THUMBNAIL, Level.STUDY, Within("1.2"))),
        ("metadata", None),
        ("studies/x", None),
        ("studies/1.2/frames/1", None),
        ("studies/1.2/series/3/instances/4/frames/1,2/rendered", None),
        ("studies/1.2/rendered", None),
        ("patients", None),
    ],
)
def test_an_address_says_what_is_asked_for(resource, expected):
    assert asked(resource) == expected
