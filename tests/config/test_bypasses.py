"""Whoever has a password that is not theirs, or less, gets nowhere: each way round the second factor that we know of.

Each bypass plays its attack in `scene.client`; afterwards no door is open to that browser.
"""

from __future__ import annotations

import base64
import copy
import datetime as dt
from collections.abc import Callable
from importlib import import_module

import pytest
from django.conf import settings
from django.test import Client

from compliance import factors, one_time, sessions
from compliance.models import AuditEvent, Factor, RecoveryCode
from tests.config.scene import Scene, app_of, is_in
from tests.factories import PASSWORD
from tests.support.authenticators import Authenticator

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACC-003")]

Bypass = Callable[[Scene], None]


# --- with half a session -----------------------------------------------------------------------------------------


def opening_a_page_after_the_password(scene: Scene) -> None:
    scene.password()


def asking_the_api_after_the_password(scene: Scene) -> None:
    scene.password()
    assert scene.client.get("/api/v1/read-tasks/").status_code in (401, 403)


def asking_for_images_after_the_password(scene: Scene) -> None:
    scene.password()
    for address in ("/imaging/instances/1/frames/1/", "/dicomweb/studies/1.2", "/reading/dicomweb/studies"):
        assert scene.client.get(address).status_code != 200


def changing_the_account_after_the_password(scene: Scene) -> None:
    scene.password()
    for what in ("remove", "codes", "password", "sessions/end", "app", "confirm"):
        answer = scene.client.post(f"/account/{what}/", {"factor": app_of(scene.ada).pk, "password": PASSWORD})
        assert answer["Location"].startswith("/sign-in/?next=")
    assert factors.factors_of(scene.ada.user).count() == 2


def enrolling_a_factor_of_ones_own_after_the_password(scene: Scene) -> None:
    scene.password()
    for way in ("app", "passkey"):
        assert scene.client.get(f"/sign-in/{way}/")["Location"] == "/sign-in/second/"
        assert scene.client.post(f"/sign-in/{way}/", {"code": "000000"})["Location"] == "/sign-in/second/"
    assert factors.factors_of(scene.ada.user).count() == 2


def waiting_until_the_first_step_is_old(scene: Scene) -> None:
    scene.password()
    scene.later(minutes=10)
    assert scene.second(scene.code())["Location"] == "/sign-in/"


def setting_the_clock_of_the_first_step_forward(scene: Scene) -> None:
    scene.password()
    scene.later(minutes=-1)
    assert scene.second(scene.code())["Location"] == "/sign-in/"


def going_on_after_the_password_was_changed(scene: Scene) -> None:
    scene.password()
    scene.ada.user.set_password("another good long password")
    scene.ada.user.save()
    assert scene.second(scene.code())["Location"] == "/sign-in/"


def going_on_after_the_account_was_closed(scene: Scene) -> None:
    scene.password()
    scene.ada.user.is_active = False
    scene.ada.user.save()
    assert scene.second(scene.code())["Location"] == "/sign-in/"


def going_on_after_the_factor_was_reset(scene: Scene) -> None:
    scene.password()
    factors.reset(user=scene.ada.user, actor=scene.bob.user, reason="Lost.", at=scene.now)
    assert scene.second(scene.code())["Location"] == "/sign-in/"


def beginning_with_the_second_step(scene: Scene) -> None:
    assert scene.second(scene.code())["Location"] == "/sign-in/"


def naming_another_person_in_the_second_step(scene: Scene) -> None:
    scene.password(scene.ada)
    assert scene.second(scene.code(scene.bob), username="bob", user=str(scene.bob.user.pk)).status_code == 422


def keeping_the_cookie_from_between_the_steps(scene: Scene) -> None:
    """The victim goes on to sign in, in the browser whose cookie was read before."""
    victim = Client()
    scene.password(client=victim)
    scene.client.cookies = copy.deepcopy(victim.cookies)
    assert scene.second(scene.code(), victim)["Location"] == "/"
    assert is_in(victim)


def keeping_the_cookie_after_sign_out(scene: Scene) -> None:
    victim = scene.sign_in()
    scene.client.cookies = copy.deepcopy(victim.cookies)
    assert is_in(scene.client)
    victim.post("/sign-out/")


def fixing_the_session_before_the_sign_in(scene: Scene) -> None:
    """The attacker's cookie is slipped to the victim, who signs in with it."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store["planted"] = "x"
    store.save()
    scene.client.cookies[settings.SESSION_COOKIE_NAME] = store.session_key
    victim = Client()
    victim.cookies = copy.deepcopy(scene.client.cookies)
    scene.password(client=victim)
    assert scene.second(scene.code(), victim)["Location"] == "/"
    assert "planted" not in victim.session


def signing_another_person_in_over_half_a_session(scene: Scene) -> None:
    """Bob's password in the session that had Ada's leaves nothing of Ada's."""
    scene.password(scene.ada)
    scene.password(scene.bob)
    assert scene.second(scene.code(scene.ada)).status_code == 422


# --- codes -------------------------------------------------------------------------------------------------------


def no_code(scene: Scene) -> None:
    scene.password()
    assert scene.second("").status_code == 422


def a_code_of_another_person(scene: Scene) -> None:
    scene.password()
    assert scene.second(scene.code(scene.bob)).status_code == 422


def a_code_that_was_taken(scene: Scene) -> None:
    scene.sign_in()
    scene.password()
    assert scene.second(scene.code()).status_code == 422


def a_code_that_was_taken_and_is_the_last_but_one(scene: Scene) -> None:
    scene.sign_in()
    used = scene.code()
    scene.later(seconds=30)
    scene.password()
    assert scene.second(used).status_code == 422


def a_code_from_before_the_one_taken(scene: Scene) -> None:
    before = scene.code()
    scene.sign_in()
    scene.password()
    assert scene.second(before).status_code == 422


def a_code_that_is_old(scene: Scene) -> None:
    old = scene.code()
    scene.later(seconds=90)
    scene.password()
    assert scene.second(old).status_code == 422


def a_code_of_the_future(scene: Scene) -> None:
    scene.password()
    assert scene.second(scene.ada.code(scene.now + dt.timedelta(seconds=90))).status_code == 422


def a_code_used_to_confirm_and_again_to_sign_in(scene: Scene) -> None:
    """What was taken anywhere is taken nowhere again, be it at a signature."""
    assert factors.check(scene.ada.user, scene.code(), at=scene.now) == "app"
    scene.password()
    assert scene.second(scene.code()).status_code == 422


def codes_by_brute_force(scene: Scene) -> None:
    scene.password()
    answers = [scene.second(f"{number:06d}").status_code for number in range(6)]
    assert answers == [422, 422, 422, 422, 429, 429]
    assert scene.second(scene.code()).status_code == 429


def brute_force_with_the_password_between_guesses(scene: Scene) -> None:
    """The right password does not set the count of failures back."""
    for number in range(5):
        scene.password()
        scene.second(f"{number:06d}")
    assert scene.password().status_code == 429


def brute_force_from_many_addresses(scene: Scene) -> None:
    for number in range(factors.MOST_FAILURES):
        client = Client(REMOTE_ADDR=f"192.0.2.{number + 1}")
        scene.password(client=client)
        assert scene.second(f"{number:06d}", client).status_code == 422
    scene.password()
    assert scene.second(scene.code()).status_code == 429


def a_code_in_other_digits(scene: Scene) -> None:
    """Arabic-Indic digits are digits to `int`, and none to us."""
    scene.password()
    assert scene.second(scene.code().translate({48 + n: 0x660 + n for n in range(10)})).status_code == 422


def a_recovery_code_twice(scene: Scene) -> None:
    other = Client()
    scene.password(client=other)
    assert scene.second(scene.ada.codes[0], other)["Location"] == "/"
    scene.password()
    assert scene.second(scene.ada.codes[0]).status_code == 422


def a_recovery_code_of_another_person(scene: Scene) -> None:
    scene.password()
    assert scene.second(scene.bob.codes[0]).status_code == 422


def a_recovery_code_that_was_replaced(scene: Scene) -> None:
    factors.new_recovery_codes(user=scene.ada.user, at=scene.now)
    scene.password()
    assert scene.second(scene.ada.codes[0]).status_code == 422


def what_the_database_holds_of_a_recovery_code(scene: Scene) -> None:
    scene.password()
    stored = RecoveryCode.objects.filter(holder=scene.ada.user).first()
    assert stored
    assert scene.second(stored.digest[:40]).status_code == 422


def the_sealed_secret_of_ones_own_in_anothers_row(scene: Scene) -> None:
    """Whoever writes to the database moves Bob's secret under Ada's name: it is sealed for Bob."""
    app = app_of(scene.ada)
    app.sealed = app_of(scene.bob).sealed
    app.save()
    scene.client.raise_request_exception = False
    scene.password()
    assert scene.second(scene.code(scene.bob)).status_code == 500


# --- passkeys ----------------------------------------------------------------------------------------------------


def _passkey(scene: Scene, key: Authenticator | None = None, **said: object) -> None:
    scene.password()
    answer = (key or scene.ada.authenticator).get(scene.options(), **said)
    assert scene.second(answer=answer).status_code == 422


def a_passkey_for_another_challenge(scene: Scene) -> None:
    _passkey(scene, challenge="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")


def a_passkey_from_another_origin(scene: Scene) -> None:
    _passkey(scene, origin="https://parallax.example.evil.test")


def a_passkey_from_another_port_of_ours(scene: Scene) -> None:
    _passkey(scene, origin="https://parallax.example:8443")


def a_passkey_for_another_party(scene: Scene) -> None:
    _passkey(scene, rp_id="evil.test")


def a_passkey_of_another_person(scene: Scene) -> None:
    _passkey(scene, scene.bob.authenticator)


def a_passkey_that_names_another_account(scene: Scene) -> None:
    _passkey(scene, handle=f"parallax-{scene.bob.user.pk}".encode())


def a_passkey_that_nobody_touched(scene: Scene) -> None:
    _passkey(scene, flags=0)


def a_passkey_that_signed_to_be_made(scene: Scene) -> None:
    _passkey(scene, kind="webauthn.create")


def a_passkey_with_a_forged_signature(scene: Scene) -> None:
    _passkey(scene, signature=b"forged" * 12)


def a_passkey_of_a_device_that_only_looks_alike(scene: Scene) -> None:
    _passkey(scene, Authenticator(credential_id=scene.ada.authenticator.credential_id))


def a_copy_of_a_passkey_that_counts_less(scene: Scene) -> None:
    other = Client()
    scene.password(client=other)
    scene.ada.authenticator.counter = 40
    assert (
        scene.second(client=other, answer=scene.ada.authenticator.get(scene.options(client=other)))["Location"] == "/"
    )
    scene.ada.authenticator.counter = 7
    _passkey(scene)


def a_passkeys_answer_twice(scene: Scene) -> None:
    other = Client()
    scene.password(client=other)
    answer = scene.ada.authenticator.get(scene.options(client=other))
    assert scene.second(client=other, answer=answer)["Location"] == "/"
    scene.password()
    scene.options()
    assert scene.second(answer=answer).status_code == 422


def a_passkeys_answer_without_a_question(scene: Scene) -> None:
    other = Client()
    scene.password(client=other)
    answer = scene.ada.authenticator.get(scene.options(client=other))
    scene.password()
    assert scene.second(answer=answer).status_code == 422


def a_passkey_that_was_removed(scene: Scene) -> None:
    scene.password()
    answer = scene.ada.authenticator.get(scene.options())
    key = Factor.objects.get(holder=scene.ada.user, kind="passkey")
    factors.remove(factor=key, actor=scene.ada.user, at=scene.now)
    assert scene.second(answer=answer)["Location"] == "/sign-in/"


def nonsense_in_place_of_a_passkey(scene: Scene) -> None:
    scene.password()
    for answer in ("{}", "[]", "null", "x", '{"id": 1}', '{"rawId": "AA", "response": {"clientDataJSON": "AA"}}'):
        scene.options()
        assert scene.second(answer=answer).status_code in (422, 429)


# --- round about -------------------------------------------------------------------------------------------------


def the_password_in_a_programs_header(scene: Scene) -> None:
    header = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    for address in ("/api/v1/", "/api/schema/"):
        assert scene.client.get(address, headers={"authorization": f"Basic {header}"}).status_code in (401, 403)


def forms_without_their_token(scene: Scene) -> None:
    scene.client = Client(enforce_csrf_checks=True)
    assert scene.password().status_code == 403
    assert scene.second(scene.code()).status_code == 403


def a_session_of_before_the_factor_was_added(scene: Scene) -> None:
    scene.client = scene.sign_in()
    key, user = Authenticator(), scene.ada.user
    user.refresh_from_db()
    options, state = factors.passkeys.ask_for_new(user, [])
    assert factors.add_passkey(user=user, state=state, answer=key.create(options), name="Key", at=scene.now)


def a_session_of_before_the_password_changed(scene: Scene) -> None:
    scene.client, mine = scene.sign_in(), scene.sign_in()
    new = "another good long password"
    changed = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert mine.post("/account/password/", changed)["Location"] == "/account/"
    assert is_in(mine)


def a_session_of_before_the_reset(scene: Scene) -> None:
    scene.client = scene.sign_in()
    factors.reset(user=scene.ada.user, actor=scene.bob.user, reason="Lost.", at=scene.now)


def a_session_that_nobody_used_for_a_quarter_of_an_hour(scene: Scene) -> None:
    scene.client = scene.sign_in()
    scene.later(minutes=15, seconds=1)


def a_session_kept_busy_for_twelve_hours(scene: Scene) -> None:
    scene.client = scene.sign_in()
    for _ in range(12 * 6 - 1):
        scene.later(minutes=10)
        assert scene.client.get("/").status_code == 200
    scene.later(minutes=10)


def a_session_without_a_beginning(scene: Scene) -> None:
    scene.client = scene.sign_in()
    session = scene.client.session
    del session[sessions._STARTED]
    session.save()


BYPASSES: list[Bypass] = [
    opening_a_page_after_the_password,
    asking_the_api_after_the_password,
    asking_for_images_after_the_password,
    changing_the_account_after_the_password,
    enrolling_a_factor_of_ones_own_after_the_password,
    waiting_until_the_first_step_is_old,
    setting_the_clock_of_the_first_step_forward,
    going_on_after_the_password_was_changed,
    going_on_after_the_account_was_closed,
    going_on_after_the_factor_was_reset,
    beginning_with_the_second_step,
    naming_another_person_in_the_second_step,
    keeping_the_cookie_from_between_the_steps,
    keeping_the_cookie_after_sign_out,
    fixing_the_session_before_the_sign_in,
    signing_another_person_in_over_half_a_session,
    no_code,
    a_code_of_another_person,
    a_code_that_was_taken,
    a_code_that_was_taken_and_is_the_last_but_one,
    a_code_from_before_the_one_taken,
    a_code_that_is_old,
    a_code_of_the_future,
    a_code_used_to_confirm_and_again_to_sign_in,
    codes_by_brute_force,
    brute_force_with_the_password_between_guesses,
    brute_force_from_many_addresses,
    a_code_in_other_digits,
    a_recovery_code_twice,
    a_recovery_code_of_another_person,
    a_recovery_code_that_was_replaced,
    what_the_database_holds_of_a_recovery_code,
    the_sealed_secret_of_ones_own_in_anothers_row,
    a_passkey_for_another_challenge,
    a_passkey_from_another_origin,
    a_passkey_from_another_port_of_ours,
    a_passkey_for_another_party,
    a_passkey_of_another_person,
    a_passkey_that_names_another_account,
    a_passkey_that_nobody_touched,
    a_passkey_that_signed_to_be_made,
    a_passkey_with_a_forged_signature,
    a_passkey_of_a_device_that_only_looks_alike,
    a_copy_of_a_passkey_that_counts_less,
    a_passkeys_answer_twice,
    a_passkeys_answer_without_a_question,
    a_passkey_that_was_removed,
    nonsense_in_place_of_a_passkey,
    the_password_in_a_programs_header,
    forms_without_their_token,
    a_session_of_before_the_factor_was_added,
    a_session_of_before_the_password_changed,
    a_session_of_before_the_reset,
    a_session_that_nobody_used_for_a_quarter_of_an_hour,
    a_session_kept_busy_for_twelve_hours,
    a_session_without_a_beginning,
]


@pytest.mark.parametrize("bypass", BYPASSES, ids=lambda bypass: bypass.__name__.replace("_", "-"))
def test_nobody_gets_in_by(bypass: Bypass, scene: Scene) -> None:
    bypass(scene)
    assert not is_in(scene.client)


@pytest.mark.parametrize("way", ["app", "app with a space", "recovery code", "recovery code in capitals", "passkey"])
def test_whoever_shows_password_and_second_factor_is_in(way: str, scene: Scene) -> None:
    """The other side of the table: it is not that nobody gets in at all."""
    code = scene.code()
    given = {
        "app": code,
        "app with a space": f"{code[:3]} {code[3:]}",
        "recovery code": scene.ada.codes[3],
        "recovery code in capitals": scene.ada.codes[3].upper().replace("-", " "),
        "passkey": "",
    }[way]
    scene.password()
    answer = "" if given else scene.ada.authenticator.get(scene.options())
    assert scene.second(given, answer=answer)["Location"] == "/"
    assert is_in(scene.client)
    event = AuditEvent.objects.get(action="account.signed_in")
    assert event.after == {"second_factor": " ".join(way.split()[:2]) if "recovery" in way else way.split()[0]}


def test_each_step_has_a_session_of_its_own(scene: Scene) -> None:
    keys = [scene.client.session.session_key]
    scene.password()
    keys.append(scene.client.session.session_key)
    scene.second(scene.code())
    keys.append(scene.client.session.session_key)
    assert len({*keys}) == 3


def test_a_code_is_taken_by_one_of_two_who_read_the_row_before(scene: Scene) -> None:
    """The step is compared in the lock of the account, with the row as it is then."""
    code, at = scene.code(), scene.now
    assert [bool(factors.check(scene.ada.user, code, at=at)) for _ in range(2)] == [True, False]


@pytest.mark.requirement("REQ-ACC-003", "REQ-ACC-009")
def test_secrets_stand_nowhere_in_clear(scene: Scene) -> None:
    scene.sign_in()
    stored = [*Factor.objects.values_list("sealed", flat=True), *RecoveryCode.objects.values_list("digest", flat=True)]
    told = [str(one) for one in AuditEvent.objects.values_list("before", "after", "reason", "object_label")]
    for word in (one_time.as_text(scene.ada.secret).replace(" ", ""), scene.ada.secret.hex(), *scene.ada.codes):
        assert not any(word in text or one_time.plain(word) in text for text in (*stored, *told))
