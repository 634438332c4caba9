"""Each role is told what waits for it, and since when: at home, and in the day's digest."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from compliance import jobs
from compliance.models import Job, Mail, User
from compliance.worklists import waiting_for, waiting_in
from tests.factories import AT, World
from trials.models import Role
from trials.services import digesting, enrolling, querying, reminding, setting_up, telling

pytestmark = pytest.mark.django_db

LATER = AT + dt.timedelta(days=20)


def told(user: User, world: World, at: dt.datetime = LATER) -> dict[str, tuple[int | None, str]]:
    """What waits, with how that is said; places to look at are left out."""
    return {one.label: (one.count, one.told(at)) for one in waiting_in(user, world.trial, at) if one.since}


def ask(world: World, about, days: int) -> None:
    at = AT + dt.timedelta(days=days)
    querying.raise_query(about=about, title="Where?", text="Please.", actor=world.analyst, at=at)


def test_a_coordinator_is_told_of_late_scans_and_of_what_the_own_site_is_asked(world):
    ask(world, world.timepoint("N-001", "BL"), 5)
    ask(world, world.subjects["N-002"], 15)
    ask(world, world.south, 1)
    # Day 1 is 5 January: the baseline's window ends on that day, that of Week 8 on 9 March.
    assert told(world.coordinator, world) == {
        "Scans late": (4, "the oldest for 76 days"),
        "Queries to answer": (2, "the oldest for 15 days; 1 overdue"),
        # Of the subjects, by the template's plan for contrast agent.
        "Forms to fill in": (2, "the oldest for 20 days"),
    }
    assert [one.label for one in waiting_in(world.coordinator, world.trial, LATER)][:3] == [
        "Scans late",
        "Forms to fill in",
        "Queries to answer",
    ]
    enrolling.withdraw_subject(subject=world.subjects["N-001"], reason="Left", actor=world.coordinator, at=AT)
    assert told(world.coordinator, world)["Scans late"][0] == 2


def test_an_analyst_is_told_since_when_an_answer_lies_there(world):
    ask(world, world.north, 0)
    query = world.trial.queries.get()
    querying.answer_query(query=query, text="Yes.", actor=world.coordinator, at=AT + dt.timedelta(days=2))
    assert told(world.analyst, world)["Answers to look at"] == (1, "for 18 days")
    assert "Queries to answer" not in told(world.coordinator, world)


def test_an_administrator_is_told_of_what_nobody_else_mends(world):
    world.coordinator.email = "carla@example.org"
    world.coordinator.save()
    setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    ask(world, world.north, 0)
    ask(world, world.trial, 1)
    reminding.remind(at=LATER)
    found = told(world.administrator, world)
    assert found["Charter to sign"] == (1, "for 20 days")
    assert found["Queries about the trial"] == (1, "for 19 days")
    assert found["Queries that no site answers"] == (2, "the oldest for 13 days")
    # Neither administrator has a mail address.
    assert found["Mails not sent"] == (Mail.objects.filter(state="failed").count(), "the oldest for 19 days")


def test_who_only_looks_is_told_of_no_work(world):
    for role in (Role.SPONSOR, Role.AUDITOR, Role.READER, Role.ADJUDICATOR):
        assert told(world.people[role], world) == {}


def test_the_home_page_says_it_in_words(world):
    ask(world, world.timepoint("N-001", "BL"), 5)
    client = Client()
    client.force_login(world.coordinator)
    page = client.get(reverse("home"))
    (row,) = page.context["trials"]
    label = next(one for one in row[2] if one.label == "Queries to answer")
    assert label.told(page.context["now"]) in page.content.decode()
    assert f"{reverse('trials:queries', args=[world.trial.pk])}?state=open&amp;mine=on" in page.content.decode()


# --- digests


def digests() -> list[tuple[str, str]]:
    return [
        (mail.to.username, mail.body.split("\n\n")[0]) for mail in Mail.objects.filter(kind="digest").order_by("pk")
    ]


@pytest.fixture
def reachable(world: World) -> World:
    """Everybody has an address, and the northern site one query."""
    for person in (*world.people.values(), world.other_coordinator):
        person.email = f"{person.username}@example.org"
        person.save()
    ask(world, world.north, 0)
    return world


def test_a_digest_goes_to_those_for_whom_something_waits(reachable):
    early = AT + dt.timedelta(days=1)
    digesting.send_digests(at=early)
    found = dict(digests())
    assert found["site-coordinator"].splitlines() == [
        "- Scans late: 2, the oldest for 57 days",
        "- Queries to answer: 1, for 1 day",
        "- Forms to fill in: 2, the oldest for 1 day",
    ]
    assert found["southern-coordinator"] == "- Scans late: 1, for 57 days\n- Forms to fill in: 1, for 1 day"
    assert set(found) == {"site-coordinator", "southern-coordinator"}


def test_a_digest_names_no_trial_site_or_subject(reachable):
    digesting.send_digests(at=LATER)
    never = ["N-001", "S-001", "NORTH", "North", "Hospital", reachable.trial.code, "Where?", "Baseline"]
    for mail in Mail.objects.filter(kind="digest"):
        assert [word for word in never if word in mail.subject + mail.body + mail.key] == []


def test_a_digest_is_written_once_a_day_and_to_those_who_want_it(reachable):
    telling.choose_mails(person=reachable.other_coordinator, notices=True, digest=False, at=AT)
    for _ in range(2):
        digesting.send_digests(at=LATER)
    assert [to for to, _ in digests()].count("site-coordinator") == 1
    assert "southern-coordinator" not in dict(digests())
    digesting.send_digests(at=LATER + dt.timedelta(days=1))
    assert [to for to, _ in digests()].count("site-coordinator") == 2


def test_digests_are_asked_for_once_a_day_from_the_hour_of_the_settings_on(reachable, settings):
    settings.DIGEST_HOUR = 5

    def asked_for(day: int, hour: int) -> int:
        digesting.send_when_due(at=dt.datetime(2026, 3, day, hour, tzinfo=dt.UTC))
        return Job.objects.filter(kind=digesting.JOB).count()

    assert [asked_for(3, 4), asked_for(3, 5), asked_for(3, 6), asked_for(4, 4), asked_for(4, 23)] == [0, 1, 1, 1, 2]
    jobs.drain()
    assert asked_for(4, 23) == 2


def test_the_work_of_the_blinded_names_no_trial(world):
    reader = world.people[Role.READER]
    (one,) = waiting_for(reader, LATER)
    assert (one.label, one.count, one.url) == ("Reads to do", 0, reverse("reading:worklist"))
    assert waiting_for(reader, LATER, world.trial) == [one]
    assert waiting_for(world.coordinator, LATER) == []
