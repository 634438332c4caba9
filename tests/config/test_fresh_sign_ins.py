"""Signatures of people who sign in at an identity provider: each by a sign-in of its own, and each attack on that.

The record is the draft of a charter of `tests.compliance.scene`; the provider answers over HTTP.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client

from compliance import factors, identities, one_time, provider
from compliance.models import AuditEvent, FreshSignIn, PolicyAcceptance, Signature, User
from tests.compliance.scene import SIGNED_ONCE, UNTOUCHED, Scene, make_scene
from tests.factories import PASSWORD, World, make_user
from tests.support.identity_provider import Provider, running, use

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SIG-012")]

NOW = dt.datetime(2026, 9, 20, 9, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with running() as found:
        yield found


class Signer:
    """The draft's administrator, signed in at the provider, whose session there is twelve minutes old."""

    def __init__(self, scene: Scene, there: Provider, clock: Any) -> None:
        self.scene, self.there, self.clock, self.now = scene, there, clock, NOW
        identities.link(user=scene.signer, subject=there.subject, actor=None, reason="Known.", at=NOW)
        self.scene.client = Client()
        self.go("")
        self.later(minutes=12)

    @property
    def client(self) -> Client:
        return self.scene.client

    def later(self, **by: float) -> None:
        self.now += dt.timedelta(**by)
        self.clock.move_to(self.now, tick=False)

    def press(self, **sent: str) -> HttpResponse:
        """Press the button of the record's page, which asks for no password."""
        return self.scene.sign(password=None, **sent)  # type: ignore[arg-type]

    def way(self, query: str = "?for=sign", client: Client | None = None) -> str:
        """Go to the provider; return where it sends the browser."""
        led = (client or self.client).get(f"/sign-in/provider/{query}")["Location"]
        assert led.startswith(self.there.issuer), led
        back = urlsplit(self.there.browse(led))
        return f"{back.path}?{back.query}"

    def go(self, query: str = "?for=sign") -> HttpResponse:
        return self.client.get(self.way(query))

    def state(self) -> tuple[str, int]:
        return self.scene.state()


@pytest.fixture
def signer(world: World, server: Provider, settings: LazySettings, time_machine: Any) -> Signer:
    port = server.port
    server.__dict__.update(Provider(port).__dict__)
    provider.forget()
    use(settings, server)
    time_machine.move_to(NOW, tick=False)
    return Signer(make_scene(world), server, time_machine)


def test_an_act_is_signed_by_a_sign_in_of_its_own(signer: Signer) -> None:
    assert signer.press()["Location"] == "/account/sign/"
    assert signer.state() == UNTOUCHED
    assert "for=sign" in signer.client.get("/account/sign/").content.decode()

    signer.later(seconds=20)
    assert signer.go()["Location"] == "/account/sign/"
    page = signer.client.get("/account/sign/").content.decode()
    assert f'action="{signer.scene.page}"' in page
    assert signer.scene.digest in page
    signer.press()

    assert signer.state() == SIGNED_ONCE
    fresh = FreshSignIn.objects.get()
    assert (fresh.holder, fresh.authenticated_at, fresh.used_at) == (signer.scene.signer, signer.now, signer.now)
    event = AuditEvent.objects.get(action="imagingcharter.signed", after__has_key="fresh_sign_in")
    assert event.after["fresh_sign_in"] == fresh.pk
    assert fresh.content_sha256 == Signature.objects.get(pk=event.after["signature"]).content_sha256


def test_whoever_turns_back_is_led_to_the_page_they_came_from(signer: Signer) -> None:
    page = f"/trials/charters/{signer.scene.draft.pk}/"
    for said, led in ((f"http://testserver{page}", page), ("https://evil.example/", '"/"')):
        signer.client.post(signer.scene.page, {"shown_sha256": signer.scene.digest}, headers={"referer": said})
        found = signer.client.get("/account/sign/").content.decode()
        assert led in found.split("Show who I am")[1].split("Do not sign")[0]
        assert "evil" not in found


def test_the_provider_is_told_to_ask_for_the_credentials_themselves(signer: Signer) -> None:
    signer.press()

    led = signer.client.get("/sign-in/provider/?for=sign")["Location"]

    assert "prompt=login" in led
    assert "max_age=0" in led


def test_the_policy_is_accepted_by_a_sign_in_too(signer: Signer) -> None:
    user, client = User.objects.create(username="newcomer"), Client()
    identities.link(user=user, subject="new-at-work", actor=None, reason="Known.", at=NOW)
    signer.there.subject, signer.there.session = "new-at-work", None
    client.get(signer.way("", client))
    page = client.get("/account/signature/").content.decode()
    assert "Your password again" not in page
    sent = {"version": page.split('name="version" value="')[1][0], "shown_sha256": _digest(page)}

    assert client.post("/account/signature/", sent)["Location"] == "/account/sign/"
    client.get(signer.way("?for=sign", client))
    client.post("/account/signature/", sent)

    assert PolicyAcceptance.objects.filter(user=user).exists()


def _digest(page: str) -> str:
    return page.split('name="shown_sha256" value="')[1].split('"')[0]


# --- attacks -----------------------------------------------------------------------------------------------------

Attack = Callable[[Signer], object]


def no_sign_in_at_all(s: Signer) -> None:
    s.press()
    s.press()


def a_session_that_is_fresh_for_changes_of_the_account(s: Signer) -> None:
    s.go("?for=confirm")
    s.press()


def the_old_session_at_the_provider(s: Signer) -> None:
    s.there.heeds_prompt = False
    s.press()
    s.go()
    s.press()


def a_sign_in_of_a_second_before_the_act(s: Signer) -> None:
    s.press()
    s.there.claims = {"auth_time": int(s.now.timestamp()) - 1}
    s.go()
    s.press()


def a_sign_in_of_the_future(s: Signer) -> None:
    s.press()
    s.there.claims = {"auth_time": int(s.now.timestamp()) + 3600}
    s.go()
    s.press()


def no_word_of_when(s: Signer) -> None:
    s.press()
    s.there.claims = {"auth_time": None}
    s.go()
    s.press()


def a_moment_that_is_no_number(s: Signer) -> None:
    s.press()
    s.there.claims = {"auth_time": str(int(s.now.timestamp()))}
    s.go()
    s.press()


def another_person_at_the_provider(s: Signer) -> None:
    identities.link(user=make_user("mallory"), subject="mallory-at-work", actor=None, reason="Known.", at=NOW)
    s.there.subject = "mallory-at-work"
    s.press()
    s.go()
    s.press()


def another_audience(s: Signer) -> None:
    s.press()
    s.there.claims = {"aud": "somebody-else"}
    s.go()
    s.press()


def an_expired_token(s: Signer) -> None:
    s.press()
    s.there.claims = {"exp": int(s.now.timestamp())}
    s.go()
    s.press()


def another_nonce(s: Signer) -> None:
    s.press()
    s.there.claims = {"nonce": "of-another-token"}
    s.go()
    s.press()


def the_token_of_an_earlier_sign_in(s: Signer) -> None:
    """Somebody between gives the token of the sign-in once more."""
    s.press()
    way = s.way()
    code = list(s.there.codes.values())[-1]
    s.there.token = s.there.id_token({**code, "nonce": "of-the-earlier-one"})
    s.client.get(way)
    s.press()


def the_state_of_another_session(s: Signer) -> None:
    """The attacker's own way back, in the victim's browser."""
    mallory, other = make_user("mallory"), Client()
    other.force_login(mallory)
    identities.link(user=mallory, subject="mallory-at-work", actor=None, reason="Known.", at=NOW)
    other.force_login(mallory)
    s.press()
    s.client.get(s.way("?for=confirm", other))
    s.press()


def the_way_of_a_sign_in(s: Signer) -> None:
    """A way that was begun before the act, to be let in, ends after it."""
    other = Client()
    way = s.way("", other)
    s.press()
    s.client.get(way)
    s.press()


def the_way_back_twice(s: Signer) -> None:
    """The second time it makes no second sign-in."""
    s.press()
    way = s.way()
    s.client.get(way)
    s.later(minutes=3)
    s.client.get(way)
    s.press()


def signing_too_late(s: Signer) -> None:
    s.press()
    s.go()
    s.later(minutes=2)
    s.press()


def coming_back_too_late(s: Signer) -> None:
    s.press()
    way = s.way()
    s.later(minutes=10)
    s.client.get(way)
    s.press()


def content_that_changed_between(s: Signer) -> None:
    s.press()
    s.go()
    s.scene.edit()
    s.press()


def content_that_changed_between_with_the_new_digest(s: Signer) -> None:
    """The page of the record was loaded anew; what the sign-in was for is what was shown before."""
    s.press()
    s.go()
    s.scene.edit()
    page = s.client.get(f"/trials/charters/{s.scene.draft.pk}/").content.decode()
    s.press(shown_sha256=_digest(page))


def another_address_with_the_same_sign_in(s: Signer) -> None:
    s.press()
    s.go()
    s.press(where=s.scene.page.replace("/sign/", "/review/"))


def by_a_program(s: Signer) -> None:
    s.press()
    s.go()
    assert s.scene.by_api(password=PASSWORD, shown_sha256=s.scene.digest).json()["code"] == "fresh_sign_in_needed"


def by_the_password_of_before(s: Signer) -> None:
    s.scene.sign(password=PASSWORD)


def in_another_session_of_the_same_person(s: Signer) -> None:
    s.press()
    s.go()
    other = Client()
    other.force_login(s.scene.signer)
    s.press(by=other)  # type: ignore[arg-type]


def by_another_person_in_the_same_browser(s: Signer) -> None:
    s.press()
    s.go()
    s.client.force_login(s.scene.world.founder)
    s.scene.sign(password="wrong")


def after_the_link_was_ended(s: Signer) -> None:
    s.press()
    s.go()
    identities.end(user=s.scene.signer, actor=None, reason="Left.", at=s.now)
    s.press()


def after_the_account_was_closed(s: Signer) -> None:
    s.press()
    s.go()
    s.scene.signer.is_active = False
    s.scene.signer.save()
    s.press()


def the_provider_is_down(s: Signer) -> None:
    s.press()
    way = s.way()
    s.there.down = True
    assert "nothing was signed" in s.client.get(way).content.decode()
    s.press()


def the_provider_refuses(s: Signer) -> None:
    s.press()
    s.there.refuses = "access_denied"
    s.go()
    s.press()


ATTACKS: tuple[Attack, ...] = (
    no_sign_in_at_all,
    a_session_that_is_fresh_for_changes_of_the_account,
    the_old_session_at_the_provider,
    a_sign_in_of_a_second_before_the_act,
    a_sign_in_of_the_future,
    no_word_of_when,
    a_moment_that_is_no_number,
    another_person_at_the_provider,
    another_audience,
    an_expired_token,
    another_nonce,
    the_token_of_an_earlier_sign_in,
    the_state_of_another_session,
    the_way_of_a_sign_in,
    the_way_back_twice,
    signing_too_late,
    coming_back_too_late,
    content_that_changed_between,
    content_that_changed_between_with_the_new_digest,
    another_address_with_the_same_sign_in,
    by_a_program,
    by_the_password_of_before,
    in_another_session_of_the_same_person,
    by_another_person_in_the_same_browser,
    after_the_link_was_ended,
    after_the_account_was_closed,
    the_provider_is_down,
    the_provider_refuses,
)


@pytest.mark.one_database
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nothing_is_signed_without_a_sign_in_for_this_very_act(signer: Signer, attack: Attack) -> None:
    attack(signer)

    assert signer.state() == UNTOUCHED
    assert not FreshSignIn.objects.exclude(used_at=None).exists()


def test_a_sign_in_serves_once(signer: Signer, world: World) -> None:
    signer.press()
    signer.go()
    signer.press()
    assert signer.state() == SIGNED_ONCE

    signer.press()

    assert signer.state() == SIGNED_ONCE
    assert FreshSignIn.objects.count() == 1


def test_attempts_as_somebody_else_are_in_the_trail_and_count(signer: Signer, settings: LazySettings) -> None:
    settings.AXES_ENABLED = True
    signer.there.subject = "somebody-else"
    signer.press()
    for _ in range(5):
        signer.go()
    refused = AuditEvent.objects.filter(action="signature.refused", actor=signer.scene.signer)
    assert [event.after["why"] for event in refused] == ["somebody else at the provider"] * 5
    signer.there.subject = "ada-at-work"
    signer.go()

    answer = signer.press()

    assert signer.state() == UNTOUCHED
    assert answer["Location"] != "/account/sign/"


def test_a_factor_of_ones_own_is_shown_for_the_same_act(signer: Signer) -> None:
    new = factors.NewApp(one_time.new_secret())

    def shows() -> str:
        return one_time.code_of(new.secret, one_time.step_at(signer.now.timestamp()))

    code = one_time.code_of(new.secret, one_time.step_at(NOW.timestamp()))
    assert factors.add_app(user=signer.scene.signer, new=new, code=code, at=NOW)
    signer.go("")
    signer.client.post("/sign-in/second/", {"code": shows()})
    signer.later(minutes=1)

    signer.press()
    signer.go()
    signer.press()
    assert signer.state() == UNTOUCHED
    signer.go()
    assert signer.client.post("/account/sign/", {"code": "nonsense"}).status_code == 422
    signer.press()
    assert signer.state() == UNTOUCHED
    signer.go()
    assert signer.client.post("/account/sign/", {"code": shows()})["Location"] == "/account/sign/"
    signer.press()

    assert signer.state() == SIGNED_ONCE
    assert FreshSignIn.objects.exclude(used_at=None).get().second == "app"


def test_the_providers_factor_counts_at_a_signature_where_the_settings_trust_it(
    signer: Signer, settings: LazySettings
) -> None:
    settings.SECOND_FACTOR, settings.OIDC_TRUSTED_AMR = "required", ["otp"]
    signer.there.claims = {"amr": ["pwd", "otp"]}
    signer.go("")

    signer.press()
    signer.go()
    signer.press()

    assert signer.state() == SIGNED_ONCE
    assert FreshSignIn.objects.get().second == "provider"
