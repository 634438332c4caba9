"""The page on which a site tests its connection: what it says, and that it follows by itself and in time."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import expect

from compliance import audit, jobs
from compliance.models import User
from imaging.models import ConnectionTest, Transfer
from imaging.selectors import NOT_ENCRYPTED, OTHER_CERTIFICATE, OTHER_TITLE, SWITCHED_OFF
from imaging.services import hearing, receiving, trying, watching
from imaging.services.hearing import Sign
from imaging.services.spool import Origin
from tests.factories import AT, World, encoded, make_world, scan, slice_of
from tests.imaging.services.test_calling import scanner as listening
from tests.support.browser import PHONE, browsing, launched_chromium
from trials.models import ApplicationEntity
from trials.services import connecting, setting_up

#: Milliseconds that a slow machine has to show what is new.
PATIENCE = 45_000


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    """The trial; the northern scanner listens somewhere."""
    return made()


def made(port: int = 104) -> World:
    world = make_world()
    connecting.change_entity(
        entity=scanner(world), active=True, certificate="", host="127.0.0.1", port=port, actor=world.founder, at=AT
    )
    return world


def scanner(world: World) -> ApplicationEntity:
    return world.north.application_entities.get()


def page_of(world: World) -> str:
    return f"/imaging/sites/{world.north.pk}/connection/"


def client(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def refuse(world: World, why: str, at: dt.datetime) -> None:
    """What the receiver writes of a call that it refused."""
    audit.record("association.refused", scanner(world), actor=None, at=at, after={"why": why, "count": 1})


def heard(world: World, title: str) -> None:
    """A scanner of the site sent two deliveries, was refused, and was called."""
    for number in (1, 2):
        delivery = uuid4()
        origin = Origin(door=Transfer.Door.DIMSE, site_id=world.north.pk, sender=title, delivery=delivery)
        receiving.receive_instance(encoded(slice_of(number)), origin=origin, at=AT)
    receiving.index_spool(at=AT)
    entity = world.north.application_entities.get(title=title)
    audit.record("association.refused", entity, actor=None, at=AT, after={"why": NOT_ENCRYPTED, "count": 1})
    ConnectionTest.objects.create(
        entity=entity, kind=ConnectionTest.Kind.ECHO, began_at=AT, ended_at=AT, encrypted=False
    )


def line(world: World) -> watching.Line:
    (line,) = watching.watch(world.north, at=timezone.now()).lines
    return line


def send_test(world: World, *files: bytes) -> None:
    """A test study of the northern scanner, looked at."""
    origin = Origin(door="dimse", site_id=world.north.pk, sender="NORTH_CT", delivery=uuid4(), test=True)
    for file in files:
        receiving.receive_instance(file, origin=origin, at=timezone.now())
    trying.take_up(at=timezone.now())
    jobs.drain()


def test_a_scanner_that_was_never_heard_is_called_so(world: World) -> None:
    found = line(world)

    assert (found.called_at, found.echoed_at, found.images_at, found.refused) == (None, None, None, None)
    assert "Never heard" in client(world.coordinator).get(page_of(world)).content.decode()


def test_what_was_heard_is_said_with_its_time(world: World) -> None:
    hearing.note(scanner(world).pk, Sign.CALLED)
    hearing.note(scanner(world).pk, Sign.ECHOED)
    origin = Origin(door=Transfer.Door.DIMSE, site_id=world.north.pk, sender="NORTH_CT", delivery=uuid4())
    for one in scan("N-001", slices=2):
        receiving.receive_instance(one, origin=origin, at=AT)
    receiving.index_spool(at=AT)
    send_test(world, encoded(slice_of()))

    found = line(world)
    assert found.called_at is not None
    assert found.echoed_at is not None
    assert found.images_at == AT
    assert found.delivery == Transfer.objects.get()


@pytest.mark.parametrize(
    ("why", "cure"),
    [
        (NOT_ENCRYPTED, "Let it call over TLS"),
        (OTHER_CERTIFICATE, "enter its certificate in the record of NORTH_CT"),
        (SWITCHED_OFF, "Ask the trial administrator to switch it on."),
        (OTHER_TITLE, "Set the scanner's own (calling) AE title to NORTH_CT."),
    ],
)
def test_a_refusal_is_said_with_what_to_do(world: World, why: str, cure: str) -> None:
    refuse(world, why, timezone.now())

    refused = line(world).refused
    assert refused is not None
    assert cure in refused.sentence


def test_a_refusal_before_a_call_that_we_took_is_over(world: World) -> None:
    refuse(world, NOT_ENCRYPTED, timezone.now() - dt.timedelta(hours=1))
    hearing.note(scanner(world).pk, Sign.CALLED)

    assert line(world).refused is None


def test_ten_scanners_take_no_more_questions_to_the_database_than_one(world: World) -> None:
    heard(world, "NORTH_CT")
    with CaptureQueriesContext(connection) as of_one:
        watching.watch(world.north, at=timezone.now())
    for number in range(9):
        setting_up.add_application_entity(site=world.north, title=f"NORTH_{number}", actor=world.founder, at=AT)
        heard(world, f"NORTH_{number}")
    with CaptureQueriesContext(connection) as of_ten:
        lines = watching.watch(world.north, at=timezone.now()).lines

    assert len(of_ten) == len(of_one)
    assert [one.delivery and one.delivery.sender for one in lines] == [one.entity.title for one in lines]
    assert all(one.refused and one.call and one.images_at == AT for one in lines)


def test_a_call_that_no_worker_takes_up_is_said(world: World) -> None:
    trying.ask_for_echo(entity=scanner(world), actor=world.coordinator, at=timezone.now() - dt.timedelta(seconds=30))

    assert (line(world).waiting, line(world).late) == (True, True)
    assert "no worker has taken it up" in client(world.coordinator).get(page_of(world)).content.decode()


def test_those_who_only_look_have_no_button(world: World) -> None:
    assert 'id="call-' not in client(world.analyst).get(page_of(world)).content.decode()
    assert 'id="call-' in client(world.administrator).get(page_of(world)).content.decode()


def test_a_second_call_within_ten_seconds_is_refused_with_a_sentence(world: World) -> None:
    browser = client(world.coordinator)
    address = f"/imaging/entities/{scanner(world).pk}/echo/"
    browser.post(address)
    answer = browser.post(address, follow=True)

    assert "was called a moment ago" in answer.content.decode()
    assert ConnectionTest.objects.count() == 1


def test_the_fragment_comes_when_something_is_new_and_ends_in_time(world: World) -> None:
    browser = client(world.coordinator)
    until = int(time.time()) + 300
    known = browser.get(page_of(world)).context["known"]
    address = f"{page_of(world)}status/"

    assert browser.get(address, {"until": until, "known": known}).status_code == 204
    send_test(world, encoded(slice_of()))
    assert browser.get(address, {"until": until, "known": known}).status_code == 200
    ConnectionTest.objects.update(ended_at=AT)
    over = browser.get(address, {"until": until - 400, "known": known})
    assert over.status_code == 286
    assert "hx-get" not in over.content.decode()
    for other in ("nonsense", "٣", str(until + 10**6), "9" * 40):
        assert browser.get(address, {"until": other}).context["until"] <= int(time.time()) + 600


@pytest.mark.django_db(transaction=True)
@pytest.mark.browser
@pytest.mark.requires_tool("chromium")
def test_it_follows_a_call_and_a_test_study_without_being_loaded_again(own_disk: Path, live_server: Any) -> None:
    with listening() as port, launched_chromium() as browser:
        world = made(port)
        cookie = client(world.coordinator).cookies["sessionid"].value
        with browsing(browser, base_url=live_server.url, viewport=PHONE) as context:
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
            page = context.new_page()
            page.goto(page_of(world))
            button = page.get_by_role("button", name="Call NORTH_CT")
            button.focus()
            page.keyboard.press("Enter")
            expect(page.get_by_text("Calling…")).to_be_visible(timeout=PATIENCE)
            page.evaluate("window.loadedOnce = true")

            jobs.drain()
            said = page.get_by_text("NORTH_CT answered our echo, without encryption.")
            expect(said.first).to_be_visible(timeout=PATIENCE)
            send_test(world, *(encoded(slice_of(number)) for number in (1, 2)))
            expect(page.get_by_text("All of them can be read")).to_be_visible(timeout=PATIENCE)
            expect(page.get_by_text("2 CT images, Explicit VR Little Endian")).to_be_visible(timeout=PATIENCE)

            # What changes in place leaves the keyboard where it is.
            button.focus()
            hearing.note(scanner(world).pk, Sign.ECHOED)
            expect(page.get_by_text("none yet")).to_have_count(2, timeout=PATIENCE)
            expect(button).to_be_focused(timeout=PATIENCE)
            assert page.evaluate("window.loadedOnce")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
            # While Playwright's loop runs, this thread has a connection of its own.
            connection.close()
