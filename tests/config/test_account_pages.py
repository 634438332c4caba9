"""Pages of an account: setting up a factor, where it is required, changing it, and who may reset it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from compliance import factors, one_time, programs
from compliance.models import ApiToken, AuditEvent, Factor, Mail, User
from tests.config.scene import Scene, app_of, asked_of_passkey, enrol, is_in
from tests.factories import PASSWORD, World, make_user
from tests.support.authenticators import Authenticator
from trials.models import Membership, Role

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACC-002")]

ADDRESSES = ("/", "/account/", "/api/v1/", "/api/schema/", "/reading/dicomweb/studies")


def secret_in(page: HttpResponse) -> bytes:
    """The key that a page shows to type into an app."""
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', page.content.decode())
    assert found
    import base64

    return base64.b32decode(found[1].replace(" ", ""))


def code_in(page: HttpResponse, at: dt.datetime) -> str:
    return one_time.code_of(secret_in(page), one_time.step_at(at.timestamp()))


def codes_in(page: HttpResponse) -> list[str]:
    return re.findall(r"<code>([a-z2-7-]{19})</code>", page.content.decode())


def keeper(scene: Scene) -> User:
    """Somebody of whom a factor is required, and who has none."""
    return make_user("keeper", is_staff=True)


# --- where one is required ---------------------------------------------------------------------------------------


def test_who_must_have_a_factor_sets_it_up_right_after_the_password_and_is_shown_recovery_codes(
    scene: Scene, settings: Any
) -> None:
    settings.SECOND_FACTOR = "required"
    keeper(scene)
    client = Client()
    first = client.post("/sign-in/", {"username": "keeper", "password": PASSWORD, "next": "/trials/new/"})
    assert first["Location"] == "/sign-in/app/"
    assert not is_in(client)
    page = client.get("/sign-in/app/")
    assert b"<svg" in page.content
    wrong = client.post("/sign-in/app/", {"code": "000000"})
    assert (wrong.status_code, secret_in(wrong)) == (422, secret_in(page))
    assert not is_in(client)
    done = client.post("/sign-in/app/", {"code": code_in(page, scene.now)})
    assert len(codes_in(done)) == one_time.RECOVERY_CODES
    assert b'href="/trials/new/"' in done.content
    assert is_in(client)


def test_or_a_passkey(scene: Scene, settings: Any) -> None:
    settings.SECOND_FACTOR = "required"
    keeper(scene)
    client, key = Client(), Authenticator()
    client.post("/sign-in/", {"username": "keeper", "password": PASSWORD})
    answer = key.create(asked_of_passkey(client.get("/sign-in/passkey/")))
    done = client.post("/sign-in/passkey/", {"name": "Key", "answer": answer})
    assert len(codes_in(done)) == one_time.RECOVERY_CODES
    assert is_in(client)


@pytest.mark.requirement("REQ-ACC-010")
@pytest.mark.parametrize(
    "said",
    [{"origin": "https://evil.test"}, {"rp_id": "evil.test"}, {"challenge": "AAAA"}, {"flags": 0}],
    ids=["origin", "party", "challenge", "untouched"],
)
def test_a_passkey_that_was_not_made_for_what_was_asked_is_not_taken(scene: Scene, settings: Any, said: Any) -> None:
    settings.SECOND_FACTOR = "required"
    user, client = keeper(scene), Client()
    client.post("/sign-in/", {"username": "keeper", "password": PASSWORD})
    answer = Authenticator().create(asked_of_passkey(client.get("/sign-in/passkey/")), **said)
    assert client.post("/sign-in/passkey/", {"name": "Key", "answer": answer}).status_code == 422
    assert not factors.has_factor(user)
    assert not is_in(client)


@pytest.mark.requirement("REQ-ACC-010")
def test_a_passkey_of_somebody_else_cannot_be_made_ones_own(scene: Scene, settings: Any) -> None:
    settings.SECOND_FACTOR = "required"
    user, client = keeper(scene), Client()
    client.post("/sign-in/", {"username": "keeper", "password": PASSWORD})
    answer = scene.ada.authenticator.create(asked_of_passkey(client.get("/sign-in/passkey/")))
    assert client.post("/sign-in/passkey/", {"name": "Key", "answer": answer}).status_code == 422
    assert not factors.has_factor(user)


def test_the_secret_shown_to_one_person_is_not_set_up_for_another_in_the_same_browser(
    scene: Scene, settings: Any
) -> None:
    settings.SECOND_FACTOR = "required"
    keeper(scene)
    make_user("other", is_staff=True)
    client = Client()
    client.post("/sign-in/", {"username": "keeper", "password": PASSWORD})
    code = code_in(client.get("/sign-in/app/"), scene.now)
    client.post("/sign-in/", {"username": "other", "password": PASSWORD})
    assert client.post("/sign-in/app/", {"code": code}).status_code == 422
    assert not Factor.objects.filter(holder__username__in=["keeper", "other"]).exists()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_session_by_password_alone_is_nobodys_once_a_factor_is_required(
    scene: Scene, settings: Any, address: str
) -> None:
    keeper(scene)
    client = Client()
    client.post("/sign-in/", {"username": "keeper", "password": PASSWORD})
    assert is_in(client)
    settings.SECOND_FACTOR = "required"
    asked, nobody = client.get(address), Client().get(address)
    assert (asked.status_code, asked.get("Location")) == (nobody.status_code, nobody.get("Location"))


def test_who_sees_nothing_signs_in_by_password_and_is_asked_once_there_is_something_to_see(
    world: World, settings: Any
) -> None:
    settings.SECOND_FACTOR = "required"
    person, client = make_user("newcomer"), Client()
    client.post("/sign-in/", {"username": "newcomer", "password": PASSWORD})
    assert is_in(client)
    Membership.objects.create(
        user=person, trial=world.trial, role=Role.READER, granted_at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    )
    assert not is_in(client)


@pytest.mark.parametrize(
    "then", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "http:///evil.test"]
)
def test_after_both_steps_nobody_is_led_to_another_house(scene: Scene, then: str) -> None:
    scene.password(next=then)
    assert scene.second(scene.code())["Location"] == "/"


# --- changing it -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-ACC-007")
@pytest.mark.parametrize("what", ["app", "passkey", "codes", "remove", "password"])
def test_a_change_asks_again_who_it_is_once_the_sign_in_is_old(scene: Scene, what: str) -> None:
    client = scene.sign_in()
    scene.later(minutes=10)
    answer = client.post(f"/account/{what}/", {"factor": str(app_of(scene.ada).pk)})
    assert answer.status_code == 403
    assert b"Confirm that it is you" in answer.content
    assert factors.factors_of(scene.ada.user).count() == 2


@pytest.mark.requirement("REQ-ACC-007")
@pytest.mark.parametrize(
    ("password", "code", "status"),
    [
        (PASSWORD, "right", 302),
        ("wrong", "right", 422),
        (PASSWORD, "000000", 422),
        (PASSWORD, "", 422),
        ("", "right", 422),
        (PASSWORD, "another's", 422),
    ],
    ids=["both", "wrong-password", "wrong-code", "no-code", "no-password", "code-of-another"],
)
def test_it_is_shown_by_password_and_factor_together(scene: Scene, password: str, code: str, status: int) -> None:
    client = scene.sign_in()
    scene.later(minutes=10)
    given = {"right": scene.code(), "another's": scene.code(scene.bob)}.get(code, code)
    form = {"password": password, "code": given, "then": "/account/app/"}
    assert client.post("/account/confirm/", form).status_code == status
    page = client.get("/account/app/")
    assert (b'id="secret"' in page.content) is (status == 302)


@pytest.mark.requirement("REQ-ACC-010")
def test_a_passkey_confirms_too_and_nobody_is_led_elsewhere(scene: Scene) -> None:
    client = scene.sign_in()
    scene.later(minutes=10)
    answer = scene.ada.authenticator.get(asked_of_passkey(client.get("/account/confirm/")))
    done = client.post("/account/confirm/", {"password": PASSWORD, "answer": answer, "then": "https://evil.test/"})
    assert done["Location"] == "/account/"


@pytest.mark.requirement("REQ-ACC-005")
def test_guesses_at_the_confirmation_pause_the_account_like_those_at_sign_in(scene: Scene) -> None:
    client = scene.sign_in()
    said = [client.post("/account/confirm/", {"password": f"guess {n}"}).status_code for n in range(5)]
    assert said == [422, 422, 422, 422, 429]
    assert Mail.objects.filter(to=scene.ada.user, subject="Your account: somebody tried to sign in").count() == 1


@pytest.mark.requirement("REQ-ACC-005")
def test_a_pause_of_one_person_and_address_is_nobody_elses(scene: Scene) -> None:
    scene.password()
    for number in range(6):
        scene.second(f"{number:06d}")
    assert scene.password().status_code == 429
    assert is_in(scene.sign_in(scene.bob))
    elsewhere = Client(REMOTE_ADDR="192.0.2.9")
    assert is_in(scene.sign_in(scene.ada, elsewhere))


@pytest.mark.requirement("REQ-ACC-007")
def test_removing_a_factor_ends_the_other_sessions_and_keeps_this_one(scene: Scene) -> None:
    mine, other = scene.sign_in(), scene.sign_in()
    assert mine.post("/account/remove/", {"factor": str(app_of(scene.ada).pk)})["Location"] == "/account/"
    assert (is_in(mine), is_in(other)) == (True, False)
    assert AuditEvent.objects.filter(action="second_factor.removed", actor=scene.ada.user).count() == 1


@pytest.mark.requirement("REQ-ACC-007", "REQ-ACC-021")
@pytest.mark.parametrize("ends", [True, False], ids=["ended", "kept"])
def test_who_changes_the_password_is_asked_whether_programs_end_too(scene: Scene, ends: bool) -> None:
    client, new = scene.sign_in(), "another good long password"
    assert "end_programs" not in client.get("/account/password/").context["form"].fields
    programs.issue(label="EDC", may_change=True, days=7, actor=scene.ada.user, at=scene.now)
    asked = client.get("/account/password/").content.decode()
    assert re.search(r'name="end_programs"[^>]* checked', asked)
    assert "One stands." in asked
    said = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/account/password/", {**said, **({"end_programs": "on"} if ends else {})}).status_code == 302

    token = ApiToken.objects.get()
    assert (token.revoked_at is not None, is_in(client)) == (ends, True)
    assert AuditEvent.objects.filter(action="apitoken.revoked", actor=scene.ada.user).exists() == ends
    told = Mail.objects.get(subject="Your account: password changed")
    assert ("tokens of your programs have ended" in told.body) == ends


@pytest.mark.requirement("REQ-ACC-007")
def test_nobody_removes_the_factor_of_another(scene: Scene) -> None:
    client = scene.sign_in()
    assert client.post("/account/remove/", {"factor": str(app_of(scene.bob).pk)}).status_code == 404
    assert factors.factors_of(scene.bob.user).count() == 2
    assert AuditEvent.objects.filter(action="access.denied", actor=scene.ada.user).count() == 1


@pytest.mark.requirement("REQ-ACC-007")
def test_a_new_app_on_the_page_replaces_the_old_and_new_codes_end_the_old(scene: Scene) -> None:
    client = scene.sign_in()
    page = client.get("/account/app/")
    assert b"This replaces your app" in page.content
    done = client.post("/account/app/", {"code": code_in(page, scene.now)})
    assert done["Location"] == "/account/"
    fresh = codes_in(client.post("/account/codes/"))
    assert len(fresh) == one_time.RECOVERY_CODES
    scene.password()
    assert scene.second(scene.ada.codes[0]).status_code == 422
    assert scene.second(fresh[0])["Location"] == "/"
    assert f"{one_time.RECOVERY_CODES - 1} of them are left" in scene.client.get("/account/").content.decode()


@pytest.mark.requirement("REQ-ACC-007")
def test_signing_out_everywhere_else_ends_the_others_alone(scene: Scene) -> None:
    mine, other = scene.sign_in(), scene.sign_in()
    mine.post("/account/sessions/end/")
    assert (is_in(mine), is_in(other)) == (True, False)


# --- a reset -----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-ACC-006")
def test_an_administrator_of_the_trial_resets_a_members_factor_with_a_reason(
    scene: Scene, world: World, settings: Any
) -> None:
    settings.AXES_ENABLED = False
    reader = enrol("lost", scene.now)
    membership = Membership.objects.create(user=reader.user, trial=world.trial, role=Role.READER, granted_at=scene.now)
    address, client = f"/trials/members/{membership.pk}/reset-factor/", Client()
    client.force_login(world.administrator, backend="django.contrib.auth.backends.ModelBackend")
    client.post(address, {"reason": ""})
    assert factors.has_factor(reader.user)
    page = client.get(f"/trials/{world.trial.pk}/setup/").content.decode()
    assert page.count("Reset second factor…") == 1
    answer = client.post(address, {"reason": "Called from the number we know."})
    assert answer.status_code == 302
    assert not factors.has_factor(reader.user)
    assert AuditEvent.objects.get(action=factors.RESET).actor == world.administrator
    assert Mail.objects.filter(to=reader.user, subject="Your account: second factor reset").exists()


@pytest.mark.requirement("REQ-ACC-006")
def test_who_runs_the_installation_resets_an_administrators_factor(scene: Scene, capsys: Any) -> None:
    call_command("reset_second_factor", "ada", reason="Stood before me.")
    assert not factors.has_factor(scene.ada.user)
    assert AuditEvent.objects.get(action=factors.RESET).actor is None
    with pytest.raises(CommandError, match="nothing to reset"):
        call_command("reset_second_factor", "ada", reason="Again.")
    with pytest.raises(CommandError, match="Nobody is called"):
        call_command("reset_second_factor", "eve", reason="Whoever.")
