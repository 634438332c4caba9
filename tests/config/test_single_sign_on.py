"""Signing in at an identity provider that answers over HTTP: who is let in, and each way round that we know of."""

from __future__ import annotations

import base64
import copy
import datetime as dt
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from joserfc.jwk import RSAKey

from compliance import accounts, factors, identities, provider
from compliance.identities import IdentityRefused
from compliance.models import AuditEvent, Mail, ProviderIdentity, User
from config.env import secret
from tests.config.scene import AT, Enrolled, Scene, is_in
from tests.factories import PASSWORD, World, make_user
from tests.support.identity_provider import RSA, Provider, running, use
from trials.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACC-011")]


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with running() as found:
        yield found


@pytest.fixture
def there(server: Provider, settings: LazySettings) -> Provider:
    """The provider, with nothing told to it."""
    port = server.port
    server.__dict__.update(Provider(port).__dict__)
    provider.forget()
    use(settings, server)
    return server


def link(user: User, subject: str = "ada-at-work") -> None:
    identities.link(user=user, subject=subject, actor=None, reason="Known.", at=AT)


@pytest.fixture
def eve(there: Provider) -> User:
    """Somebody with no factor of her own, who signs in at the provider."""
    user = make_user("eve")
    link(user)
    return user


def go(client: Client, there: Provider, query: str = "") -> HttpResponse:
    """Go to the provider and come back, as a browser does."""
    return client.get(come_back_address(client, there, query))


def come_back_address(client: Client, there: Provider, query: str = "") -> str:
    answer = client.get(f"/sign-in/provider/{query}")
    assert answer["Location"].startswith(there.issuer), answer["Location"]
    back = urlsplit(there.browse(answer["Location"]))
    return f"{back.path}?{back.query}"


def asked_of(client: Client) -> dict[str, str]:
    where = urlsplit(client.get("/sign-in/provider/")["Location"])
    return {name: values[0] for name, values in parse_qs(where.query).items()}


# --- being let in ------------------------------------------------------------------------------------------------


def test_whoever_is_linked_is_let_in_and_led_to_the_page_they_asked_for(eve: User, there: Provider) -> None:
    client = Client()

    answer = go(client, there, "?next=/account/")

    assert answer["Location"] == "/account/"
    assert is_in(client)
    event = AuditEvent.objects.get(action="account.signed_in")
    assert (event.actor, event.after) == (eve, {"second_factor": "none"})


def test_the_browser_is_led_with_state_nonce_and_the_digest_of_a_secret_of_its_session(
    eve: User, there: Provider
) -> None:
    first, second = asked_of(Client()), asked_of(Client())

    assert first["response_type"], first["code_challenge_method"] == ("code", "S256")
    assert first["redirect_uri"].endswith("/sign-in/provider/back/")
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]
    assert "prompt" not in first


def test_nobody_is_led_to_another_server(eve: User, there: Provider) -> None:
    assert go(Client(), there, "?next=https://evil.example/")["Location"] == "/"


def test_a_second_factor_of_ones_own_is_asked_for_after_the_provider(scene: Scene, there: Provider) -> None:
    link(scene.ada.user)

    assert go(scene.client, there)["Location"] == "/sign-in/second/"
    assert not is_in(scene.client)
    assert scene.second(scene.code())["Location"] == "/"
    assert is_in(scene.client)


def test_where_a_factor_is_required_and_none_is_there_it_is_set_up_first(
    eve: User, there: Provider, settings: LazySettings, world: World
) -> None:
    settings.SECOND_FACTOR = "required"
    eve.is_staff = True
    eve.save()

    client = Client()

    assert go(client, there)["Location"] == "/sign-in/app/"
    assert not is_in(client)


@pytest.mark.parametrize(
    ("claims", "let_in"),
    [
        ({"amr": ["pwd", "otp"]}, True),
        ({"acr": "phr"}, True),
        ({"amr": ["pwd"]}, False),
        ({"amr": "otp"}, False),
        ({"acr": "loa1"}, False),
        ({}, False),
    ],
    ids=["by amr", "by acr", "a password alone", "not a list", "another acr", "nothing said"],
)
def test_the_providers_factor_counts_where_the_settings_trust_its_word(
    scene: Scene, there: Provider, settings: LazySettings, claims: dict[str, Any], let_in: bool
) -> None:
    settings.OIDC_TRUSTED_AMR, settings.OIDC_TRUSTED_ACR = ["otp", "hwk"], ["phr"]
    link(scene.ada.user)
    there.claims = claims

    go(scene.client, there)

    assert is_in(scene.client) is let_in


def test_where_the_settings_demand_it_nobody_is_let_in_without_the_providers_factor(
    eve: User, there: Provider, settings: LazySettings
) -> None:
    settings.OIDC_TRUSTED_AMR, settings.OIDC_DEMAND_TRUSTED = ["otp"], True
    client = Client()

    assert "without a second factor" in go(client, there).content.decode()
    assert not is_in(client)
    there.claims = {"amr": ["otp"]}
    go(client, there)
    assert is_in(client)


def test_a_new_key_of_the_provider_is_found_when_a_token_names_it(
    eve: User, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(Client(), there)
    new = RSAKey.generate_key(2048, {"kid": "new", "use": "sig"})
    there.key, there.published = new, [RSA, new]
    monkeypatch.setattr(provider, "PATIENCE", 0)
    client = Client()

    go(client, there)

    assert is_in(client)


def test_signing_out_ends_the_session_here_and_offers_to_end_it_there(eve: User, there: Provider) -> None:
    client = Client()
    go(client, there)

    page = client.post("/sign-out/", follow=True)

    assert not is_in(client)
    assert "/sign-in/provider/out/" in page.content.decode()
    away = urlsplit(client.get("/sign-in/provider/out/")["Location"])
    assert f"{away.scheme}://{away.netloc}{away.path}" == f"{there.issuer}/end"
    assert parse_qs(away.query)["client_id"] == ["parallax"]


def test_without_a_provider_there_is_none_on_the_page_and_no_way_to_it(db: None) -> None:
    assert "/sign-in/provider/" not in Client().get("/sign-in/").content.decode()
    assert Client().get("/sign-in/provider/")["Location"] == "/sign-in/"
    assert Client().get("/sign-in/provider/out/")["Location"] == "/sign-in/"


# --- the ways round ----------------------------------------------------------------------------------------------


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def signed_with_the_public_key(there: Provider, asked: dict[str, str]) -> str:
    """HS256 with what everybody may read as its secret."""
    body = there.id_token(asked).split(".")[1]
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').rstrip(b"=").decode()
    mark = hmac.digest(RSA.as_pem(private=False), f"{header}.{body}".encode(), "sha256")
    return f"{header}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def with_other_words(token: str, **said: Any) -> str:
    """The token with its signature, over other words."""
    header, body, mark = token.split(".")
    claims = {**json.loads(base64.urlsafe_b64decode(body + "==")), **said}
    return f"{header}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.{mark}"


Attack = Callable[[Client, Provider, str], str]


def says(**claims: Any) -> Attack:
    """The provider's token says something else."""

    def attack(client: Client, there: Provider, back: str) -> str:
        there.claims = claims
        return back

    return attack


def sends(make: Callable[[Provider, dict[str, str]], str]) -> Attack:
    """Somebody between gives a token of their own."""

    def attack(client: Client, there: Provider, back: str) -> str:
        code = parse_qs(urlsplit(back).query)["code"][0]
        there.token = make(there, there.codes[code])
        return back

    return attack


def asks(**changed: str) -> Attack:
    """The browser brings back something else."""

    def attack(client: Client, there: Provider, back: str) -> str:
        said = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        return f"/sign-in/provider/back/?{urlencode({**said, **changed})}"

    return attack


def of_another_session(client: Client, there: Provider, back: str) -> str:
    """The victim's browser is sent to the attacker's way back."""
    return come_back_address(Client(), there)


def twice(client: Client, there: Provider, back: str) -> str:
    client.get(back)
    client.post("/sign-out/")
    return back


def code_of_another_way(client: Client, there: Provider, back: str) -> str:
    """A code that was stolen elsewhere, in a way of one's own: its verifier is another."""
    stolen = parse_qs(urlsplit(come_back_address(Client(), there)).query)["code"][0]
    return asks(code=stolen)(client, there, back)


def key_of_ones_own(there: Provider, asked: dict[str, str]) -> str:
    there.key = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
    return there.id_token(asked)


def unknown_key(there: Provider, asked: dict[str, str]) -> str:
    there.key = RSAKey.generate_key(2048, {"kid": "of-mallory", "use": "sig"})
    return there.id_token(asked)


def closed_account(client: Client, there: Provider, back: str) -> str:
    user = User.objects.get(username="eve")
    user.is_active = False
    user.save()
    return back


def ended_link(client: Client, there: Provider, back: str) -> str:
    identities.end(user=User.objects.get(username="eve"), actor=None, reason="Left.", at=AT)
    return back


NOW = int(AT.timestamp())
ATTACKS: dict[str, Attack] = {
    "another audience": says(aud="somebody-else"),
    "several audiences and no party": says(aud=["parallax", "somebody-else"]),
    "another party": says(azp="somebody-else"),
    "another issuer": says(iss="https://evil.example"),
    "another nonce": says(nonce="of-another-token"),
    "no nonce": says(nonce=None),
    "an expired token": says(exp=NOW - 1),
    "no expiry": says(exp=None),
    "an expiry that is no number": says(exp="9999999999"),
    "an expiry beyond every calendar": says(exp=1e300),
    "an old token": says(iat=NOW - 3600),
    "a token of tomorrow": says(iat=NOW + 86400),
    "a token that is not good yet": says(nbf=NOW + 3600),
    "no subject": says(sub=None),
    "a subject that is no text": says(sub=17),
    "a subject nobody linked, with the mail address of somebody here": says(sub="new", email="eve@example.org"),
    "a subject in other letters": says(sub="Ada-At-Work"),
    "no signature": sends(lambda there, asked: unsigned(there.id_token(asked))),
    "a signature by the public key": sends(signed_with_the_public_key),
    "a signature by a key of one's own": sends(key_of_ones_own),
    "a signature by a key that nobody published": sends(unknown_key),
    "other words under the signature": sends(lambda there, asked: with_other_words(there.id_token(asked), sub="x")),
    "no token at all": sends(lambda there, asked: "not.a.token"),
    "another state": asks(state="made-up"),
    "the state of another session": of_another_session,
    "the same way twice": twice,
    "the code of another way": code_of_another_way,
    "a made-up code": asks(code="made-up"),
    "the answer of another issuer": asks(iss="https://evil.example"),
    "an error of the provider": asks(error="access_denied"),
    "a closed account": closed_account,
    "a link that was ended": ended_link,
}


@pytest.mark.parametrize("attack", list(ATTACKS))
def test_nothing_else_opens(eve: User, there: Provider, time_machine: Any, attack: str) -> None:
    time_machine.move_to(AT, tick=False)
    client = Client()
    back = come_back_address(client, there)

    answer = client.get(ATTACKS[attack](client, there, back))

    assert answer.status_code in (400, 403)
    assert not is_in(client)
    assert User.objects.count() == 1


def test_a_way_that_took_too_long_opens_nothing(eve: User, there: Provider, time_machine: Any) -> None:
    time_machine.move_to(AT, tick=False)
    client = Client()
    back = come_back_address(client, there)
    time_machine.move_to(AT + dt.timedelta(minutes=10), tick=False)

    assert client.get(back).status_code == 400
    assert not is_in(client)


def test_the_cookie_from_before_the_sign_in_opens_nothing_afterwards(eve: User, there: Provider) -> None:
    attacker, victim = Client(), Client()
    back = come_back_address(victim, there)
    attacker.cookies = copy.deepcopy(victim.cookies)

    victim.get(back)

    assert is_in(victim)
    assert not is_in(attacker)


# --- the provider itself -----------------------------------------------------------------------------------------


def test_a_provider_that_is_away_is_said_in_a_sentence(eve: User, there: Provider) -> None:
    there.down = True
    answer = Client().get("/sign-in/provider/")

    assert answer.status_code == 503
    assert "Example Hospital does not answer" in answer.content.decode()


def test_a_provider_that_goes_away_on_the_way_is_said_in_a_sentence(eve: User, there: Provider) -> None:
    client = Client()
    back = come_back_address(client, there)
    there.down = True

    answer = client.get(back)

    assert answer.status_code == 503
    assert "does not answer" in answer.content.decode()
    assert not is_in(client)


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
    ids=["another issuer", "a token over plain HTTP", "keys of an inner address", "a script", "no keys"],
)
def test_a_document_that_leads_astray_is_not_followed(eve: User, there: Provider, said: dict[str, Any]) -> None:
    there.document = said

    assert Client().get("/sign-in/provider/").status_code == 503


def test_plain_http_is_for_this_machine_and_where_the_settings_allow_it(
    eve: User, there: Provider, settings: LazySettings
) -> None:
    settings.OIDC_LOCAL = False

    assert Client().get("/sign-in/provider/").status_code == 503
    assert there.asked == []


@pytest.mark.parametrize("named", [["HS256"], ["none"], ["RS256", "HS256"], []], ids=str)
def test_the_settings_cannot_take_signatures_that_prove_nothing(settings: LazySettings, named: list[str]) -> None:
    settings.OIDC_ALGORITHMS = named

    with pytest.raises(ImproperlyConfigured):
        provider.algorithms()


def test_the_clients_secret_may_lie_in_a_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("PARALLAX_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret"))

    assert secret("OIDC_CLIENT_SECRET") == "from a file"


# --- being linked ------------------------------------------------------------------------------------------------


def test_whoever_is_linked_has_no_password_any_more_and_is_told(there: Provider) -> None:
    user = make_user("eve")
    client = Client()
    client.force_login(user)

    link(user)

    assert not is_in(client)
    client.post("/sign-in/", {"username": "eve", "password": PASSWORD})
    assert not is_in(client)
    assert Mail.objects.get(to=user).subject == "Your account: you sign in elsewhere now"
    with pytest.raises(accounts.PasswordUnused):
        accounts.give_password(user=user, password="another good long one", actor=None, at=AT)


def test_a_subject_names_one_person_for_ever(eve: User, there: Provider) -> None:
    with pytest.raises(IdentityRefused):
        link(make_user("bob"))
    identities.end(user=eve, actor=None, reason="Left.", at=AT)
    with pytest.raises(IdentityRefused):
        link(User.objects.get(username="bob"))

    link(eve)

    assert identities.user_of(there.issuer, "ada-at-work") == eve


def test_an_administrator_links_a_member_on_a_page_and_ends_that(world: World, there: Provider) -> None:
    person = world.people[Role.READER]
    membership = world.trial.memberships.get(user=person)
    page, client = f"/trials/members/{membership.pk}/identity/", Client()
    client.force_login(world.administrator)
    assert page in client.get(f"/trials/{world.trial.pk}/setup/").content.decode()

    client.post(page, {"subject": "reader-at-work", "reason": "Stood before me."})
    assert "reader-at-work" in client.get(page).content.decode()
    client.post(page, {"reason": "Left the hospital."})

    row = ProviderIdentity.objects.get(holder=person)
    assert row.ended_at is not None
    told = AuditEvent.objects.filter(object_type="compliance.provideridentity").order_by("pk")
    assert [(event.action, event.actor, event.reason) for event in told] == [
        ("provideridentity.linked", world.administrator, "Stood before me."),
        ("provideridentity.ended", world.administrator, "Left the hospital."),
    ]


def test_nobody_links_themselves(world: World, there: Provider) -> None:
    membership = world.trial.memberships.filter(user=world.administrator).first()
    client = Client()
    client.force_login(world.administrator)

    answer = client.post(f"/trials/members/{membership.pk}/identity/", {"subject": "me", "reason": "It is I."})

    assert answer.status_code == 409
    assert not ProviderIdentity.objects.exists()


def test_the_keeper_of_the_server_links_and_ends_at_the_command_line(there: Provider) -> None:
    user = make_user("eve")

    call_command("link_identity", "eve", subject="eve-at-work", reason="Called me back.")
    assert identities.of(user) is not None
    call_command("link_identity", "eve", end=True, reason="Left.")
    assert identities.of(user) is None
    with pytest.raises(CommandError):
        call_command("link_identity", "mallory", subject="x", reason="Whoever.")


def test_a_change_of_the_account_asks_the_provider_and_then_the_factor_again(scene: Scene, there: Provider) -> None:
    """By the page that all changes pass: a fresh sign-in there, and the app's code here."""
    ada: Enrolled = scene.ada
    link(ada.user)
    go(scene.client, there)
    scene.second(scene.code())
    scene.later(minutes=11)
    assert "for=confirm" in scene.client.get("/account/app/").content.decode()

    led = go(scene.client, there, "?for=confirm&next=/account/app/")
    assert led["Location"] == "/account/confirm/?then=/account/app/"
    assert "Set up" not in scene.client.get("/account/app/").content.decode()
    assert scene.client.post("/account/confirm/", {"then": "/account/app/", "code": "nonsense"}).status_code == 422
    done = scene.client.post("/account/confirm/", {"then": "/account/app/", "code": scene.code()})

    assert done["Location"] == "/account/app/"
    assert "qr" in scene.client.get("/account/app/").content.decode().lower()


def test_a_change_of_the_account_is_not_confirmed_by_an_old_session_at_the_provider(
    scene: Scene, there: Provider
) -> None:
    link(scene.ada.user)
    go(scene.client, there)
    scene.second(scene.code())
    scene.later(minutes=11)
    there.heeds_prompt = False

    assert go(scene.client, there, "?for=confirm&next=/account/app/").status_code == 403
    assert scene.client.post("/account/confirm/", {"code": scene.code()}).status_code == 422
    assert factors.factors_of(scene.ada.user).count() == 2
