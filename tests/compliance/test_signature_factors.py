"""Whoever has a second factor shows it at each signature; the password alone signs for nobody else but those without.

The record is the draft of a charter of `test_signature_attacks`; its signer has an app, or a passkey alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client

from compliance import factors, one_time, passkeys, sessions
from compliance.models import AuditEvent, Factor, User
from tests.compliance.scene import SIGNED_ONCE, UNTOUCHED, Scene, make_scene, signed_in
from tests.factories import PASSWORD, World
from tests.support.authenticators import ORIGIN, Authenticator

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SIG-003")]

NOW = dt.datetime(2026, 9, 20, 9, tzinfo=dt.UTC)
BEFORE = NOW - dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _clock() -> Any:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def scene(world: World) -> Scene:
    return make_scene(world)


def add_app(user: User) -> bytes:
    """Give somebody an app, an hour ago; return its secret."""
    new = factors.NewApp(one_time.new_secret())
    code = one_time.code_of(new.secret, one_time.step_at(BEFORE.timestamp()))
    assert factors.add_app(user=user, new=new, code=code, at=BEFORE)
    return new.secret


def code_of(secret: bytes, at: dt.datetime = NOW) -> str:
    """What an app shows at a moment."""
    return one_time.code_of(secret, one_time.step_at(at.timestamp()))


class WithApp:
    """The signer with an app, in a session that was begun with it."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.secret = scene, add_app(scene.signer)
        self.recovery = factors.new_recovery_codes(user=scene.signer, at=BEFORE)
        self.scene.client = signed_in(scene.signer)

    def sign(self, code: str | None) -> HttpResponse:
        return self.scene.sign(code=code)  # type: ignore[arg-type]

    def others_code(self) -> str:
        return code_of(add_app(self.scene.world.founder))

    def spent_code(self) -> str:
        code = code_of(self.secret)
        assert factors.check(self.scene.signer, code, at=NOW)
        return code

    def spent_recovery_code(self) -> str:
        assert factors.check(self.scene.signer, self.recovery[0], at=NOW)
        return self.recovery[0]


@pytest.fixture
def holder(scene: Scene) -> WithApp:
    return WithApp(scene)


REFUSED: dict[str, Callable[[WithApp], HttpResponse]] = {
    "the code is left out": lambda h: h.sign(None),
    "the code is empty": lambda h: h.sign(""),
    "the code is made up": lambda h: h.sign("000000" if code_of(h.secret) != "000000" else "111111"),
    "the code is the password": lambda h: h.sign(PASSWORD),
    "the code is another person's": lambda h: h.sign(h.others_code()),
    "the code was taken at sign-in": lambda h: h.sign(h.spent_code()),
    "the code is of two minutes ago": lambda h: h.sign(code_of(h.secret, NOW - dt.timedelta(minutes=2))),
    "the code is of two minutes ahead": lambda h: h.sign(code_of(h.secret, NOW + dt.timedelta(minutes=2))),
    "the recovery code was used": lambda h: h.sign(h.spent_recovery_code()),
    "the code is right and the password is not": lambda h: h.scene.sign(password="wrong", code=code_of(h.secret)),
    "a program sends no code": lambda h: h.scene.by_api(password=PASSWORD, shown_sha256=h.scene.digest),
    "a program sends a wrong code": lambda h: h.scene.by_api(
        password=PASSWORD, shown_sha256=h.scene.digest, code="nonsense"
    ),
}


@pytest.mark.parametrize("attack", list(REFUSED))
def test_the_password_alone_does_not_sign_for_who_has_an_app(holder: WithApp, attack: str) -> None:
    answer = REFUSED[attack](holder)

    # A page leads back to the draft, and says there why.
    assert answer.status_code in (302, 422)
    assert holder.scene.state() == UNTOUCHED


def test_password_and_code_sign_once(holder: WithApp) -> None:
    code = code_of(holder.secret)

    holder.sign(code)

    assert holder.scene.state() == SIGNED_ONCE
    assert not factors.check(holder.scene.signer, code, at=NOW)


def test_a_recovery_code_signs_too(holder: WithApp) -> None:
    holder.sign(holder.recovery[0])

    assert holder.scene.state() == SIGNED_ONCE


def test_a_program_signs_by_password_and_code(holder: WithApp) -> None:
    holder.scene.by_api(password=PASSWORD, shown_sha256=holder.scene.digest, code=code_of(holder.secret))

    assert holder.scene.state() == SIGNED_ONCE


def test_a_code_is_not_spent_on_what_is_not_signed(holder: WithApp) -> None:
    """What is refused is rolled back as a whole: the person need not wait for the next code."""
    code = code_of(holder.secret)
    holder.scene.edit()
    holder.sign(code)
    assert holder.scene.state() == UNTOUCHED

    assert factors.check(holder.scene.signer, code, at=NOW)


def test_wrong_codes_are_in_the_trail_and_count_as_wrong_passwords_do(holder: WithApp, settings: LazySettings) -> None:
    settings.AXES_ENABLED = True
    for _ in range(5):
        holder.sign("nonsense")

    holder.sign(code_of(holder.secret))

    assert holder.scene.state() == UNTOUCHED
    refused = AuditEvent.objects.filter(action="signature.refused", actor=holder.scene.signer)
    assert {event.after["why"] for event in refused} == {"second factor"}
    assert refused.count() == 5


def test_the_form_asks_who_has_an_app_for_its_code_and_nobody_else(scene: Scene) -> None:
    page = f"/trials/charters/{scene.draft.pk}/"
    assert b'name="code"' not in scene.client.get(page).content

    WithApp(scene)

    assert b'name="code"' in scene.client.get(page).content


# --- a passkey and no app ----------------------------------------------------------------------------------------


@pytest.fixture
def by_passkey(scene: Scene, settings: LazySettings) -> Scene:
    settings.PUBLIC_URL = ORIGIN
    options, state = passkeys.ask_for_new(scene.signer, [])
    answer = Authenticator().create(options)
    assert factors.add_passkey(user=scene.signer, state=state, answer=answer, name="Laptop", at=BEFORE)
    scene.client = signed_in(scene.signer)
    return scene


def grow_old(client: Client) -> None:
    """Let more than ten minutes pass since the passkey was shown in this session."""
    session = client.session
    session["confirmed"] = int(NOW.timestamp()) - sessions.FRESH
    session.save()


def test_a_passkey_that_was_shown_a_moment_ago_is_enough(by_passkey: Scene) -> None:
    by_passkey.sign()

    assert by_passkey.state() == SIGNED_ONCE


def test_a_passkey_that_was_shown_a_while_ago_is_asked_for_again(by_passkey: Scene) -> None:
    grow_old(by_passkey.client)

    by_passkey.sign()

    assert by_passkey.state() == UNTOUCHED
    page = by_passkey.client.get(f"/trials/charters/{by_passkey.draft.pk}/").content.decode()
    assert f"/account/confirm/?then=/trials/charters/{by_passkey.draft.pk}/" in page


def test_who_removed_the_last_factor_signs_by_the_password(by_passkey: Scene) -> None:
    grow_old(by_passkey.client)
    Factor.objects.filter(holder=by_passkey.signer).update(ended_at=NOW)

    by_passkey.sign()

    assert by_passkey.state() == SIGNED_ONCE
