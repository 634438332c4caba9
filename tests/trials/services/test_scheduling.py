"""A site's calendar holds the visits still to come and no subject; its address is private and ends when it should."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse

from compliance.access import AccessDenied
from compliance.models import AuditEvent
from tests.factories import AT, World, make_world
from trials.models import CalendarAddress, Role
from trials.services import enrolling, scheduling, setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-PRI-005")]


def events(content: bytes) -> list[dict[str, str]]:
    text = content.decode().replace("\r\n ", "")
    return [
        dict(line.split(":", 1) for line in block.strip().split("\r\n"))
        for block in re.findall(r"BEGIN:VEVENT\r\n(.*?)END:VEVENT", text, re.DOTALL)
    ]


def test_each_visit_to_come_is_the_span_of_its_window(world):
    enrolling.withdraw_subject(subject=world.subjects["N-002"], reason="Left", actor=world.coordinator, at=AT)
    enrolling.mark_missed(
        timepoint=world.timepoint("N-001", "BL"), reason="Scanner down", actor=world.coordinator, at=AT
    )
    # Week 8 is day 57, that is 2 March, with a week before and after; Week 16 is day 113.
    found = [(e["SUMMARY"], e["DTSTART;VALUE=DATE"], e["DTEND;VALUE=DATE"], e["URL"]) for e in events(of_north(world))]
    w8, w16 = world.timepoint("N-001", "W8"), world.timepoint("N-001", "W16")
    assert found == [
        ("PLX-1: Week 8\\, scan expected", "20260223", "20260310", page(w8.pk)),
        ("PLX-1: Week 16\\, scan expected", "20260420", "20260505", page(w16.pk)),
    ]


def of_north(world: World, at: dt.datetime = AT) -> bytes:
    return scheduling.calendar_of(world.north, at=at)


def page(pk: int) -> str:
    return "http://127.0.0.1:8000" + reverse("imaging:timepoint", args=[pk])


def test_no_subject_site_or_arm_is_in_a_calendar(own_disk):
    world = make_world()
    world.enrol(world.north, "N-QUARTZ", arm="ARM-QUARTZ")
    content = of_north(world).decode()
    assert [word for word in ("N-001", "N-QUARTZ", "ARM", "NORTH", "North", "Hospital") if word in content] == []
    assert content.count("BEGIN:VEVENT") == 9


def test_an_event_keeps_its_name_whenever_and_from_wherever_it_is_told(world, settings):
    names = [event["UID"] for event in events(of_north(world))]
    assert len(set(names)) == 6
    settings.PUBLIC_URL = "https://elsewhere.example.org"
    assert [event["UID"] for event in events(of_north(world, AT + dt.timedelta(days=30)))] == names


def test_a_site_that_expects_nothing_has_a_calendar_that_says_so(world):
    for timepoint in world.subjects["S-001"].timepoints.all():
        enrolling.mark_missed(timepoint=timepoint, reason="Closed", actor=world.other_coordinator, at=AT)
    content = scheduling.calendar_of(world.south, at=AT)
    assert events(content) == []
    assert content.endswith(b"END:VCALENDAR\r\n")


# --- addresses


def fetch(secret: str) -> int:
    return Client().get(reverse("trials:calendar_feed", args=[secret])).status_code


def issue(world: World, person=None) -> str:
    return scheduling.issue_address(site=world.north, actor=person or world.coordinator, at=AT)[1]


def test_an_address_opens_without_a_sign_in_and_each_days_first_look_is_on_the_record(world):
    secret = issue(world)
    answer = Client().get(reverse("trials:calendar_feed", args=[secret]))
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    assert len(events(answer.content)) == 6
    assert fetch(secret) == 200
    assert AuditEvent.objects.filter(action="calendaraddress.read", actor=world.coordinator).count() == 1
    assert secret not in str(list(AuditEvent.objects.values()))
    assert secret not in str(list(CalendarAddress.objects.values()))


def test_a_new_address_ends_the_old_one_and_one_that_is_ended_opens_nothing(world):
    first, other = issue(world), issue(world, world.administrator)
    second = issue(world)
    assert (fetch(first), fetch(second), fetch(other), fetch("guessed")) == (404, 200, 200, 404)
    scheduling.revoke_address(address=CalendarAddress.objects.latest("pk"), actor=world.coordinator, at=AT)
    assert (fetch(second), fetch(other)) == (404, 200)


@pytest.mark.parametrize("end", ["membership", "account"])
def test_an_address_ends_with_the_persons_role_or_account(world, end):
    secret = issue(world)
    if end == "account":
        world.coordinator.is_active = False
        world.coordinator.save()
    else:
        membership = world.coordinator.memberships.get()
        setting_up.end_membership(membership=membership, reason="Left", actor=world.administrator, at=AT)
    assert fetch(secret) == 404


def test_only_who_enrols_at_the_site_gets_an_address_and_only_its_owner_or_an_administrator_ends_it(world):
    for person in (world.other_coordinator, world.analyst, world.people[Role.AUDITOR], world.outsider):
        with pytest.raises(AccessDenied):
            issue(world, person)
    issue(world)
    address = CalendarAddress.objects.get()
    for person in (world.other_coordinator, world.analyst):
        with pytest.raises(AccessDenied):
            scheduling.revoke_address(address=address, actor=person, at=AT)
    scheduling.revoke_address(address=address, actor=world.administrator, at=AT)
    assert CalendarAddress.objects.get().revoked_at == AT


def test_on_the_page_an_address_is_made_shown_once_and_ended(world):
    client = Client()
    client.force_login(world.coordinator)
    url = reverse("trials:calendar", args=[world.north.pk])
    made = client.post(reverse("trials:calendar_issue", args=[world.north.pk]))
    shown = re.search(r'id="address">http://127.0.0.1:8000([^<]+)<', made.content.decode())
    assert Client().get(shown[1]).status_code == 200
    assert shown[1] not in client.get(url).content.decode()
    assert "You have one since" in client.get(url).content.decode()
    client.post(reverse("trials:calendar_revoke", args=[world.north.pk]))
    assert Client().get(shown[1]).status_code == 404
    file = client.get(reverse("trials:calendar_file", args=[world.north.pk]))
    assert len(events(file.content)) == 6
