"""What an EDC system says of subjects and visits is looked at and taken: by page, by the API, by the command."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from compliance import access
from compliance.models import AuditEvent, User
from tests.factories import AT, World
from tests.trials.odm import odm, subject, visit
from trials import edc
from trials.models import Subject, Timepoint
from trials.services import exchanging
from trials.services.exchanging import Exchange, ExchangeRefused
from trials.services.listing import Fate

pytestmark = [pytest.mark.requirement("REQ-SUB-023")]


def looked(world: World, *subjects: str, by: User | None = None, **more: str) -> Exchange:
    content = odm(*subjects, **more).encode()
    return exchanging.read_exchange(trial=world.trial, content=content, actor=by or world.administrator, at=AT)


def take(world: World, found: Exchange, by: User | None = None) -> Exchange:
    rows, visits = exchanging.as_said(found)
    actor = by or world.administrator
    return exchanging.take_exchange(trial=world.trial, rows=rows, visits=visits, actor=actor, at=AT)


def wrong(found: Exchange) -> list[str]:
    rows = [*found.subjects.of(Fate.WRONG), *found.of(Fate.WRONG)]
    return [problem for row in rows for problem in row.problems]


def state(world: World, code: str, name: str) -> str:
    return str(Timepoint.objects.get(subject__code=code, code=name).image_state)


# --- what is taken -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_new_subjects_are_enrolled_visits_added_or_missed_and_a_second_time_nothing_happens(world: World) -> None:
    world.amend(unscheduled_visits=True)
    said = (
        subject("N-003", visit("BL", SVSTDTC="2026-01-04"), visit("W8", SVOCCUR="N")),
        subject("N-001", visit("UNS", SVSTDTC="2026-02-01T09:30"), visit("W16", SVOCCUR="N")),
    )
    found = looked(world, *said)
    assert (wrong(found), found.changes) == ([], 4)
    assert not Subject.objects.filter(code="N-003").exists()
    take(world, found)
    assert Subject.objects.get(code="N-003").reference_date.isoformat() == "2026-01-05"
    assert [state(world, *one) for one in (("N-003", "W8"), ("N-001", "W16"), ("N-003", "BL"))] == [
        "missed",
        "missed",
        "expected",
    ]
    added = Timepoint.objects.get(subject__code="N-001", unscheduled=True)
    assert (added.code, added.day) == ("UNS-01", 28)
    reasons = AuditEvent.objects.filter(action="timepoint.miss").values_list("reason", flat=True)
    assert set(reasons) <= {exchanging.REASON}
    events = AuditEvent.objects.count()
    again = looked(world, *said)
    assert (wrong(again), again.changes) == ([], 0)
    take(world, again)
    assert AuditEvent.objects.count() == events


@pytest.mark.django_db
@pytest.mark.one_database
def test_nothing_else_of_a_file_is_kept(world: World) -> None:
    take(
        world,
        looked(world, subject("N-003", visit("W8", SVOCCUR="N", SVREASOC="Quartz moved to Bern"), AETERM="Quartz")),
    )
    kept = [str(vars(one)) for one in (*AuditEvent.objects.all(), *Subject.objects.all(), *Timepoint.objects.all())]
    assert not [one for one in kept if "Quartz" in one]


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.one_database
@pytest.mark.parametrize(
    ("said", "because"),
    [
        (subject("N-001", day_1="2026-01-06"), "is enrolled with day 1 on 2026-01-05"),
        (subject("S-001"), "is enrolled at site SOUTH"),
        (subject("N-003", site="EAST"), "There is no site EAST"),
        (subject("N-003", day_1=""), "Day 1 (RFSTDTC): This is missing."),
        (subject("N-003", day_1="2026-02-31"), "A date is written like 2026-01-31"),
        (subject("N-003", day_1="2026-02"), "A date is written like 2026-01-31"),
        (subject("N-003", BRTHDTC="1960-01-01"), "says who the subject is (BRTHDTC)"),
        (subject("N-003", SUBJINIT="AB"), "says who the subject is (SUBJINIT)"),
        (subject("Ada Müller"), "subject code cannot be used"),
        (subject(""), "has no key"),
        (subject("N-001", visit("W8", SVSTDTC="2026-06-01")), "is study day 148, outside its window (50 to 64)"),
        (subject("N-001", visit("W99", SVSTDTC="2026-02-01")), "knows no unscheduled visits"),
        (subject("N-001", visit("W99", SVOCCUR="N")), "plans no visit W99, so none can be missed"),
        (subject("N-001", visit("W8", SVOCCUR="perhaps")), "neither as Y nor as N"),
        (subject("N-001", visit("W8", SVSTDTC="2026-03-01", SVOCCUR="N")), "has a day, and is said not"),
        (subject("N-001", visit("W8", SVOCCUR="N"), visit("W8", SVOCCUR="N")), "is there twice"),
        (subject("N-001").replace("<SubjectData ", '<SubjectData TransactionType="Remove" '), "not removed by a file"),
    ],
    ids=[
        "day-1", "site", "no-site", "no-day", "no-such-day", "half-a-day", "birth", "initials", "name", "no-code",
        "window", "unplanned", "unplanned-missed", "perhaps", "day-of-none", "twice", "removed",
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_a_sentence_and_nothing_of_the_file_is_taken(
    world: World, said: str, because: str
) -> None:
    found = looked(world, subject("N-009"), said)
    assert [one for one in wrong(found) if because in one], wrong(found)
    before = Subject.objects.count()
    with pytest.raises(ExchangeRefused, match=r"^Nothing was taken. Subject 2 of the file: "):
        take(world, found)
    assert Subject.objects.count() == before


@pytest.mark.django_db
@pytest.mark.one_database
def test_what_is_here_is_never_overwritten(world: World) -> None:
    for name, kept in (("W8", "received"), ("W16", "missed")):
        Timepoint.objects.filter(subject__code="N-001", code=name).update(image_state=kept)
    said = subject("N-001", visit("W8", SVOCCUR="N"), visit("W16", SVOCCUR="Y"))
    assert wrong(looked(world, said)) == [
        "Images of Week 8 are here, though it is said not to have taken place.",
        "Week 16 is missed here, and took place there. Find out which is right.",
    ]


@pytest.mark.django_db
@pytest.mark.one_database
def test_what_changed_since_it_was_looked_at_is_looked_at_again(world: World) -> None:
    found = looked(world, subject("N-003"))
    world.enrol(world.south, "N-003")
    with pytest.raises(ExchangeRefused, match="is enrolled at site SOUTH"):
        take(world, found)


@pytest.mark.django_db
@pytest.mark.one_database
def test_a_coordinator_takes_what_is_of_the_own_site_and_others_nothing(world: World) -> None:
    assert wrong(looked(world, subject("N-003"), by=world.coordinator)) == []
    foreign = wrong(looked(world, subject("S-002", site="SOUTH"), by=world.coordinator))
    assert foreign == ["There is no site SOUTH of this trial at which you may enrol."]
    with pytest.raises(access.AccessDenied):
        looked(world, subject("N-003"), by=world.analyst)


@pytest.mark.django_db
@pytest.mark.one_database
def test_a_file_of_another_study_is_remarked_on(world: World) -> None:
    (note,) = looked(world, subject("N-003"), study="OTHER-9").subjects.notes
    assert "S.OTHER-9, not PLX-1" in note


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"subject;day 1", "no XML"),
        (b"<ODM", "no XML"),
        (b"<a/>", "no ODM"),
        (odm(subject("N-1"), version="2.0").encode(), "another version"),
        (odm().encode(), "no clinical data"),
        (b'<!DOCTYPE ODM [<!ENTITY a "b">]><ODM>&a;</ODM>', "no XML"),
    ],
    ids=["csv", "cut", "other", "version", "empty", "entities"],
)
def test_a_file_that_is_no_odm_is_refused_as_a_whole(content: bytes, because: str) -> None:
    with pytest.raises(edc.UnreadableExchange, match=because):
        edc.read(content)


# --- the doors ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.one_database
def test_the_page_shows_what_would_change_and_takes_it_when_told_to(world: World) -> None:
    client = Client()
    client.force_login(world.coordinator, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/trials/{world.trial.pk}/edc/"
    assert f'href="{address}"' in client.get(f"/trials/{world.trial.pk}/").content.decode()
    file = SimpleUploadedFile("edc.xml", odm(subject("N-003", visit("W8", SVOCCUR="N"))).encode())
    page = client.post(address, {"file": file})
    assert "Take 2 changes" in page.content.decode()
    assert not Subject.objects.filter(code="N-003").exists()
    taken = client.post(f"{address}take/", {"file": page.context["sealed"]}, follow=True)
    assert "2 changes are taken from the file." in taken.content.decode()
    assert state(world, "N-003", "W8") == "missed"
    assert client.post(f"{address}take/", {"file": "forged"}).status_code == 409


@pytest.mark.django_db
@pytest.mark.one_database
def test_a_program_looks_and_then_takes(world: World) -> None:
    client = APIClient()
    client.force_authenticate(world.coordinator)

    def send(**body: Any) -> Any:
        return client.post(f"/api/v1/trials/{world.trial.pk}/edc/", body, format="json")

    text = odm(subject("N-003", visit("W8", SVOCCUR="N"))).replace("UTF-8", "ISO-8859-1")
    seen = send(odm=text).json()
    assert (seen["taken"], seen["holds"], seen["changes"]) == (False, True, 2)
    assert [one["fate"] for one in (*seen["subjects"], *seen["visits"])] == ["new", "new"]
    assert send(odm=text, take=True).json()["taken"] is True
    assert [one["fate"] for one in send(odm=text).json()["subjects"]] == ["known"]
    refused = send(odm=odm(subject("N-003", day_1="2026-01-06")), take=True)
    assert (refused.status_code, refused.json()["code"]) == (409, "exchange_refused")
    assert send(odm="<a/>").status_code == 422
    client.force_authenticate(world.analyst)
    assert send(odm=text).status_code == 403


@pytest.mark.django_db
@pytest.mark.one_database
def test_the_command_says_line_by_line_what_would_be_done(world: World, tmp_path: Any) -> None:
    file, out = tmp_path / "edc.xml", io.StringIO()
    file.write_text(odm(subject("N-003")), encoding="utf-8")
    command = ("import_edc", "PLX-1", str(file), "--as", world.coordinator.username)
    call_command(*command, stdout=out)
    assert out.getvalue() == "N-003: new\n1 changes would be taken; give --take.\n"
    assert not Subject.objects.filter(code="N-003").exists()
    file.write_text(odm(subject("N-003", day_1="soon")), encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was taken"):
        call_command(*command, "--take", stdout=io.StringIO())
