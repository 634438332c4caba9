"""Accounts are closed and opened by who keeps the installation; none is removed, and no user name is given twice."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client

from compliance import access, programs
from compliance.accounts import AccountKept
from compliance.models import ApiToken, AuditEvent, Mail, User
from tests.factories import AT, PASSWORD, World, make_user
from trials.models import CalendarAddress, Membership, Role
from trials.services import keeping_accounts, scheduling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACC-001", "REQ-ACC-031")]


@pytest.fixture
def keeper(world: World) -> User:
    """A second person who keeps the installation."""
    return make_user("keeper", is_staff=True)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def close(user: User, actor: User, reason: str = "Left the institution") -> User:
    return keeping_accounts.close_account(user=user, reason=reason, actor=actor, at=AT)


def reopen(user: User, actor: User, reason: str = "Came back") -> User:
    return keeping_accounts.reopen_account(user=user, reason=reason, actor=actor, at=AT)


def test_a_closed_account_is_out_at_once_everywhere(world: World, keeper: User) -> None:
    person = world.coordinator
    there = signed_in(person)
    assert there.get("/").status_code == 200
    _, secret = scheduling.issue_address(site=world.north, actor=person, at=AT)

    close(person, keeper)

    assert there.get("/").status_code == 302
    assert not Client().login(username=person.username, password=PASSWORD)
    assert not access.may(User.objects.get(pk=person.pk), "trials.enrol", world.north)
    assert scheduling.calendar_at(secret=secret, at=AT) is None
    event = AuditEvent.objects.get(action="account.closed")
    assert (event.object_id, event.actor, event.reason) == (str(person.pk), keeper, "Left the institution")
    assert Mail.objects.filter(to=person, subject="Your account: it was closed").count() == 1


def test_opened_again_the_person_signs_in_and_holds_the_roles_and_what_ended_stays_ended(
    world: World, keeper: User
) -> None:
    person = world.coordinator
    there = signed_in(person)
    scheduling.issue_address(site=world.north, actor=person, at=AT)
    programs.issue(label="A script", may_change=True, days=7, actor=person, at=AT)
    reopen(close(person, keeper), keeper)

    assert there.get("/").status_code == 302
    assert Client().login(username=person.username, password=PASSWORD)
    assert access.may(User.objects.get(pk=person.pk), "trials.enrol", world.north)
    assert CalendarAddress.objects.get().revoked_at == AT
    assert ApiToken.objects.get().revoked_at == AT
    assert Membership.objects.filter(user=person, ended_at=None).exists()
    assert Mail.objects.filter(to=person, subject="Your account: it was opened again").exists()


def test_nobody_closes_their_own_nor_the_last_that_keeps_the_installation(world: World, keeper: User) -> None:
    with pytest.raises(AccountKept, match="their own"):
        close(keeper, keeper)
    close(world.founder, keeper)
    User.objects.filter(pk=world.outsider.pk).update(is_staff=True)
    close(keeper, User.objects.get(pk=world.outsider.pk))
    reopen(keeper, User.objects.get(pk=world.outsider.pk))
    User.objects.filter(pk=world.outsider.pk).update(is_active=False)
    with pytest.raises(access.AccessDenied):
        close(keeper, User.objects.get(pk=world.outsider.pk))


@pytest.mark.parametrize("reason", ["", "  "], ids=["empty", "blank"])
def test_without_a_reason_nothing_is_done(world: World, keeper: User, reason: str) -> None:
    with pytest.raises(AccountKept, match="with a reason"):
        close(world.outsider, keeper, reason)
    assert User.objects.get(pk=world.outsider.pk).is_active


def test_a_step_is_taken_once(world: World, keeper: User) -> None:
    with pytest.raises(AccountKept, match="open already"):
        reopen(world.outsider, keeper)
    close(world.outsider, keeper)
    with pytest.raises(AccountKept, match="closed already"):
        close(world.outsider, keeper)


def test_only_who_keeps_the_installation_closes(world: World) -> None:
    for person in (world.administrator, world.people[Role.AUDITOR], world.coordinator):
        with pytest.raises(access.AccessDenied):
            close(world.outsider, person)


@pytest.mark.parametrize("name", ["OUTSIDER", "Outsider", "outsider"], ids=["capitals", "one capital", "the same"])
def test_the_database_gives_no_name_twice_whatever_its_capitals(world: World, keeper: User, name: str) -> None:
    close(world.outsider, keeper)
    with pytest.raises(IntegrityError), transaction.atomic():
        User(username=name, full_name="Somebody else").save()


def test_the_database_refuses_to_remove_an_account(world: World) -> None:
    person = User.objects.create_user("nothing-rests-on-it")
    with pytest.raises(DatabaseError, match="never removed"), transaction.atomic():
        person.delete()
    with pytest.raises(DatabaseError, match="never removed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM compliance_user WHERE id = %s", [person.pk])
    assert User.objects.filter(username="nothing-rests-on-it").exists()


def test_the_pages_list_close_and_open(world: World, keeper: User) -> None:
    person, page = world.coordinator, signed_in(keeper)
    address = f"/trials/accounts/{person.pk}/"
    assert address in page.get("/trials/accounts/", {"q": person.username}).content.decode()
    assert "Nobody of that name" in page.get("/trials/accounts/", {"q": "no such"}).content.decode()
    assert page.post(address, {"reason": ""}).status_code == 422

    assert page.post(address, {"act": "close", "reason": "Left"}).status_code == 302
    closed = page.get(address).content.decode()
    assert "Open it again" in closed
    assert "Left" in closed
    # The same form once more, from a second tab or pressed twice, opens nothing.
    again = page.post(address, {"act": "close", "reason": "Left"})
    assert (again.status_code, User.objects.get(pk=person.pk).is_active) == (409, False)
    assert "is closed already" in again.content.decode()
    assert page.post(address, {"reason": "Left"}).status_code == 404
    assert page.post(address, {"act": "reopen", "reason": "Came back"}).status_code == 302
    assert User.objects.get(pk=person.pk).is_active

    own = f"/trials/accounts/{keeper.pk}/"
    assert "This is your own account" in page.get(own).content.decode()
    assert page.post(own, {"act": "close", "reason": "Mine"}).status_code == 409
    assert 'href="/trials/accounts/"' in page.get("/").content.decode()
    assert 'href="/trials/accounts/"' not in signed_in(world.administrator).get("/").content.decode()
