"""Two people with second factors at the doors of an installation, as the tests of signing in meet them."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from compliance import factors, one_time, passkeys
from compliance.models import Factor, User
from tests.factories import PASSWORD, make_user
from tests.support.authenticators import Authenticator

AT = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)


@dataclass
class Enrolled:
    """A person with an app, a passkey and recovery codes."""

    user: User
    secret: bytes
    codes: list[str]
    authenticator: Authenticator

    def code(self, at: dt.datetime) -> str:
        """What the app shows at a moment."""
        return one_time.code_of(self.secret, one_time.step_at(at.timestamp()))


def enrol(username: str, at: dt.datetime, *, is_staff: bool = False) -> Enrolled:
    """An account with everything, set up some time ago."""
    user, before = make_user(username, is_staff=is_staff), at - dt.timedelta(hours=1)
    user.email = f"{username}@example.org"
    user.save()
    new = factors.NewApp(one_time.new_secret())
    code = one_time.code_of(new.secret, one_time.step_at(before.timestamp()))
    assert factors.add_app(user=user, new=new, code=code, at=before)
    key = Authenticator()
    options, state = passkeys.ask_for_new(user, [])
    assert factors.add_passkey(user=user, state=state, answer=key.create(options), name="Laptop", at=before)
    return Enrolled(user, new.secret, factors.new_recovery_codes(user=user, at=before), key)


@dataclass
class Scene:
    """Ada, whom somebody pretends to be; Bob, who has an account too; and the clock.

    Attributes
    ----------
    client
        The attacker's browser.
    """

    ada: Enrolled
    bob: Enrolled
    clock: Any
    client: Client = field(default_factory=Client)
    now: dt.datetime = AT

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.now += dt.timedelta(**by)
        self.clock.move_to(self.now, tick=False)

    def password(self, who: Enrolled | None = None, client: Client | None = None, **more: str) -> HttpResponse:
        """Give somebody's right password."""
        asked = {"username": (who or self.ada).user.username, "password": PASSWORD, **more}
        return (client or self.client).post("/sign-in/", asked)

    def second(self, code: str = "", client: Client | None = None, **more: str) -> HttpResponse:
        """Give a second factor."""
        return (client or self.client).post("/sign-in/second/", {"code": code, **more})

    def code(self, who: Enrolled | None = None) -> str:
        """What somebody's app shows now."""
        return (who or self.ada).code(self.now)

    def options(self, address: str = "/sign-in/second/", client: Client | None = None) -> dict[str, Any]:
        """What the browser is asked for a passkey."""
        return asked_of_passkey((client or self.client).get(address))

    def sign_in(self, who: Enrolled | None = None, client: Client | None = None) -> Client:
        """Sign somebody in by password and code, as they themselves do."""
        client = client or Client()
        self.later(seconds=30)
        assert self.password(who, client)["Location"] == "/sign-in/second/"
        assert self.second(self.code(who), client)["Location"] == "/"
        return client


def asked_of_passkey(page: HttpResponse) -> dict[str, Any]:
    """The options in a page, as its script reads them."""
    found = re.search(r'<script id="passkey-options" type="application/json">(.+?)</script>', page.content.decode())
    assert found, page.content.decode()
    options: dict[str, Any] = json.loads(found[1])
    return options


def is_in(client: Client) -> bool:
    """Whether any kind of door opens to a browser: a page, an account's page, the API, its schema."""
    answers = [client.get(address).status_code for address in ("/", "/account/", "/api/v1/", "/api/schema/")]
    assert answers[0] in (200, 302)
    return any(status == 200 for status in answers)


def app_of(who: Enrolled) -> Factor:
    """Somebody's app as the database has it."""
    return Factor.objects.get(holder=who.user, kind="app", ended_at=None)
