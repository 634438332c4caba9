"""Who hears of queries by mail, and when: at once, before and after they are due, and when nobody answers."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse

from compliance import jobs
from compliance.access import AccessDenied
from compliance.models import AuditEvent, Mail
from tests.factories import AT, World, make_world
from trials.askable import About
from trials.models import Query
from trials.services import querying, reminding, telling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-QRY-002")]

#: What a mail must never hold: of the trial, its sites and subjects, and of what people wrote.
WRITTEN = "Quillbrook, Perpetua, born on St Swithin"


@pytest.fixture
def world(db: None, own_disk: object) -> World:
    world = make_world()
    for person in (*world.people.values(), world.other_coordinator, world.founder):
        person.email = f"{person.username}@example.org"
        person.save()
    return world


def ask(world: World, *records, at: dt.datetime = AT) -> list[Query]:
    about = [About(record) for record in records or [world.timepoint("N-001", "BL")]]
    return list(querying.raise_queries(about=about, title=WRITTEN[:20], text=WRITTEN, actor=world.analyst, at=at))


def mails(kind: str = "") -> list[tuple[str, str]]:
    """To whom, and about what."""
    found = Mail.objects.filter(kind=kind) if kind else Mail.objects.all()
    return [(mail.to.username, mail.subject) for mail in found.order_by("pk")]


def after(days: int) -> dt.datetime:
    return AT + dt.timedelta(days=days)


# --- at once


def test_one_act_is_one_mail_to_each_site(world):
    ask(world, world.north, world.subjects["N-001"], world.timepoint("S-001", "BL"))
    assert mails() == [
        ("site-coordinator", "2 queries wait for your answer"),
        ("southern-coordinator", "A query waits for your answer"),
    ]
    two, one = Mail.objects.order_by("pk")
    assert reverse("trials:queries", args=[world.trial.pk]) + "?state=pending" in two.body
    assert reverse("trials:query", args=[Query.objects.latest("pk").pk]) in one.body
    assert "due on 9 March 2026" in one.body


def test_what_no_site_is_asked_goes_to_the_administrators(world):
    ask(world, world.trial)
    assert [to for to, _ in mails()] == ["founder", "trial-administrator"]


def test_who_asked_hears_of_the_answer_and_once_gone_their_colleagues(world):
    (query,) = ask(world)
    querying.answer_query(query=query, text="Sent.", actor=world.coordinator, at=AT)
    assert mails("query answered") == [("qc-analyst", "A query was answered")]
    querying.reopen_query(query=query, text="Again.", actor=world.analyst, at=AT)
    world.analyst.memberships.update(ended_at=AT)
    other = world.colleague()
    other.memberships.update(role="qc_analyst", site=None)
    querying.answer_query(query=query, text="Sent.", actor=world.coordinator, at=after(1))
    assert mails("query answered")[1:] == [("outsider", "A query was answered")]


def test_who_wants_no_mail_gets_none_at_once_but_is_reminded(world):
    telling.choose_mails(person=world.coordinator, notices=False, digest=False, at=AT)
    ask(world)
    assert mails() == []
    reminding.remind(at=after(8))
    assert mails("reminder") == [("site-coordinator", "1 query waits for your answer")]
    event = AuditEvent.objects.get(action="user.mails_chosen")
    assert (event.before, event.after) == (
        {"notices": True, "digest": True},
        {"notices": False, "digest": False},
    )


def test_a_former_coordinator_hears_nothing(world):
    world.coordinator.memberships.update(ended_at=AT)
    world.other_coordinator.is_active = False
    world.other_coordinator.save()
    ask(world, world.north, world.south)
    reminding.remind(at=after(8))
    assert mails("queries asked") + mails("reminder") == []


# --- reminders and escalation


def reminders_by_day(world: World, last: int) -> dict[str, list[int]]:
    """On which days after the asking each kind of mail went out, with a sweep each six hours."""
    days: dict[str, list[int]] = {}
    for hours in range(0, 24 * last, 6):
        before = set(Mail.objects.values_list("pk", flat=True))
        reminding.remind(at=AT + dt.timedelta(hours=hours))
        for mail in Mail.objects.exclude(pk__in=before):
            days.setdefault(f"{mail.kind} {mail.to.username}", []).append(hours // 24)
    return days


def test_a_site_is_reminded_before_and_after_and_then_administrators_hear_of_it(world):
    ask(world)
    # Due on day 7: two days before, the day after and each third; administrators seven days after.
    at_nine = reminders_by_day(world, 19)
    assert at_nine == {
        "reminder site-coordinator": [4, 7, 10, 13, 16],
        "escalation founder": [13],
        "escalation trial-administrator": [13],
    }


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"remind_days_before": 0, "remind_every_days": 0, "escalate_days_after": 0}, {"reminder": 1}),
        (
            {"remind_days_before": 7, "remind_every_days": 30, "escalate_days_after": 1},
            {"reminder": 2, "escalation": 2},
        ),
    ],
)
def test_the_charter_says_when(own_disk, terms, expected):
    world = make_world(charter={"queries": terms})
    ask(world)
    for day in range(20):
        reminding.remind(at=after(day))
    found = {kind: Mail.objects.filter(kind=kind).count() for kind in ("reminder", "escalation")}
    assert {kind: count for kind, count in found.items() if count} == expected


def test_a_sweep_that_comes_late_does_what_is_due_and_one_that_comes_twice_nothing_more(world):
    ask(world, world.north, world.subjects["N-001"])
    for _ in range(3):
        reminding.remind(at=after(30))
    assert mails("reminder") == [("site-coordinator", "2 queries wait for your answer")]
    assert "2 are overdue" in Mail.objects.get(kind="reminder").body
    assert [subject for _, subject in mails("escalation")] == ["2 queries are overdue"] * 2
    body = Mail.objects.filter(kind="escalation")[0].body
    assert body.startswith("2 queries are not answered at 1 site, the oldest 23 days after it was due.")
    assert AuditEvent.objects.filter(action="query.reminded", actor=None).count() == 2
    assert AuditEvent.objects.filter(action="query.escalated", actor=None).count() == 2


def test_nobody_is_reminded_of_what_is_answered_or_closed(world):
    one, two = ask(world, world.north, world.subjects["N-001"])
    querying.answer_query(query=one, text="Yes.", actor=world.coordinator, at=AT)
    querying.close_query(query=two, actor=world.analyst, at=AT)
    reminding.remind(at=after(60))
    assert mails("reminder") + mails("escalation") == []


def test_what_is_asked_again_is_reminded_of_and_escalated_anew(world):
    (query,) = ask(world)
    reminding.remind(at=after(20))
    querying.answer_query(query=query, text="Yes.", actor=world.coordinator, at=after(21))
    querying.reopen_query(query=query, text="No.", actor=world.analyst, at=after(21))
    reminding.remind(at=after(22))
    assert len(mails("reminder")) == 1
    reminding.remind(at=after(40))
    assert (len(mails("reminder")), len(mails("escalation"))) == (2, 4)


# --- what is in a mail


@pytest.mark.requirement("REQ-PRI-005", "REQ-QRY-002")
def test_no_mail_holds_anything_of_a_subject_or_of_what_was_written(world):
    ask(world, world.trial, world.north, *world.subjects.values(), world.timepoint("N-001", "W8"))
    for query in Query.objects.filter(site=world.north):
        querying.answer_query(query=query, text=WRITTEN, actor=world.coordinator, at=AT)
    reminding.remind(at=after(30))
    jobs.drain()
    never = ["Quillbrook", "Swithin", "N-001", "S-001", "NORTH", "North", "Hospital", world.trial.code, "W8"]
    kinds = set()
    for mail in Mail.objects.all():
        kinds.add(mail.kind)
        assert [word for word in never if word in mail.subject + mail.body + mail.key] == []
    assert kinds == {"queries asked", "query answered", "reminder", "escalation"}


# --- retries by hand


def test_an_administrator_and_nobody_else_tries_a_mail_again(world):
    ask(world)
    mail = Mail.objects.get()
    Mail.objects.update(state="failed", error="SMTPDataError 554")
    for person in (world.coordinator, world.analyst, world.outsider):
        with pytest.raises(AccessDenied):
            telling.retry_mail(mail=mail, actor=person, at=AT)
    telling.retry_mail(mail=mail, actor=world.administrator, at=AT)
    jobs.drain()
    assert Mail.objects.get().state == "sent"
    assert AuditEvent.objects.get(action="mail.retried").actor == world.administrator
