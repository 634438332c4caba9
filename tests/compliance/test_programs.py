"""Tokens of programs: issued on a page by who is there in person, good for what the person may, ended at any time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from compliance import factors, one_time, programs
from compliance.models import ApiToken, AuditEvent, User
from tests.factories import World, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACC-021")]


def issued(person: User, *, may_change: bool = True, days: int = 1) -> str:
    label = f"EDC {ApiToken.objects.count()}"
    return programs.issue(label=label, may_change=may_change, days=days, actor=person, at=timezone.now())[1]


def ask(path: str, secret: str, method: str = "get", **more: Any) -> Any:
    return getattr(Client(enforce_csrf_checks=True), method)(
        path, headers={"authorization": f"Bearer {secret}"}, **more
    )


def subject(world: World) -> dict[str, Any]:
    return {"data": {"site": world.north.pk, "code": "N-003", "reference_date": "2026-01-05"}}


def test_it_opens_what_its_person_may_see_and_nothing_else(world: World) -> None:
    rows = ask("/api/v1/subjects/", issued(world.coordinator)).json()["results"]
    assert [one["code"] for one in rows] == ["N-001", "N-002"]
    assert ask(f"/api/v1/subjects/{world.subjects['S-001'].pk}/", issued(world.coordinator)).status_code == 404
    assert ask("/api/v1/subjects/", issued(world.outsider)).status_code == 403


def test_what_it_does_stands_under_its_persons_name_with_its_number(world: World) -> None:
    made = ask(
        "/api/v1/subjects/", issued(world.coordinator), "post", content_type="application/json", **subject(world)
    )
    assert made.status_code == 201, made.content
    event = AuditEvent.objects.filter(action="subject.enrolled").latest("pk")
    assert (event.actor, event.via) == (world.coordinator, f"127.0.0.1 by token {ApiToken.objects.get().pk}")


def test_one_that_only_looks_changes_nothing_and_the_refusal_is_recorded(world: World) -> None:
    secret = issued(world.coordinator, may_change=False)
    said = ask("/api/v1/subjects/", secret, "post", content_type="application/json", **subject(world))
    assert (said.status_code, said.json()["code"]) == (403, "access_denied")
    begun = ask(f"/imaging/timepoints/{world.timepoint('N-001', 'BL').pk}/transfers/", secret, "post")
    assert begun.status_code == 403
    assert AuditEvent.objects.filter(action="access.denied", actor=world.coordinator).count() == 2


def test_uploads_are_begun_with_it_and_no_page_is_opened(world: World) -> None:
    secret, baseline = issued(world.coordinator), world.timepoint("N-001", "BL").pk
    assert ask(f"/imaging/timepoints/{baseline}/transfers/", secret, "post").status_code == 201
    for page in ("/", "/account/", f"/imaging/timepoints/{baseline}/", "/account/programs/new/"):
        assert ask(page, secret)["Location"].startswith("/sign-in/"), page
    assert ask(f"/imaging/timepoints/{baseline}/transfers/", "plx_other", "post").status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/subjects/", "/api/v1/"])
def test_one_that_is_unknown_revoked_or_over_opens_nothing(world: World, path: str) -> None:
    secret = issued(world.coordinator)
    assert ask(path, secret).status_code == 200
    for browser in ("*/*", "text/html"):
        wrong = Client().get(path, headers={"authorization": "Bearer plx_wrong", "accept": browser})
        assert (wrong.status_code, wrong["WWW-Authenticate"]) == (401, "Bearer")
    with time_machine.travel(timezone.now() + dt.timedelta(days=1, seconds=1)):
        assert ask(path, secret).status_code == 401
    ApiToken.objects.update(revoked_at=timezone.now())
    assert ask(path, secret).status_code == 401


@pytest.mark.requirement("REQ-ACC-008", "REQ-ACC-021")
def test_it_ends_with_its_persons_account(world: World) -> None:
    secret = issued(world.coordinator)
    world.coordinator.is_active = False
    world.coordinator.save()
    assert ask("/api/v1/subjects/", secret).status_code == 401


def test_of_somebody_who_must_have_a_factor_and_has_none_it_opens_nothing(world: World, settings: Any) -> None:
    secret = issued(world.coordinator)
    settings.SECOND_FACTOR = "required"
    assert ask("/api/v1/subjects/", secret).status_code == 401
    at, new = timezone.now(), factors.NewApp(one_time.new_secret())
    code = one_time.code_of(new.secret, one_time.step_at(at.timestamp()))
    assert factors.add_app(user=world.coordinator, new=new, code=code, at=at)
    assert ask("/api/v1/subjects/", secret).status_code == 200


# --- the page ----------------------------------------------------------------------------------------------------


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_token_is_issued_on_the_page_shown_once_and_revoked(world: World) -> None:
    client = signed_in(world.coordinator)
    page = client.post("/account/programs/new/", {"label": "EDC of the sponsor", "days": "30", "may_change": "on"})
    token = ApiToken.objects.get()
    secret = page.context["secret"]
    assert (page.status_code, token.may_change, token.expires_at - token.created_at) == (
        201,
        True,
        dt.timedelta(days=30),
    )
    assert secret in page.content.decode()
    twice = client.post("/account/programs/new/", {"label": "EDC of the sponsor", "days": "30"})
    assert (twice.status_code, ApiToken.objects.count()) == (422, 1)
    assert "You have a token for EDC of the sponsor already" in twice.content.decode()
    assert ask("/api/v1/subjects/", secret).status_code == 200
    listed = client.get("/account/programs/").content.decode()
    assert "EDC of the sponsor" in listed
    assert secret not in listed
    client.post("/account/programs/revoke/", {"token": token.pk})
    assert ask("/api/v1/subjects/", secret).status_code == 401
    assert [*AuditEvent.objects.filter(action__startswith="apitoken.").values_list("action", flat=True)] == [
        "apitoken.issued",
        "apitoken.revoked",
    ]
    assert secret not in str([event.after for event in AuditEvent.objects.all()])


def test_nobody_revokes_anothers_and_nobody_has_more_than_they_can_oversee(world: World) -> None:
    issued(world.coordinator)
    theirs = ApiToken.objects.get()
    client = signed_in(make_user("other"))
    assert client.post("/account/programs/revoke/", {"token": theirs.pk}).status_code == 404
    for _ in range(programs.MOST - 1):
        issued(world.coordinator)
    refused = signed_in(world.coordinator).post("/account/programs/new/", {"label": "one more", "days": "1"})
    assert (refused.status_code, ApiToken.objects.count()) == (422, programs.MOST)
    assert "Revoke one" in refused.content.decode()


def test_before_one_is_issued_the_person_shows_who_they_are(world: World) -> None:
    client = signed_in(world.coordinator)
    session = client.session
    session["confirmed"] = 0
    session.save()
    asked = client.post("/account/programs/new/", {"label": "EDC", "days": "1"})
    assert (asked.status_code, ApiToken.objects.count()) == (403, 0)
