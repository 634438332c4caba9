"""Attempts to sign what was not seen, as somebody else, or twice: each is refused, and leaves the record as it was.

The record is a draft of a charter, whose approval puts it in force; its door is the page of the charter and the API.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from compliance import accounts, signature_policy, signing
from compliance.models import AuditEvent, Mail, PolicyAcceptance, Signature, User
from compliance.signature_policy import Policy
from compliance.signing import Intent
from tests.compliance.scene import SIGNED_ONCE, UNTOUCHED, Scene, make_scene, signed_in
from tests.factories import AT, PASSWORD, World, make_user, make_world
from tests.support.shown import shown
from trials.models import Role
from trials.services import setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SIG-002")]

FORGED = "0" * 64
GIVEN = "given by an administrator"


@pytest.fixture
def scene(world: World) -> Scene:
    return make_scene(world)


# --- what is signed ----------------------------------------------------------------------------------------------

UNSEEN = {
    "nothing is said of what was shown": lambda s: s.sign(shown_sha256=""),
    "the field is left out": lambda s: s.sign(shown_sha256=None),
    "the digest is made up": lambda s: s.sign(shown_sha256=FORGED),
    "the digest is cut short": lambda s: s.sign(shown_sha256=s.digest[:-1]),
    "the digest is in capitals": lambda s: s.sign(shown_sha256=s.digest.upper()),
    "the digest is that of another version": lambda s: s.sign(
        shown_sha256=shown(s.world.trial.charters.get(version=1))
    ),
    "the digest is that of another kind of record": lambda s: s.sign(shown_sha256=shown(s.world.trial)),
    "the digest is the charter's own and not the signature's": lambda s: s.sign(shown_sha256=s.draft.sha256),
    "the form says that it was compared already": lambda s: s.sign(shown_sha256="", settled="1"),
    "the content changed since": lambda s: (s.edit(), s.sign())[1],
    "the content changed twice within the same second": lambda s: (s.edit(3.5), s.edit(4.5), s.sign())[2],
    "a program says nothing of what was shown": lambda s: s.by_api(password=PASSWORD),
    "a program sends an empty digest": lambda s: s.by_api(password=PASSWORD, shown_sha256=""),
    "a program sends a made-up digest": lambda s: s.by_api(password=PASSWORD, shown_sha256=FORGED),
    "a program sends a list for a digest": lambda s: s.by_api(password=PASSWORD, shown_sha256=[s.digest]),
    "a program signs what changed since": lambda s: (s.edit(), s.by_api(password=PASSWORD, shown_sha256=s.digest))[1],
}


@pytest.mark.requirement("REQ-SIG-004")
@pytest.mark.parametrize("attack", list(UNSEEN))
def test_what_was_not_shown_as_it_is_now_is_not_signed(scene: Scene, attack: str) -> None:
    answer = UNSEEN[attack](scene)

    assert answer.status_code in (302, 400, 409, 422)
    assert scene.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-004")
def test_what_was_edited_and_set_back_is_what_was_shown(scene: Scene) -> None:
    before = scene.draft.content["series"][0]["max_slice_thickness_mm"]
    scene.edit(2.5)
    scene.edit(before)

    scene.sign()

    assert scene.state() == SIGNED_ONCE


# --- who signs ---------------------------------------------------------------------------------------------------

WRONG = {
    "no password": "",
    "only spaces": "   ",
    "the password in capitals": PASSWORD.upper(),
    "a space at its end": PASSWORD + "\u00a0",
    "another person's password": "quite another password",
    "the user name": "trial-administrator",
}


@pytest.mark.parametrize("attack", list(WRONG))
def test_nothing_but_the_signers_own_password_signs(scene: Scene, attack: str) -> None:
    make_user("somebody-else", password="quite another password")

    scene.sign(password=WRONG[attack])

    assert scene.state() == UNTOUCHED


def test_what_the_database_keeps_of_a_password_is_no_password(scene: Scene) -> None:
    scene.sign(password=scene.signer.password)

    assert scene.state() == UNTOUCHED


def test_the_password_of_before_no_longer_signs(scene: Scene) -> None:
    accounts.choose_password(user=scene.signer, password="a newer and longer one")
    client = signed_in(User.objects.get(pk=scene.signer.pk))

    scene.sign(by=client)
    assert scene.state() == UNTOUCHED
    scene.sign(by=client, password="a newer and longer one")
    assert scene.state() == SIGNED_ONCE


def end_role(scene: Scene) -> None:
    (held,) = scene.signer.memberships.filter(trial=scene.world.trial, role=Role.TRIAL_ADMINISTRATOR)
    setting_up.end_membership(membership=held, reason="Left", actor=scene.world.founder, at=AT)


def close_account(scene: Scene) -> None:
    User.objects.filter(pk=scene.signer.pk).update(is_active=False)


def sign_out(scene: Scene) -> None:
    scene.client.post("/sign-out/")


def run_out(scene: Scene) -> None:
    Session.objects.all().delete()


def change_password_elsewhere(scene: Scene) -> None:
    accounts.choose_password(user=scene.signer, password="chosen in another window")


MEANWHILE: dict[str, Callable[[Scene], None]] = {
    "the role was taken": end_role,
    "the account was closed": close_account,
    "the session was ended": sign_out,
    "the session ran out": run_out,
    "the password was changed in another window": change_password_elsewhere,
}


@pytest.mark.requirement("REQ-SIG-004")
@pytest.mark.parametrize("attack", list(MEANWHILE))
@pytest.mark.parametrize("door", ["page", "api"])
def test_what_happened_between_page_and_signature_counts(scene: Scene, attack: str, door: str) -> None:
    MEANWHILE[attack](scene)

    given = {"password": PASSWORD, "shown_sha256": scene.digest}
    answer = scene.sign() if door == "page" else scene.by_api(**given)

    assert answer.status_code in (302, 403, 404)
    assert "charter" not in answer.headers.get("Location", "").partition("?")[0]
    assert scene.state() == UNTOUCHED


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.TRIAL_ADMINISTRATOR])
def test_another_role_does_not_approve_with_its_own_password(scene: Scene, role: Role) -> None:
    answer = scene.sign(by=signed_in(scene.world.people[role]))

    assert answer.status_code in (403, 404)
    assert scene.state() == UNTOUCHED


def test_the_administrator_of_another_trial_does_not_know_of_the_draft(scene: Scene) -> None:
    other = make_world("PLX-2", prefix="b-")

    assert scene.sign(by=signed_in(other.administrator)).status_code == 404
    assert scene.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-010")
def test_whom_and_what_for_is_not_said_by_the_form(scene: Scene) -> None:
    other = scene.world.founder
    scene.sign(
        signer=str(other.pk), actor=str(other.pk), meaning="review", printed_name="Somebody Else", at="2020-01-01"
    )

    (signature,) = signing.signatures_on(scene.draft)
    assert (signature.signer, signature.printed_name) == (scene.signer, "Trial Administrator")
    assert (signature.meaning, signature.at.year > 2020) == ("approval", True)


# --- how often, and by which way ---------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-SIG-010")
def test_a_signature_sent_again_is_one_signature(scene: Scene) -> None:
    for _ in range(3):
        scene.sign()
    scene.sign(by=signed_in(scene.signer))
    scene.by_api(password=PASSWORD, shown_sha256=scene.digest)

    assert scene.state() == SIGNED_ONCE


@pytest.mark.requirement("REQ-SIG-010")
@pytest.mark.parametrize("verb", ["get", "head", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("door", ["page", "api"])
def test_another_verb_signs_nothing(scene: Scene, verb: str, door: str) -> None:
    where = scene.page if door == "page" else scene.door
    given = {"password": PASSWORD, "shown_sha256": scene.digest}
    sent = given if verb in ("get", "head") else json.dumps(given)
    named = {} if verb in ("get", "head") else {"content_type": "application/json"}

    getattr(scene.client, verb)(where, sent, **named)

    assert scene.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-010")
def test_a_form_of_another_site_signs_nothing(scene: Scene) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(scene.signer)

    assert scene.sign(by=strict).status_code == 403
    assert scene.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-010")
def test_a_program_does_not_write_the_state_that_a_signature_gives(scene: Scene) -> None:
    where = f"/api/v1/charters/{scene.draft.pk}/"
    scene.by_api("put", where, content=scene.draft.content, state="in_force", signed_at="2026-01-01T00:00:00Z")
    scene.by_api("patch", where, state="in_force")

    assert scene.state() == UNTOUCHED


# --- whose choice the password is --------------------------------------------------------------------------------


@pytest.fixture
def reset(scene: Scene) -> Scene:
    """An administrator has given the signer another password, and sits in a session with it."""
    accounts.give_password(user=scene.signer, password=GIVEN, actor=scene.world.founder, at=AT)
    scene.client = signed_in(User.objects.get(pk=scene.signer.pk))
    return scene


@pytest.mark.requirement("REQ-SIG-007")
def test_whoever_gave_a_password_does_not_sign_with_it(reset: Scene) -> None:
    reset.sign(password=GIVEN)
    answer = reset.by_api(password=GIVEN, shown_sha256=reset.digest)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready_to_sign")
    assert reset.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-007")
def test_of_a_given_password_the_person_is_told_and_the_trail_knows(reset: Scene) -> None:
    mail = Mail.objects.get(kind="password")
    event = AuditEvent.objects.get(action="user.password_given")

    assert (mail.to, "set by somebody else" in mail.subject, GIVEN in mail.body) == (reset.signer, True, False)
    assert (event.actor, event.object_id) == (reset.world.founder, str(reset.signer.pk))


@pytest.mark.requirement("REQ-SIG-007")
def test_whoever_gave_a_password_does_not_accept_the_policy_with_it(reset: Scene) -> None:
    before = Signature.objects.count()
    accept(reset.client, password=GIVEN)

    assert Signature.objects.count() == before


@pytest.mark.requirement("REQ-SIG-007")
def test_the_person_signs_again_after_choosing_a_password(reset: Scene) -> None:
    client = Client()
    client.post("/sign-in/", {"username": reset.signer.username, "password": GIVEN})
    sent = {"old_password": GIVEN, "new_password1": GIVEN, "new_password2": GIVEN}
    assert client.post("/account/password/", sent).status_code == 422
    reset.sign(by=client, password=GIVEN)
    assert reset.state() == UNTOUCHED

    own = "my own choice of words"
    chosen = {**sent, "new_password1": own, "new_password2": own}
    assert client.post("/account/password/", chosen).status_code == 302
    reset.sign(by=client, password=own)
    assert reset.state() == SIGNED_ONCE


@pytest.mark.requirement("REQ-SIG-007")
def test_an_account_signs_nothing_before_its_first_own_password(scene: Scene) -> None:
    made = setting_up.create_user(
        username="newcomer",
        full_name="New Comer",
        email="",
        password=GIVEN,
        actor=scene.world.founder,
        trial=scene.world.trial,
        at=AT,
    )
    setting_up.grant_membership(
        trial=scene.world.trial, user=made, role=Role.TRIAL_ADMINISTRATOR, actor=scene.world.founder, at=AT
    )

    scene.sign(by=signed_in(made), password=GIVEN)

    assert scene.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-007")
def test_the_command_of_the_server_gives_a_password_that_signs_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GIVEN}\n"))
    call_command("changepassword", scene.signer.username)
    scene.client = signed_in(User.objects.get(pk=scene.signer.pk))

    scene.sign(password=GIVEN)

    assert scene.state() == UNTOUCHED
    assert Mail.objects.filter(kind="password", to=scene.signer).count() == 1


# --- the policy --------------------------------------------------------------------------------------------------


def accept(client: Client, **sent: Any) -> HttpResponse:
    """Accept the policy as its page holds it, but for what is sent instead."""
    page = client.get("/account/signature/")
    form = page.context["form"]
    held = {"version": form["version"].value(), "shown_sha256": form["shown_sha256"].value(), "password": PASSWORD}
    return client.post("/account/signature/", {**held, **sent})


@pytest.fixture
def newer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The policy has a second version, which nobody has accepted."""
    versions = (*signature_policy.versions(), Policy(2, "Another text, which binds just as well."))
    monkeypatch.setattr(signature_policy, "versions", lambda: versions)
    return scene


@pytest.mark.requirement("REQ-SIG-008")
def test_the_first_signature_needs_the_policy(scene: Scene) -> None:
    made = User.objects.create_user("newcomer", password=PASSWORD)
    setting_up.grant_membership(
        trial=scene.world.trial, user=made, role=Role.TRIAL_ADMINISTRATOR, actor=scene.world.founder, at=AT
    )
    client = signed_in(made)
    assert (
        "read and accept the e-signature policy" in client.get(f"/trials/charters/{scene.draft.pk}/").content.decode()
    )

    scene.sign(by=client)
    assert scene.state() == UNTOUCHED

    assert accept(client).status_code == 302
    scene.sign(by=client)
    assert scene.state() == SIGNED_ONCE
    assert [one.policy_version for one in signing.signatures_on(scene.draft)] == [1]


@pytest.mark.requirement("REQ-SIG-008")
def test_an_older_version_of_the_policy_is_not_enough(newer: Scene) -> None:
    newer.sign()
    assert newer.state() == UNTOUCHED

    assert accept(newer.client).status_code == 302
    newer.sign()
    assert newer.state() == SIGNED_ONCE
    assert [one.policy_version for one in signing.signatures_on(newer.draft)] == [2]


REFUSED_POLICY: dict[str, dict[str, Any]] = {
    "the version before": {"version": "1"},
    "a version to come": {"version": "3"},
    "no version": {"version": ""},
    "nothing shown": {"shown_sha256": ""},
    "another text shown": {"shown_sha256": FORGED},
    "another password": {"password": "not mine at all"},
}


@pytest.mark.requirement("REQ-SIG-008")
@pytest.mark.parametrize("attack", list(REFUSED_POLICY))
def test_the_policy_is_accepted_as_it_was_read_or_not_at_all(newer: Scene, attack: str) -> None:
    answer = accept(newer.client, **REFUSED_POLICY[attack])

    assert answer.status_code in (409, 422)
    assert not PolicyAcceptance.objects.filter(version=2).exists()


@pytest.mark.requirement("REQ-SIG-008")
def test_the_policy_is_accepted_once_by_one_signature_with_an_event(newer: Scene) -> None:
    page = newer.client.get("/account/signature/").context["form"]
    held = {"version": 2, "shown_sha256": page["shown_sha256"].value(), "password": PASSWORD}
    for _ in range(2):
        newer.client.post("/account/signature/", held)

    accepted = PolicyAcceptance.objects.get(version=2)
    (signature,) = signing.signatures_on(accepted)
    assert (signature.meaning, signature.signer) == ("agreement", newer.signer)
    assert AuditEvent.objects.filter(action="policyacceptance.given").count() == 1


# --- trying passwords --------------------------------------------------------------------------------------------


@pytest.fixture
def guessing(scene: Scene, settings: LazySettings) -> Scene:
    settings.AXES_ENABLED = True
    return scene


def guess(scene: Scene, times: int = 5, **where: str) -> None:
    for number in range(times):
        scene.client.post(scene.page, {"password": f"guess {number}", "shown_sha256": scene.digest}, **where)


@pytest.mark.requirement("REQ-SIG-009")
def test_after_five_guesses_the_right_password_is_refused_too(guessing: Scene) -> None:
    guess(guessing)
    answer = guessing.by_api(password=PASSWORD, shown_sha256=guessing.digest)

    assert (answer.status_code, answer.json()["code"]) == (429, "signing_paused")
    guessing.sign()
    assert guessing.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-009")
def test_guesses_through_pages_and_programs_are_counted_together(guessing: Scene) -> None:
    guess(guessing, 3)
    for _ in range(2):
        guessing.by_api(password="a guess", shown_sha256=guessing.digest)

    guessing.sign()
    assert guessing.state() == UNTOUCHED


@pytest.mark.requirement("REQ-SIG-009")
def test_guesses_at_signatures_count_for_sign_in(guessing: Scene) -> None:
    guess(guessing)

    answer = Client().post("/sign-in/", {"username": guessing.signer.username, "password": PASSWORD})
    assert answer.status_code == 429


@pytest.mark.requirement("REQ-SIG-009")
def test_guesses_lock_out_nobody_else_and_no_other_address(guessing: Scene) -> None:
    guess(guessing, REMOTE_ADDR="10.0.0.66")
    other = guessing.world.analyst
    again = Client().post("/sign-in/", {"username": other.username, "password": PASSWORD}, REMOTE_ADDR="10.0.0.66")
    assert again.status_code == 302

    guessing.sign()
    assert guessing.state() == SIGNED_ONCE


@pytest.mark.requirement("REQ-SIG-009")
def test_each_guess_is_in_the_trail_without_what_was_typed(guessing: Scene) -> None:
    guess(guessing, 2)

    events = AuditEvent.objects.filter(action="signature.refused")
    assert [(one.actor, one.object_id, one.trial_id) for one in events] == [
        (guessing.signer, str(guessing.draft.pk), guessing.world.trial.pk)
    ] * 2
    assert [one.after for one in events] == [{"why": "password"}] * 2


@pytest.mark.requirement("REQ-SIG-009")
def test_of_the_pause_the_person_and_the_installations_keepers_are_told(guessing: Scene) -> None:
    guess(guessing)

    told = set(Mail.objects.filter(kind__in=("account", "alert")).values_list("to__username", flat=True))
    assert told == {guessing.signer.username, guessing.world.founder.username}
    assert AuditEvent.objects.filter(action="sign_in.paused", object_id=str(guessing.signer.pk)).count() == 1


def test_a_program_without_a_request_signs_by_password_alone(scene: Scene) -> None:
    """What the demonstration and other programs do; whoever comes through a page or the API is held to more."""
    signature = signing.sign(scene.draft, Intent(PASSWORD), actor=scene.signer, at=AT)

    assert signature.signer == scene.signer
