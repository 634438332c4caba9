"""Requests of programs: lists are narrowed, answers named, changes conditional, and what is sent twice is done once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.test import APIClient

from compliance import once
from compliance.models import AnsweredRequest, AuditEvent, User
from config.urls import router
from tests.factories import AT, PASSWORD, World
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACC-022")]
LISTS = [(prefix, door) for prefix, door, _ in router.registry if getattr(door, "filters", None)]


def ask(person: User, path: str, data: Any = None, method: str = "", **headers: str) -> Any:
    client = APIClient()
    client.force_authenticate(person)
    method = method or ("get" if data is None else "post")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return getattr(client, method)(f"/api/v1/{path}", data, format="json" if data is not None else None, headers=named)


def codes(person: User, query: str) -> list[str]:
    return [one["code"] for one in ask(person, f"subjects/?{query}").json()["results"]]


def new(world: World, code: str = "N-003") -> dict[str, Any]:
    return {"site": world.north.pk, "code": code, "reference_date": "2026-01-05"}


# --- lists -------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_a_list_is_narrowed_by_what_is_asked_for(world: World) -> None:
    who = world.administrator
    assert codes(who, f"site={world.south.pk}") == ["S-001"]
    assert codes(who, f"trial={world.trial.pk}&code=N-002") == ["N-002"]
    assert codes(who, "state=withdrawn") == []
    assert codes(who, f"trial={world.trial.pk + 1}") == []
    assert codes(world.coordinator, f"site={world.south.pk}") == []
    visits = ask(who, f"timepoints/?subject={world.subjects['N-001'].pk}&code=BL").json()
    assert (visits["count"], visits["results"][0]["code"]) == (1, "BL")


@pytest.mark.one_database
@pytest.mark.parametrize("query", ["sit=1", "site=north", "site=1%00", "site=99999999999999999999", "code=a%00"])
def test_a_filter_that_is_not_understood_is_refused_and_never_ignored(world: World, query: str) -> None:
    answer = ask(world.administrator, f"subjects/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "filter_refused")


@pytest.mark.one_database
def test_pages_are_as_long_as_asked_for(world: World) -> None:
    page = ask(world.administrator, "subjects/?page_size=2").json()
    assert (len(page["results"]), page["count"], "page_size=2" in page["next"]) == (2, 3, True)


@pytest.mark.parametrize(("prefix", "door"), LISTS, ids=[prefix for prefix, _ in LISTS])
def test_every_filter_leads_somewhere(world: World, prefix: str, door: Any) -> None:
    people = list(world.people.values())
    person = next((one for one in people if ask(one, f"{prefix}/").status_code == 200), None)
    assert person is not None, "nobody lists it"
    for name in door.filters:
        answer = ask(person, f"{prefix}/?{name}=999999")
        assert (answer.status_code, answer.json()["results"]) == (200, []), name


# --- conditions --------------------------------------------------------------------------------------------------


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["subjects/", "subjects/{}/"], ids=["list", "record"])
def test_what_is_known_already_is_not_sent_again(world: World, path: str) -> None:
    path = path.format(world.subjects["N-001"].pk)
    tag = ask(world.administrator, path)["ETag"]
    again = ask(world.administrator, path, If_None_Match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    Subject.objects.filter(code="N-001").update(reference_date=dt.date(2026, 1, 6))
    assert ask(world.administrator, path, If_None_Match=tag).status_code == 200


@pytest.mark.one_database
def test_a_change_that_starts_from_another_record_is_not_made(world: World) -> None:
    path, body = f"subjects/{world.subjects['N-001'].pk}/arm/", {"arm": "B", "reason": "as randomised"}
    tag = ask(world.administrator, f"subjects/{world.subjects['N-001'].pk}/")["ETag"]
    refused = ask(world.administrator, path, body, If_Match='"other"')
    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")
    assert Subject.objects.get(code="N-001").arm == "A"
    assert ask(world.administrator, path, body, If_Match=tag).status_code == 200
    assert Subject.objects.get(code="N-001").arm == "B"


@pytest.mark.one_database
def test_a_method_that_a_resource_does_not_take_is_refused_as_such_whatever_it_starts_from(world: World) -> None:
    path = f"timepoints/{world.timepoint('N-001', 'BL').pk}/"
    for method in ("put", "post", "delete"):
        assert ask(world.administrator, path, {}, method, If_Match='"1"', Idempotency_Key="k").status_code == 405
    assert AnsweredRequest.objects.count() == 0


# --- once --------------------------------------------------------------------------------------------------------


def test_what_is_sent_twice_under_one_key_is_done_once_and_answered_the_same(world: World) -> None:
    first = ask(world.coordinator, "subjects/", new(world), Idempotency_Key="k-1")
    again = ask(world.coordinator, "subjects/", new(world), Idempotency_Key="k-1")
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert first.json() == again.json()
    assert AuditEvent.objects.filter(action="subject.enrolled", object_label="N-003").count() == 1
    other = ask(world.coordinator, "subjects/", new(world, "N-004"), Idempotency_Key="k-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert not Subject.objects.filter(code="N-004").exists()
    # Each has keys of their own.
    assert ask(world.administrator, "subjects/", new(world, "N-004"), Idempotency_Key="k-1").status_code == 201


def test_what_was_refused_may_be_sent_again_under_its_key(world: World) -> None:
    assert ask(world.coordinator, "subjects/", new(world, "N-001"), Idempotency_Key="k").status_code == 409
    assert ask(world.analyst, "subjects/", new(world), Idempotency_Key="k").status_code == 403
    assert AnsweredRequest.objects.count() == 0
    assert ask(world.coordinator, "subjects/", new(world), Idempotency_Key="k").status_code == 201


def test_of_a_request_that_never_ended_it_is_said_that_nobody_knows(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(once, "end", lambda row, response: None)
    ask(world.coordinator, "subjects/", new(world), Idempotency_Key="k")
    again = ask(world.coordinator, "subjects/", new(world), Idempotency_Key="k")
    assert (again.status_code, again.json()["code"]) == (409, "outcome_unknown")
    assert Subject.objects.filter(code="N-003").count() == 1


@pytest.mark.one_database
def test_after_a_day_a_key_is_forgotten_and_nothing_that_was_sent_is_kept(world: World) -> None:
    ask(world.coordinator, "subjects/", {**new(world), "password": PASSWORD}, Idempotency_Key="k")
    row = AnsweredRequest.objects.get()
    assert PASSWORD not in f"{vars(row)}"
    with time_machine.travel(timezone.now() + dt.timedelta(days=1, seconds=1)):
        assert ask(world.coordinator, "subjects/", new(world, "N-004"), Idempotency_Key="k").status_code == 201
    assert AnsweredRequest.objects.count() == 1


@pytest.mark.one_database
@pytest.mark.parametrize("key", ["two words", "x" * 101, "ü"], ids=["space", "long", "foreign"])
def test_a_key_is_a_word_of_a_hundred_characters_at_most(world: World, key: str) -> None:
    refused = ask(world.coordinator, "subjects/", new(world), Idempotency_Key=key)
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_refused")


@pytest.mark.one_database
def test_a_key_goes_with_a_body_that_can_be_known_again(world: World) -> None:
    request = RequestFactory().post("/api/v1/subjects/", new(world), headers={"idempotency-key": "k"})
    # As the check against forged requests does where a browser sends.
    assert request.POST
    with pytest.raises(once.KeyNotUnderstood, match="a body in JSON"):
        once.begin(Request(request), world.coordinator, AT)
