"""May they? Refusal is the default, and each refusal of an address is one event."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import resolve

from compliance import access
from compliance.models import AuditEvent, User
from tests.compliance import doors
from tests.factories import World, make_world
from trials.models import Role, Site, Trial

pytestmark = [pytest.mark.usefixtures("doors"), pytest.mark.requirement("REQ-ACS-003")]


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def denials() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="access.denied").order_by("pk"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[User, Model | None]]:
    """Register the tests' verb, held by analysts of the trial; list who asked for it, about what."""
    seen: list[tuple[User, Model | None]] = []

    def analysts(user: User, about: Model | None) -> bool:
        seen.append((user, about))
        return user.memberships.filter(role=Role.QC_ANALYST, trial=about).exists()

    monkeypatch.setitem(access._predicates, doors.VERB, analysts)
    return seen


# --- predicates ---------------------------------------------------------------------------------------------


def test_a_verb_has_one_predicate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_predicates", {})
    access.register("tests.once", lambda user, about: True)

    with pytest.raises(ValueError, match=r"tests\.once is registered twice"):
        access.register("tests.once", lambda user, about: True)
    assert access.verbs() == {"tests.once"}


@pytest.mark.django_db
def test_a_verb_that_nobody_registered_is_never_granted() -> None:
    with pytest.raises(KeyError):
        access.may(User.objects.create(username="somebody"), "tests.of_nobody")


@pytest.mark.requirement("REQ-ACC-008")
@pytest.mark.django_db
def test_only_active_people_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access._predicates, "tests.any", lambda user, about: True)
    active = User.objects.create(username="active")
    left = User.objects.create(username="left", is_active=False)

    answers = [access.may(who, "tests.any") for who in (active, left, AnonymousUser(), None, "active")]

    assert answers == [True, False, False, False, False]


@pytest.mark.requirement("REQ-ACS-011")
@pytest.mark.django_db
def test_a_refusal_says_what_to_do_and_carries_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access._predicates, "tests.none", lambda user, about: False)
    user = User.objects.create(username="somebody")

    with pytest.raises(access.AccessDenied, match="ask the trial administrator for the role") as refused:
        access.require(user, "tests.none", user)

    assert (refused.value.status, refused.value.details) == (403, {"verb": "tests.none", "about": user})


# --- grants on objects --------------------------------------------------------------------------------------


def test_a_grant_is_for_one_object_and_ends_when_it_is_taken_away(world: World) -> None:
    other = make_world("PLX-2", prefix="other-").trial
    reads, audits = Role.READER.permission, Role.AUDITOR.permission
    user = world.outsider

    access.grant(user, reads, world.trial)

    assert access.holds(user, [reads], world.trial)
    assert access.holds(user, [audits, reads], world.trial)
    assert not access.holds(user, [audits], world.trial)
    assert not access.holds(user, [], world.trial)
    assert not access.holds(user, [reads], other)
    assert list(access.held_objects(user, [reads, audits], Trial)) == [world.trial]

    access.revoke(user, reads, world.trial)
    assert not access.holds(user, [reads], world.trial)
    assert not access.held_objects(user, [reads], Trial).exists()


def test_a_grant_at_a_site_is_none_at_its_trial_or_its_neighbour(world: World) -> None:
    coordinates = Role.SITE_COORDINATOR.permission

    assert access.holds(world.coordinator, [coordinates], world.north)
    assert not access.holds(world.coordinator, [coordinates], world.south)
    assert list(access.held_objects(world.coordinator, [coordinates], Site)) == [world.north]


@pytest.mark.requirement("REQ-ACC-008")
def test_who_is_no_longer_active_holds_nothing(world: World) -> None:
    analyst = world.analyst
    analyst.is_active = False
    analyst.save()

    assert not access.holds(analyst, [Role.QC_ANALYST.permission], world.trial)


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-ACS-004")
def test_who_sees_the_record_and_holds_the_verb_gets_the_record(
    world: World, asked: list[tuple[User, Model | None]]
) -> None:
    answer = client_of(world.analyst).get(f"/t/trial/{world.trial.pk}/hello/")

    assert (answer.status_code, answer.content) == (200, b"PLX-1 PLX-1 hello")
    assert asked == [(world.analyst, world.trial)]
    assert denials() == []


@pytest.mark.requirement("REQ-AUD-011")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_record_that_one_cannot_see_is_not_there_and_asking_is_one_event(
    world: World, asked: list[tuple[User, Model | None]], method: str
) -> None:
    answer = client_of(world.outsider).generic(method, f"/t/trial/{world.trial.pk}/?name=Quillbrook")

    assert answer.status_code == 404
    (event,) = denials()
    assert (event.actor, event.object_type, event.object_id, event.trial_id) == (
        world.outsider,
        "compliance.user",
        str(world.outsider.pk),
        None,
    )
    assert event.after == {"verb": doors.VERB, "method": method, "path": f"/t/trial/{world.trial.pk}/"}
    assert asked == []


@pytest.mark.requirement("REQ-ACS-004")
def test_a_record_that_does_not_exist_is_answered_and_recorded_the_same_way(
    world: World, asked: list[tuple[User, Model | None]]
) -> None:
    client = client_of(world.outsider)
    hidden, missing = client.get(f"/t/trial/{world.trial.pk}/"), client.get("/t/trial/999999/")

    assert [hidden.status_code, missing.status_code] == [404, 404]
    # The token against forgery is masked anew in each page.
    token = re.compile(rb"\b[A-Za-z0-9]{64}\b")
    assert token.sub(b"", hidden.content) == token.sub(b"", missing.content)
    assert [event.object_label for event in denials()] == ["Outsider", "Outsider"]


@pytest.mark.requirement("REQ-AUD-011")
def test_a_verb_not_held_on_a_record_one_sees_is_one_event_about_the_record(
    world: World, asked: list[tuple[User, Model | None]]
) -> None:
    reader = world.people[Role.READER]

    answer = client_of(reader).get(f"/t/trial/{world.trial.pk}/")

    assert answer.status_code == 403
    (event,) = denials()
    assert (event.actor, event.role, event.object_type, event.object_id, event.trial_id) == (
        reader,
        "Reader",
        "trials.trial",
        str(world.trial.pk),
        world.trial.pk,
    )
    assert event.after == {"verb": doors.VERB, "method": "GET", "path": f"/t/trial/{world.trial.pk}/"}


@pytest.mark.requirement("REQ-AUD-011")
@pytest.mark.parametrize(
    ("address", "status"), [("/t/verb/", 403), ("/api/v1/people/", 403), ("/api/v1/trials/999999/", 404)]
)
def test_a_refusal_is_one_event_through_every_kind_of_door(world: World, address: str, status: int) -> None:
    assert client_of(world.outsider).get(address).status_code in (403, status)
    assert len(denials()) == 1


def test_without_a_record_the_verb_is_asked_for_anywhere(world: World) -> None:
    assert client_of(world.administrator).get("/t/verb/").status_code == 200
    assert client_of(world.analyst).get("/t/verb/").status_code == 403


def test_an_address_may_name_its_record_otherwise(world: World) -> None:
    client = client_of(world.administrator)

    assert client.get("/t/code/PLX-1/").content == b"PLX-1"
    assert client.get("/t/code/PLX-2/").status_code == 404


@pytest.mark.requirement("REQ-ACS-001")
def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_no_event(world: World) -> None:
    for address in (f"/t/trial/{world.trial.pk}/", "/t/verb/", "/t/signed-in/", "/t/forgotten/"):
        answer = Client().get(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={address}")
    assert denials() == []


@pytest.mark.requirement("REQ-ACS-001")
@pytest.mark.django_db
def test_what_is_public_needs_no_sign_in() -> None:
    assert Client().get("/t/public/").status_code == 200


@pytest.mark.requirement("REQ-ACC-008")
@pytest.mark.django_db
def test_a_person_who_was_deactivated_is_signed_out() -> None:
    user = User.objects.create(username="leaver")
    client = client_of(user)
    assert client.get("/t/signed-in/").status_code == 200
    user.is_active = False
    user.save()

    assert client.get("/t/signed-in/").status_code == 302


@pytest.mark.requirement("REQ-ACS-007")
@pytest.mark.django_db
@pytest.mark.parametrize("authorization", ["Bearer secret", "bearer secret", "BEARER  secret "])
def test_a_program_is_known_by_its_token_without_a_session_or_a_page(authorization: str) -> None:
    programs = Client(enforce_csrf_checks=True)

    answer = programs.post("/t/programs/word/", headers={"authorization": authorization})
    assert answer.content == b"an archive word"


@pytest.mark.requirement("REQ-ACS-007")
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer other", "Basic secret", "secret"])
def test_without_a_token_that_stands_for_somebody_a_program_is_told_how(
    world: World, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}

    for client in (Client(), client_of(world.administrator)):
        answer = client.post("/t/programs/", headers=headers)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["code"] == "no_token"


def test_while_a_token_cannot_be_checked_nobody_is_called_a_stranger() -> None:
    def away(secret: str) -> None:
        raise OperationalError

    view = access.bearer(away)(doors.to_programs)
    answer = view(RequestFactory().post("/", headers={"authorization": "Bearer secret"}))

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")


@pytest.mark.requirement("REQ-ACS-001")
def test_each_address_says_to_whom_it_is_open() -> None:
    said = {
        address: getattr(resolve(address).func, "permission", None)
        for address in ("/t/trial/1/", "/t/signed-in/", "/t/public/", "/t/programs/", "/t/forgotten/")
    }
    assert said == {
        "/t/trial/1/": doors.VERB,
        "/t/signed-in/": access.SIGNED_IN,
        "/t/public/": access.PUBLIC,
        "/t/programs/": access.BEARER,
        "/t/forgotten/": None,
    }


# --- histories ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-AUD-012")
def test_a_history_is_open_to_who_sees_the_record_and_holds_its_verb(world: World) -> None:
    label, pk = "trials.trial", str(world.trial.pk)

    seen = {role for role, person in world.people.items() if access.exposed(person, label, pk) == world.trial}

    assert seen == {Role.TRIAL_ADMINISTRATOR, Role.AUDITOR}
    assert access.exposed(world.outsider, label, pk) is None


@pytest.mark.requirement("REQ-AUD-012")
@pytest.mark.parametrize(("label", "pk"), [("compliance.user", "1"), ("trials.trial", "x"), ("trials.trial", "²")])
def test_a_history_of_another_kind_or_without_a_number_is_not_there(world: World, label: str, pk: str) -> None:
    assert access.exposed(world.administrator, label, pk) is None
