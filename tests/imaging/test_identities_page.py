"""The site's own list of patients and subjects: right, for the site alone, and kept nowhere."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from django.test import Client

from compliance import access, jobs
from compliance.models import AuditEvent, User
from imaging.models import ImagingStudy, Instance, ReceivedInstance
from imaging.services import identifying
from imaging.states import OriginalState
from tests.factories import AT, PLANTED, World, make_world, scan
from tests.factories.scans import ROOT
from tests.factories.world import REFERENCE
from tests.imaging.services.delivery import by_scanner
from trials.models import Role, Site
from trials.schedule import date_of

pytestmark = pytest.mark.requirement("REQ-PRI-006")

NAME = PLANTED["PatientName"]


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    return make_world()


def page(person: User, site: Site, list_too: str = "") -> tuple[int, str, str]:
    """Status, content and Cache-Control of the page, or of the list to download."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(f"/imaging/sites/{site.pk}/patients/{list_too}")
    body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    return response.status_code, body.decode("utf-8"), response.headers.get("Cache-Control", "")


def rows(world: World, site: Site | None = None, person: User | None = None) -> list[dict[str, str]]:
    status, body, _ = page(person or world.coordinator, site or world.north, "list/")
    assert (status, body[0]) == (200, "\ufeff")
    return list(csv.DictReader(io.StringIO(body[1:], newline="")))


def original_of(study: ImagingStudy, disk: Path) -> Path:
    first = ReceivedInstance.objects.filter(archived_as__series__imaging_study=study).order_by("pk")[0]
    return disk / "quarantine" / first.quarantine_key


def test_the_list_joins_what_the_original_says_with_what_the_trial_calls_it(world: World) -> None:
    by_scanner(world, scan("N-001", slices=3))
    study = ImagingStudy.objects.get()
    assert study.shifted_date not in (None, date_of(-5, REFERENCE))

    (row,) = rows(world)

    assert row == {
        "Subject": "N-001",
        "Timepoint": "BL",
        "Patient ID": "'MRN55667788001",
        "Issuer of Patient ID": "",
        "Patient name": NAME,
        "Birth date": "1947-11-23",
        "Scan date": date_of(-5, REFERENCE).isoformat(),
        "Scan date in the trial": f"{study.shifted_date}",
        "Study Instance UID": f"{ROOT}.1",
        "Study Instance UID in the trial": study.study_instance_uid,
        "Note": "",
    }


def test_the_page_says_the_same_and_is_kept_by_nobody(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))

    status, body, kept = page(world.coordinator, world.north)

    assert (status, kept) == (200, "private, no-store")
    said = ["N-001", "MRN55667788001", NAME, "1947-11-23", f"{ROOT}.1"]
    assert [one for one in said if one not in body] == []
    assert page(world.coordinator, world.north, "list/")[2] == "private, no-store"


def test_nobody_at_the_centre_can_open_it(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))
    centre = [person for role, person in world.people.items() if role is not Role.SITE_COORDINATOR]

    answers = {(person.pk, which): page(person, world.north, which) for person in centre for which in ("", "list/")}

    assert len(answers) == 2 * len(centre)
    assert [key for key, (status, body, _) in answers.items() if status not in (403, 404) or NAME in body] == []
    for person in (*centre, world.founder, world.outsider):
        with pytest.raises(access.AccessDenied):
            identifying.as_csv(site=world.north, actor=person, at=AT)
    assert not AuditEvent.objects.filter(action__startswith="site.identities").exists()


def test_the_other_site_does_not_find_it_and_has_its_own(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))
    by_scanner(world, scan("S-001", slices=1, scan_number=2), site=world.south)

    assert page(world.other_coordinator, world.north)[0] == 404
    with pytest.raises(access.AccessDenied):
        identifying.as_csv(site=world.north, actor=world.other_coordinator, at=AT)
    assert [row["Subject"] for row in rows(world)] == ["N-001"]
    assert [row["Subject"] for row in rows(world, world.south, world.other_coordinator)] == ["S-001"]


def test_each_look_is_in_the_trail_and_what_was_seen_is_not(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))
    page(world.coordinator, world.north)
    page(world.coordinator, world.north, "list/")

    events = AuditEvent.objects.filter(action__startswith="site.identities").order_by("pk")

    assert [(one.action, one.actor, one.after) for one in events] == [
        ("site.identities_viewed", world.coordinator, {"studies": 1}),
        ("site.identities_downloaded", world.coordinator, {"studies": 1}),
    ]
    trail = json.dumps(list(AuditEvent.objects.values()), default=str)
    assert [word for word in (NAME, "MRN55667788", f"{ROOT}.1") if word in trail] == []


def test_of_an_original_that_has_left_the_subjects_code_remains(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    by_scanner(world, scan("N-002", slices=1, scan_number=2))
    original_of(ImagingStudy.objects.get(timepoint__subject__code="N-001"), own_disk).unlink()

    said = [(row["Subject"], row["Patient name"], row["Note"]) for row in rows(world)]

    assert said == [("N-001", "", identifying.LEFT), ("N-002", NAME, "")]
    assert identifying.LEFT in page(world.coordinator, world.north)[1]


def test_an_original_that_is_leaving_is_not_opened_any_more(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))
    ReceivedInstance.objects.update(original_state=OriginalState.LEAVING)

    assert [(row["Subject"], row["Patient name"], row["Note"]) for row in rows(world)] == [
        ("N-001", "", identifying.LEFT)
    ]


def test_a_damaged_original_stops_no_other(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    by_scanner(world, scan("N-002", slices=1, scan_number=2))
    path = original_of(ImagingStudy.objects.get(timepoint__subject__code="N-001"), own_disk)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    said = [(row["Subject"], row["Patient name"], row["Note"]) for row in rows(world)]

    assert said == [("N-001", "", identifying.UNREADABLE), ("N-002", NAME, "")]


def test_without_the_trials_key_nothing_is_said_and_nothing_recorded(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    (own_disk / "keys" / f"{world.trial.code}.key").unlink()

    assert [page(world.coordinator, world.north, which)[0] for which in ("", "list/")] == [503, 503]
    assert not AuditEvent.objects.filter(action__startswith="site.identities").exists()


def test_one_original_of_a_study_is_opened(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=3))
    first = original_of(ImagingStudy.objects.get(), own_disk)
    for path in (own_disk / "quarantine").rglob("*.dcm"):
        if path != first:
            path.unlink()

    assert Instance.objects.count() == 3
    assert [row["Patient name"] for row in rows(world)] == [NAME]


def test_a_spreadsheet_leaves_numbers_as_they_are_and_computes_nothing(world: World) -> None:
    shown = {
        "4711": "4711",
        "0004711": "'0004711",
        "1234567890123456": "'1234567890123456",
        "3-4": "'3-4",
        "1E5": "'1E5",
        "MAR1": "'MAR1",
        "=1+1": "'=1+1",
        "@SUM(A1)": "'@SUM(A1)",
        "-A": "'-A",
        "ABC": "ABC",
    }
    name = '=HYPERLINK("x")^Q'
    for place, number in enumerate(shown, 1):
        by_scanner(world, scan("N-001", slices=1, scan_number=place, PatientID=number, PatientName=name), work=False)
    jobs.drain()

    found = rows(world)

    assert {row["Study Instance UID"]: row["Patient ID"] for row in found} == {
        f"{ROOT}.{place}": text for place, text in enumerate(shown.values(), 1)
    }
    assert {row["Patient name"] for row in found} == {f"'{name}"}


def test_names_in_other_scripts_come_as_they_are_written(world: World) -> None:
    name = "Yamada^Tarou=山田^太郎"
    by_scanner(world, scan("N-001", slices=1, SpecificCharacterSet="ISO_IR 192", PatientName=name))

    assert [row["Patient name"] for row in rows(world)] == [name]
    assert "山田^太郎" in page(world.coordinator, world.north)[1]


def test_the_trials_home_leads_the_coordinator_there_and_nobody_else(world: World) -> None:
    def leads(person: User) -> bool:
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        body = client.get(f"/trials/{world.trial.pk}/").content.decode()
        assert world.trial.code in body
        return f"/imaging/sites/{world.north.pk}/patients/" in body

    people = (world.coordinator, world.other_coordinator, world.analyst, world.administrator)
    assert [leads(person) for person in people] == [True, False, False, False]
