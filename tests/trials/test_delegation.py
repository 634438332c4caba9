"""Roles that end by themselves, and the log of who held which role on a day."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from compliance import access, programs
from compliance.models import AuditEvent, Mail, User
from tests.factories import AT, World, make_user
from trials.models import Membership, Role
from trials.selectors import role_names, roles_in, trials_of
from trials.services import delegating, setting_up
from trials.tasks import end_roles

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-014")]

DAY = dt.timedelta(days=1)


@pytest.fixture
def guest(world: World, time_machine: Any) -> Membership:
    """An auditor for thirty days."""
    time_machine.move_to(AT)
    user = make_user("inspector", full_name="Ines Inspector")
    user.email = "ines@example.org"
    user.save()
    return setting_up.grant_membership(
        trial=world.trial, user=user, role=Role.AUDITOR, actor=world.administrator, at=AT, until=AT + 30 * DAY
    )


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_role_ends_by_itself_at_its_time_once(guest: Membership, world: World) -> None:
    assert delegating.end_what_is_over(at=AT + 30 * DAY - dt.timedelta(seconds=1)) == []
    assert access.may(guest.user, "trials.audit", world.trial)

    assert delegating.end_what_is_over(at=AT + 30 * DAY) == [guest]
    assert delegating.end_what_is_over(at=AT + 31 * DAY) == []

    assert not access.may(guest.user, "trials.audit", world.trial)
    assert not trials_of(guest.user).exists()
    event = AuditEvent.objects.get(action="membership.expired")
    assert (event.actor, event.object_id, event.trial_id) == (None, str(guest.pk), world.trial.pk)


def test_it_opens_nothing_from_its_end_on_though_no_beat_has_ended_it(
    guest: Membership, world: World, time_machine: Any
) -> None:
    address = f"/trials/{world.trial.pk}/audit/"
    time_machine.move_to(AT + 30 * DAY - dt.timedelta(seconds=1), tick=False)
    client = signed_in(guest.user)
    assert client.get(address).status_code == 200
    token = programs.issue(label="reports", may_change=False, days=1, actor=guest.user, at=timezone.now())[1]
    program = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    assert Client().get("/api/v1/trials/", **program).json()["count"] == 1

    time_machine.move_to(AT + 30 * DAY, tick=False)

    client = signed_in(guest.user)
    assert client.get(address).status_code == 404
    assert Client().get("/api/v1/trials/", **program).status_code == 403
    assert not access.may(guest.user, "trials.audit", world.trial)
    with access.asking_much(guest.user):
        assert not access.may(guest.user, "trials.audit", world.trial)
        assert not access.may(guest.user, "trials.audit")
    assert (role_names(guest.user, world.trial.pk), roles_in(guest.user, world.trial)) == ("", [])
    assert Membership.objects.get(pk=guest.pk).ended_at is None


def test_the_beat_notes_the_end_in_the_trail(guest: Membership, time_machine: Any) -> None:
    time_machine.move_to(AT + 30 * DAY)
    end_roles()
    assert Membership.objects.get(pk=guest.pk).ended_at == AT + 30 * DAY
    assert AuditEvent.objects.filter(action="membership.expired").count() == 1


def test_a_role_that_is_over_is_given_again_before_the_beat_has_ended_it(
    guest: Membership, world: World, time_machine: Any
) -> None:
    at = AT + 30 * DAY
    time_machine.move_to(at)
    again = setting_up.grant_membership(
        trial=world.trial, user=guest.user, role=Role.AUDITOR, actor=world.administrator, at=at
    )
    assert access.may(guest.user, "trials.audit", world.trial)
    assert delegating.end_what_is_over(at=at + DAY) == []
    assert (again.until, Membership.objects.get(pk=guest.pk).ended_at) == (None, at)


def test_other_roles_of_the_person_stay(guest: Membership, world: World) -> None:
    setting_up.grant_membership(
        trial=world.trial, user=guest.user, role=Role.QC_ANALYST, actor=world.administrator, at=AT
    )

    delegating.end_what_is_over(at=AT + 30 * DAY)

    assert access.may(guest.user, "imaging.review", world.trial)


def test_a_role_that_is_over_can_be_given_again(guest: Membership, world: World) -> None:
    delegating.end_what_is_over(at=AT + 30 * DAY)

    setting_up.grant_membership(
        trial=world.trial, user=guest.user, role=Role.AUDITOR, actor=world.administrator, at=AT + 40 * DAY
    )

    assert access.may(guest.user, "trials.audit", world.trial)


def test_a_role_does_not_end_before_it_is_given(world: World) -> None:
    with pytest.raises(setting_up.AlreadyOver):
        setting_up.grant_membership(
            trial=world.trial, user=make_user("late"), role=Role.AUDITOR, actor=world.administrator, at=AT, until=AT
        )


def test_a_person_is_told_once_a_week_before_and_no_trial_is_named(guest: Membership, world: World) -> None:
    delegating.end_what_is_over(at=AT + 22 * DAY)
    assert not Mail.objects.filter(kind="role").exists()

    delegating.end_what_is_over(at=AT + 24 * DAY)
    delegating.end_what_is_over(at=AT + 25 * DAY)

    mail = Mail.objects.get(kind="role")
    assert mail.to == guest.user
    assert world.trial.code not in mail.subject + mail.body


# --- the log -----------------------------------------------------------------------------------------------------


def roles_on(world: World, day: dt.date, person: User) -> list[str]:
    return [one.membership.role for one in delegating.log_of(world.trial, day, AT) if one.membership.user == person]


def test_the_log_says_who_held_what_on_any_day(guest: Membership, world: World) -> None:
    setting_up.end_membership(membership=guest, reason="Done early.", actor=world.administrator, at=AT + 10 * DAY)
    given = AT.date()

    assert roles_on(world, given - DAY, guest.user) == []
    assert roles_on(world, given, guest.user) == ["auditor"]
    assert roles_on(world, given + 10 * DAY, guest.user) == ["auditor"]
    assert roles_on(world, given + 11 * DAY, guest.user) == []


def test_an_auditor_reads_who_gave_and_ended_a_role_and_why(guest: Membership, world: World, time_machine: Any) -> None:
    setting_up.end_membership(membership=guest, reason="=Done early.", actor=world.administrator, at=AT + 10 * DAY)
    time_machine.move_to(AT + 50 * DAY)
    client = signed_in(world.people[Role.AUDITOR])
    on = f"?on={AT.date() + 5 * DAY}"

    page = client.get(f"/trials/{world.trial.pk}/people/{on}").content.decode()
    answer = client.get(f"/trials/{world.trial.pk}/people/list/{on}")

    assert "Ines Inspector" in page
    assert "Done early." in page
    assert "Ines Inspector" not in client.get(f"/trials/{world.trial.pk}/people/").content.decode()
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    (row,) = [row for row in rows if row["user_name"] == "inspector"]
    assert (row["role"], row["given_by"], row["ended_by"]) == (
        "Auditor",
        world.administrator.full_name,
        world.administrator.full_name,
    )
    assert row["reason"] == "'=Done early."
    assert (row["account_open"], row["second_factor"], row["signs_in_by"]) == ("yes", "no", "password")


@pytest.mark.parametrize("asked", ["nonsense", "2026-02-31", "9999-01-01", ""])
def test_a_day_that_is_none_is_today(world: World, asked: str) -> None:
    client = signed_in(world.administrator)

    answer = client.get(f"/trials/{world.trial.pk}/people/?on={asked}")

    assert answer.status_code == 200
    assert world.administrator.username in answer.content.decode()


# --- giving one --------------------------------------------------------------------------------------------------


def give(world: World, **said: str) -> str:
    """Give the outsider a role on the page; return what the page says then."""
    client = signed_in(world.administrator)
    sent = {"username": world.outsider.username, "role": "auditor", **said}
    return client.post(f"/trials/{world.trial.pk}/members/", sent, follow=True).content.decode()


def test_an_auditors_role_is_given_until_a_day(world: World, time_machine: Any) -> None:
    time_machine.move_to(AT)
    assert "Give its last day" in give(world)
    assert "This day is over" in give(world, last_day=str(AT.date() - DAY))
    assert not Membership.objects.filter(user=world.outsider).exists()

    give(world, last_day=str(AT.date() + 3 * DAY))

    until = Membership.objects.get(user=world.outsider).until
    assert until == dt.datetime.combine(AT.date() + 4 * DAY, dt.time(), dt.UTC)


def test_other_roles_need_no_end(world: World) -> None:
    give(world, role="qc_analyst")

    assert Membership.objects.get(user=world.outsider).until is None
