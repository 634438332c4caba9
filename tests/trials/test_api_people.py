"""People through REST: a trial administrator makes accounts for the trial, and sees who is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from compliance import audit
from compliance.models import AuditEvent, User
from tests.factories import PASSWORD, World, make_world
from trials.models import Role

pytestmark = pytest.mark.requirement("REQ-ACS-012")

PEOPLE = "/api/v1/people/"
SECRET = "correct horse battery staple"


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def wanted(world: World, **values: Any) -> dict[str, Any]:
    person = {"username": "rita", "full_name": "Rita Reader", "email": "rita@example.org", "password": SECRET}
    return {"trial": world.trial.pk, **person, **values}


def test_a_new_account_joins_by_a_membership_and_can_sign_in(world: World) -> None:
    client = signed_in(world.administrator)

    answer = client.post(PEOPLE, wanted(world), format="json")

    user = User.objects.get(username="rita")
    assert (answer.status_code, answer.json()) == (
        201,
        {"id": user.pk, "username": "rita", "full_name": "Rita Reader", "email": "rita@example.org"},
    )
    assert (user.check_password(SECRET), user.is_staff, user.is_superuser) == (True, False, False)
    member = {"trial": world.trial.pk, "user": "rita", "role": "reader"}
    assert client.post("/api/v1/memberships/", member, format="json").status_code == 201
    assert "rita" in [person["username"] for person in client.get(PEOPLE).json()["results"]]


def test_an_account_is_an_event_without_its_password(world: World) -> None:
    signed_in(world.administrator).post(PEOPLE, wanted(world), format="json")

    event = audit.history(User.objects.get(username="rita")).get()
    assert (event.action, event.actor, event.after) == ("user.created", world.administrator, {"username": "rita"})
    events = json.dumps(list(AuditEvent.objects.values("before", "after", "reason", "object_label")))
    assert SECRET not in events


def test_the_list_holds_those_with_a_role_in_ones_trials_and_nobody_else(world: World) -> None:
    other = make_world("PLX-2", prefix="other-")

    listed = signed_in(world.administrator).get(PEOPLE).json()["results"]

    assert {person["username"] for person in listed} == {
        *(role.value.replace("_", "-") for role in Role),
        "founder",
        "southern-coordinator",
    }
    assert {frozenset(person) for person in listed} == {frozenset({"id", "username", "full_name", "email"})}
    assert other.outsider.username not in {person["username"] for person in listed}


def test_who_holds_two_roles_is_listed_once_and_who_left_no_more(world: World) -> None:
    client = signed_in(world.founder)
    client.post("/api/v1/memberships/", {"trial": world.trial.pk, "user": "reader", "role": "adjudicator"})
    names = [person["username"] for person in client.get(PEOPLE).json()["results"]]
    assert names.count("reader") == 1

    membership = world.trial.memberships.get(role=Role.SPONSOR)
    membership.ended_at = membership.granted_at
    membership.save()
    assert "sponsor" not in [person["username"] for person in client.get(PEOPLE).json()["results"]]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.TRIAL_ADMINISTRATOR])
def test_no_other_role_sees_or_makes_people(world: World, role: Role) -> None:
    client = signed_in(world.people[role])

    assert [client.get(PEOPLE).status_code, client.post(PEOPLE, wanted(world), format="json").status_code] == [403, 403]
    assert not User.objects.filter(username="rita").exists()
    assert AuditEvent.objects.filter(action="access.denied", actor=world.people[role]).count() == 2


def test_nobody_makes_accounts_for_a_trial_of_others(world: World) -> None:
    other = make_world("PLX-2", prefix="other-")

    answer = signed_in(world.administrator).post(PEOPLE, wanted(other), format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")
    assert not User.objects.filter(username="rita").exists()


def test_administering_one_trial_gives_nothing_in_another_where_one_only_reads(world: World) -> None:
    other = make_world("PLX-2", prefix="other-")
    member = {"trial": other.trial.pk, "user": world.administrator.username, "role": "reader"}
    assert signed_in(other.administrator).post("/api/v1/memberships/", member, format="json").status_code == 201

    answer = signed_in(world.administrator).post(PEOPLE, wanted(other), format="json")

    assert (answer.status_code, answer.json()["code"]) == (403, "access_denied")
    assert AuditEvent.objects.filter(action="access.denied", actor=world.administrator).count() == 1


@pytest.mark.requirement("REQ-ACC-001", "REQ-ACS-012")
@pytest.mark.parametrize("username", ["reader", "READER", "outsider"])
def test_a_taken_name_is_refused_whatever_its_capitals(world: World, username: str) -> None:
    answer = signed_in(world.administrator).post(PEOPLE, wanted(world, username=username), format="json")

    assert (answer.status_code, answer.json()["code"]) == (409, "already_there")
    assert User.objects.filter(username__iexact=username).count() == 1
    assert not User.objects.get(username__iexact=username).check_password(SECRET)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "short"),
        ("password", "password1234"),
        ("password", "rita@example.org"),
        ("password", ""),
        ("username", "two words"),
        ("username", ""),
        ("username", "x" * 151),
        ("full_name", ""),
        ("email", "no address"),
        ("trial", "PLX-1"),
    ],
)
def test_what_is_missing_or_weak_is_named_by_its_field(world: World, field: str, value: str) -> None:
    answer = signed_in(world.administrator).post(PEOPLE, wanted(world, **{field: value}), format="json")

    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert User.objects.filter(full_name="Rita Reader").count() == 0


def test_rights_are_not_taken_by_asking(world: World) -> None:
    asked = wanted(world, is_staff=True, is_superuser=True, id=1, is_active=False)
    signed_in(world.administrator).post(PEOPLE, asked, format="json")

    user = User.objects.get(username="rita")
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)


@pytest.mark.requirement("REQ-ACC-001", "REQ-ACS-012")
def test_a_persons_account_is_not_changed_or_removed_here(world: World) -> None:
    client = signed_in(world.administrator)
    reader = world.people[Role.READER]

    answers = [client.put(PEOPLE, {}), client.delete(PEOPLE), client.get(f"{PEOPLE}{reader.pk}/")]

    assert [answer.status_code for answer in answers] == [405, 405, 404]
    reader.refresh_from_db()
    assert reader.check_password(PASSWORD)
