"""A read in a program outside: dicomweb-client sees the reader's pictures, and nothing that is kept from the reader."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import pydicom
import pytest
from django.test import Client
from django.utils import timezone
from requests import HTTPError

from compliance import accounts, tokens
from compliance.models import AuditEvent, User
from imaging.models import ImagingStudy, Instance, Series
from reading.models import ReadTask, ReadToken
from reading.services import lending
from reading.services.assessing import open_task
from tests.factories.world import PASSWORD, REFERENCE
from tests.reading.conftest import (
    ARM,
    AT,
    SERIES_DESCRIPTION,
    SITE_CODE,
    SITE_NAME,
    SUBJECT_CODE,
    World,
    baseline,
    follow_up,
)
from tests.support.dicomweb import program
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-BLI-006")]

ROOT = "/reading/dicomweb"


@pytest.fixture
def lent(world: World) -> World:
    world.amend(external_viewers=["readers"], windows_locked=False)
    return world


@pytest.fixture
def task(lent: World) -> ReadTask:
    """The first reader's read of Week 8, opened; the baseline is signed, and Week 16 is there."""
    lent.enrol()
    lent.clear("BL")
    lent.read_by_both("BL", baseline(30, 20))
    lent.clear("W8")
    task = lent.task("W8", 1)
    open_task(task=task, actor=task.reader, at=AT)
    return lent.task("W8", 1)


def token_for(task: ReadTask) -> str:
    return lending.issue_read_token(task=task, actor=task.reader, at=dt.datetime.now(dt.UTC))[1]


@pytest.fixture
def token(task: ReadTask) -> str:
    return token_for(task)


def ask(path: str, token: str, **query: str) -> Any:
    return Client().get(f"{ROOT}/{path}", query, headers={"authorization": f"Bearer {token}"})


def uid(found: dict[str, Any], keyword: str) -> str:
    return str(pydicom.Dataset.from_json(found)[keyword].value)


def test_a_program_finds_the_timepoints_their_series_and_their_pictures(task, token):
    client = program(ROOT, token)
    studies = [pydicom.Dataset.from_json(one) for one in client.search_for_studies()]
    assert [one.StudyDescription for one in studies] == ["Timepoint 1", "Timepoint 2"]
    assert {str(one.PatientID) for one in studies} == {task.case_code}
    (series,) = client.search_for_series(studies[1].StudyInstanceUID)
    assert pydicom.Dataset.from_json(series).NumberOfSeriesRelatedInstances == 2
    found = client.search_for_instances(studies[1].StudyInstanceUID, uid(series, "SeriesInstanceUID"))
    assert [one["00200013"]["Value"] for one in found] == [[1], [2]]
    assert len(client.search_for_instances()) == 4


def test_searches_are_narrowed_by_attributes(task, token):
    client = program(ROOT, token)
    assert len(client.search_for_studies(search_filters={"PatientID": task.case_code})) == 2
    assert client.search_for_studies(search_filters={"PatientID": SUBJECT_CODE}) == []
    assert client.search_for_studies(search_filters={"StudyDate": "19000101-20991231"}) == []
    assert len(client.search_for_studies(search_filters={"StudyDescription": "*2"})) == 1
    assert len(client.search_for_studies(limit=1, offset=1)) == 1


def test_the_values_are_those_of_the_archive(task, token):
    client = program(ROOT, token)
    (study, _) = client.search_for_studies()
    first, _ = client.retrieve_study_metadata(uid(study, "StudyInstanceUID"))
    told = pydicom.Dataset.from_json(first)
    named = (str(told.StudyInstanceUID), str(told.SeriesInstanceUID), str(told.SOPInstanceUID))
    (frame,) = client.retrieve_instance_frames(*named, frame_numbers=[1])
    kind = np.dtype(f"<i{told.BitsAllocated // 8}")
    assert told.PixelRepresentation == 1
    assert np.array_equal(np.frombuffer(frame, kind), np.full(64, 40))
    assert float(told.RescaleSlope) == 1
    whole = client.retrieve_instance(*named)
    assert np.array_equal(whole.pixel_array, np.full((8, 8), 40))
    assert client.retrieve_instance_frames_rendered(*named, frame_numbers=[1])[:4] == b"\x89PNG"
    assert len(client.retrieve_study(named[0])) == 2


def test_the_charter_s_windows_are_offered(task, token):
    (_, study) = program(ROOT, token).search_for_studies()
    first = program(ROOT, token).retrieve_study_metadata(uid(study, "StudyInstanceUID"))[0]
    presets = task.charter.terms.window_presets
    assert first["00281055"]["Value"] == [preset.name for preset in presets]
    assert first["00281050"]["Value"] == [preset.centre for preset in presets]


def planted() -> list[str]:
    """What no answer may hold: codes, names, visits, dates, names of the archive, the other reader's entries."""
    days = [REFERENCE + dt.timedelta(days=days) for days in (-8, -7, 0, 56, 57)]
    return [
        *(SITE_CODE, SITE_NAME, SUBJECT_CODE, ARM, SERIES_DESCRIPTION, "Week 8", "W8", "Baseline", "READ-1"),
        *("reader-a", "reader-b", "Reader-A", "Reader-B"),
        *(day.isoformat() for day in days),
        *(f"{day:%Y%m%d}" for day in days),
        *ImagingStudy.objects.values_list("study_instance_uid", flat=True),
        *Series.objects.values_list("series_instance_uid", flat=True),
        *Instance.objects.values_list("sop_instance_uid", flat=True),
        *Instance.objects.values_list("archive_key", flat=True),
        *Instance.objects.values_list("sha256", flat=True),
    ]


def crawl(token: str, names: list[str]) -> list[Any]:
    """Every answer that a token gets, to what there is and to what the archive calls it."""
    found = program(ROOT, token).search_for_instances()
    paths = ["studies", "series", "instances", "nothing", "studies/1.2/metadata"]
    for one in [*found, *({"0020000D": {"Value": [name]}} for name in names if name.startswith("2.25."))]:
        study, series, instance = (
            one.get(tag, {"Value": ["1.2"]})["Value"][0] for tag in ("0020000D", "0020000E", "00080018")
        )
        below = f"studies/{study}", f"studies/{study}/series/{series}"
        image = f"{below[1]}/instances/{instance}"
        paths += [*below, f"{below[0]}/series", f"{below[0]}/instances", f"{below[1]}/instances", image]
        paths += [f"{place}/{what}" for place in (*below, image) for what in ("metadata", "thumbnail")]
        paths += [
            f"{image}/{what}"
            for what in ("frames/1", "frames/2", "frames/1/rendered", "rendered", "frames/1/thumbnail")
        ]
    answers = [ask(path, token) for path in dict.fromkeys(paths)]
    return [*answers, *(ask("studies", token, PatientID=name, StudyInstanceUID=name) for name in names)]


def test_nothing_planted_is_in_any_answer(lent, task, token):
    names = planted()
    answers = crawl(token, names)
    assert len(answers) > 100
    assert {answer.status_code for answer in answers} == {200, 404}
    for answer in answers:
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        said = repr(answer.headers).encode() + body
        path = answer.request["PATH_INFO"]
        assert [name for name in names if name.encode() in said] == [], path
        if answer.headers["Content-Type"] == "application/dicom+json":
            told = re.findall(rb'"vr": "(?:DA|DT|TM)"(, "Value")?', body)
            assert set(told) <= {b""}, path


@pytest.mark.requirement("REQ-BLI-003", "REQ-BLI-006")
def test_the_same_pictures_have_other_names_in_the_other_reader_s_read(lent, task, token):
    other = lent.task("W8", 2)
    open_task(task=other, actor=other.reader, at=AT)

    def names(secret: str) -> set[str]:
        told = program(ROOT, secret).search_for_instances()
        return {one[tag]["Value"][0] for one in told for tag in ("0020000D", "0020000E", "00080018", "00100020")}

    mine, theirs = names(token), names(token_for(lent.task("W8", 2)))
    assert mine == names(token)
    assert len(mine) == len(theirs)
    assert mine & theirs == set()


def test_a_later_timepoint_is_not_there(lent, task, token):
    lent.read("W8", 1, follow_up(30, 20))
    lent.read("W8", 2, follow_up(30, 20))
    lent.clear("W16")
    assert len(program(ROOT, token).search_for_studies()) == 2


def test_looking_is_on_record_as_it_is_in_the_page(task, token):
    (study, _) = program(ROOT, token).search_for_studies()
    program(ROOT, token).retrieve_study(uid(study, "StudyInstanceUID"))
    seen = AuditEvent.objects.get(action="series.viewed")
    assert (seen.actor, seen.after["read"]) == (task.reader, task.blinded_code)


class TestTokens:
    def test_without_one_that_stands_nothing_is_said(self, task, token):
        for shown in ("", "plx_guess", token + "x", token[:-1]):
            assert ask("studies", shown).status_code == 401
        with pytest.raises(HTTPError):
            program(ROOT, "plx_guess").search_for_studies()

    @pytest.mark.requirement("REQ-ACS-007", "REQ-BLI-006")
    def test_it_ends_by_itself_and_at_any_time(self, task, token):
        kept = ReadToken.objects.get()
        assert kept.expires_at - kept.created_at == tokens.LASTS
        ReadToken.objects.update(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))
        assert ask("studies", token).status_code == 401
        again = token_for(task)
        assert ask("studies", again).status_code == 200
        lending.revoke_read_token(token=ReadToken.objects.latest("pk"), actor=task.reader, at=AT)
        assert ask("studies", again).status_code == 401

    @pytest.mark.requirement("REQ-ACS-007", "REQ-BLI-006")
    def test_issuing_and_revoking_are_on_record_without_the_secret(self, task, token):
        lending.revoke_read_token(token=ReadToken.objects.get(), actor=task.reader, at=AT)
        events = AuditEvent.objects.filter(object_type="reading.readtoken").order_by("pk")
        assert [event.action for event in events] == ["readtoken.issued", "readtoken.revoked"]
        told = repr([(event.before, event.after) for event in events])
        assert token not in told
        assert tokens.digest_of(token) not in told

    @pytest.mark.requirement("REQ-ACS-007", "REQ-BLI-006")
    def test_it_opens_nothing_for_a_person_who_was_shut_out(self, task, token):
        task.reader.is_active = False
        task.reader.save()
        assert ask("studies", token).status_code == 401

    @pytest.mark.requirement("REQ-ACS-007", "REQ-BLI-006")
    def test_a_site_s_token_is_none(self, lent, task):
        from trials.services import connecting

        _, secret = connecting.issue_token(site=lent.site, label="PACS", actor=lent.admin, at=timezone.now())
        assert ask("studies", secret).status_code == 401

    def test_a_charter_that_does_not_speak_of_it_gives_none(self, world: World, subject: Subject):
        world.clear("BL")
        task = world.task("BL", 1)
        with pytest.raises(lending.NotLent, match="charter does not let"):
            token_for(task)


def test_the_reader_takes_a_token_from_a_page_once_and_ends_it_there(task):
    client = Client()
    client.login(username=task.reader.username, password=PASSWORD)
    address = f"/reading/tasks/{task.blinded_code}/programs/"
    assert f'href="{address}"' in client.get(f"/reading/tasks/{task.blinded_code}/").content.decode()
    shown = client.post(address)
    secret = re.search(rb'id="secret">(plx_[^<]+)<', shown.content)[1].decode()
    assert shown.status_code == 201
    assert ask("studies", secret).status_code == 200
    again = client.get(address)
    assert secret not in again.content.decode()
    assert f"http://testserver{ROOT}<" in again.content.decode()
    client.post(f"/reading/tokens/{ReadToken.objects.get().pk}/revoke/")
    assert ask("studies", secret).status_code == 401


@pytest.mark.requirement("REQ-ACC-031")
def test_a_token_of_a_closed_account_opens_nothing_and_does_not_come_back_with_the_account(world, task, token):
    keeper = User.objects.create_user("keeper", is_staff=True)
    assert ask("studies", token).status_code == 200
    now = dt.datetime.now(dt.UTC)

    accounts.close(user=task.reader, reason="Left", actor=keeper, at=now)
    assert ask("studies", token).status_code == 401
    accounts.reopen(user=task.reader, reason="Came back", actor=keeper, at=now)

    assert ask("studies", token).status_code == 401
