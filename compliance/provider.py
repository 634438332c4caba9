"""The identity provider of the installation: the way there and back (OpenID Connect Core 1.0, RFC 7636, RFC 9207).

Authorisation code with PKCE, state and nonce. Whatever is asked of the provider, its addresses and its keys, comes
from the document of the one issuer that the settings name; no address comes from a person or from a token.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from compliance.errors import HouseError

#: Keys of which the provider alone has the secret half: neither "none" nor a digest that we could make ourselves.
ALGORITHMS = frozenset(
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
)
#: Bytes of an answer, seconds for which the provider's document and keys are kept, and seconds between two looks at its
#: keys because a token named another.
MOST_BYTES, KEPT, PATIENCE = 512 * 1024, 600, 30
#: How far the provider's clock may be ahead of ours, and how old a token may be when it comes.
AHEAD, OLDEST = dt.timedelta(seconds=30), dt.timedelta(minutes=10)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

_http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=3, read=6))
_kept: dict[str, tuple[float, Any]] = {}


class ProviderAway(HouseError):
    """The provider does not answer, or not as one does."""

    code = "provider_away"
    status = 503


class ProviderRefused(HouseError):
    """What came back from the provider opens nothing; `why` is for the trail."""

    code = "sign_in_refused"
    status = 403


@dataclass(frozen=True, slots=True)
class Trip:
    """What is remembered of a way to the provider until the person is back.

    `fresh` asks for the credentials themselves, whatever session the person has there; `not_before`, in seconds, is
    the moment since which they must have been given.
    """

    state: str
    nonce: str
    verifier: str
    fresh: bool
    not_before: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Who the provider says it was, and how they showed it."""

    issuer: str
    subject: str
    nonce: str
    authenticated_at: dt.datetime | None
    trusted: bool


def is_set() -> bool:
    """Tell whether this installation has a provider."""
    return bool(settings.OIDC_ISSUER)


def set_out(*, not_before: int | None = None) -> Trip:
    """Begin a way to the provider; with `not_before` the person must sign in there anew."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Trip(state, nonce, verifier, not_before is not None, not_before or 0)


def address_of(trip: Trip, back: str) -> str:
    """Return where the person's browser goes; it comes `back`.

    Raises
    ------
    ProviderAway
    """
    challenge = base64.urlsafe_b64encode(hashlib.sha256(trip.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "scope": "openid",
        "client_id": settings.OIDC_CLIENT_ID,
        "redirect_uri": back,
        "state": trip.state,
        "nonce": trip.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if trip.fresh:
        asked |= {"prompt": "login", "max_age": "0"}
    if settings.OIDC_TRUSTED_ACR:
        asked["acr_values"] = " ".join(settings.OIDC_TRUSTED_ACR)
    return _with_query(_document()["authorization_endpoint"], asked)


def way_out(back: str) -> str:
    """Return where a browser signs out of the provider too (RP-Initiated Logout 1.0); "" where it offers none."""
    where = _document().get("end_session_endpoint", "")
    return where and _with_query(where, {"client_id": settings.OIDC_CLIENT_ID, "post_logout_redirect_uri": back})


def come_back(trip: Trip, answer: Mapping[str, str], back: str, *, at: dt.datetime) -> Shown:
    """Take what a browser brought back from the provider, whose state was that of the trip.

    Raises
    ------
    ProviderRefused
        The provider let nobody in, or its token does not hold.
    ProviderAway
    """
    document = _document()
    if "iss" in answer or document.get("authorization_response_iss_parameter_supported"):
        _require(answer.get("iss") == settings.OIDC_ISSUER, "answer of another issuer")
    if error := answer.get("error"):
        raise ProviderRefused(f"{settings.OIDC_NAME} did not sign you in. Start again.", why=error[:60])
    _require(bool(answer.get("code")), "no code")
    token = _token(document, answer["code"], back, trip)
    claims = _verified(document, token)
    _check(claims, trip, at)
    shown = Shown(claims["iss"], claims["sub"], trip.nonce, _moment(claims.get("auth_time")), _is_trusted(claims))
    if settings.OIDC_DEMAND_TRUSTED and not shown.trusted:
        raise ProviderRefused(
            f"{settings.OIDC_NAME} let you in without a second factor, and here one is needed. Set one up there.",
            why="no second factor",
        )
    return shown


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise ProviderRefused(
            f"What {settings.OIDC_NAME} answered was not accepted. Start again; if it stays so, tell whoever runs this "
            "installation.",
            why=why,
        )


# --- the token ---------------------------------------------------------------------------------------------------


def _token(document: Mapping[str, Any], code: str, back: str, trip: Trip) -> str:
    """Exchange the code for the token of identity."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": settings.OIDC_CLIENT_ID,
        "code_verifier": trip.verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if "client_secret_basic" in document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
        said = f"{quote(settings.OIDC_CLIENT_ID, safe='')}:{quote(settings.OIDC_CLIENT_SECRET, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(said.encode()).decode()}"
    else:
        fields["client_secret"] = settings.OIDC_CLIENT_SECRET
    answer = _ask("POST", document["token_endpoint"], headers, urlencode(fields))
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise ProviderRefused(f"{settings.OIDC_NAME} did not sign you in. Start again.", why="no token for the code")
    return token


def _verified(document: Mapping[str, Any], token: str) -> dict[str, Any]:
    """Return what a token says, once one of the provider's keys has been seen to have signed it."""
    address = document["jwks_uri"]
    for newest in (False, True):
        try:
            found = jwt.decode(token, _keys(address, newest=newest), algorithms=algorithms())
        except InvalidKeyIdError:
            continue
        except (JoseError, ValueError, TypeError):
            break
        return dict(found.claims)
    raise ProviderRefused(
        f"What {settings.OIDC_NAME} answered was not accepted. Start again.", why="token not signed by the provider"
    )


def algorithms() -> list[str]:
    """Return the signatures that are taken; the settings cannot add one that proves nothing."""
    wanted = list(settings.OIDC_ALGORITHMS)
    if not wanted or not ALGORITHMS.issuperset(wanted):
        raise ImproperlyConfigured(f"PARALLAX_OIDC_ALGORITHMS are out of: {', '.join(sorted(ALGORITHMS))}.")
    return wanted


def _check(claims: Mapping[str, Any], trip: Trip, at: dt.datetime) -> None:
    """Refuse a token that is not for us, for this trip and for now (Core §3.1.3.7)."""
    audience, party = claims.get("aud"), claims.get("azp")
    named = audience if isinstance(audience, list) else [audience]
    subject, nonce = claims.get("sub"), claims.get("nonce")
    expires, issued, begins = (_moment(claims.get(name)) for name in ("exp", "iat", "nbf"))
    _require(claims.get("iss") == settings.OIDC_ISSUER, "another issuer")
    _require(settings.OIDC_CLIENT_ID in named, "another audience")
    _require(party == settings.OIDC_CLIENT_ID or (party is None and len(named) == 1), "another party")
    _require(isinstance(subject, str) and 0 < len(subject) <= 255, "no subject")
    _require(isinstance(nonce, str) and secrets.compare_digest(nonce.encode(), trip.nonce.encode()), "another nonce")
    _require(expires is not None and expires > at, "expired")
    _require(issued is not None and at - OLDEST <= issued <= at + AHEAD, "not of now")
    _require("nbf" not in claims or (begins is not None and begins <= at + AHEAD), "not yet good")
    if trip.fresh:
        shown = _moment(claims.get("auth_time"))
        _require(shown is not None and shown <= at + AHEAD, "no moment of sign-in")
        if shown is not None and shown.timestamp() < trip.not_before:
            raise ProviderRefused(
                f"{settings.OIDC_NAME} did not ask you again who you are. Sign out there, and start again.",
                why="no fresh sign-in",
            )


def _moment(value: object) -> dt.datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return dt.datetime.fromtimestamp(value, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _is_trusted(claims: Mapping[str, Any]) -> bool:
    """Tell whether the provider says that it saw a second factor, in words that the settings take for that."""
    methods = claims.get("amr")
    seen = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
    return bool(seen & set(settings.OIDC_TRUSTED_AMR)) or claims.get("acr") in settings.OIDC_TRUSTED_ACR


# --- asking ------------------------------------------------------------------------------------------------------


def _document() -> dict[str, Any]:
    """Return what the issuer says of itself (Discovery 1.0); it must say it of itself."""
    issuer = settings.OIDC_ISSUER
    if not issuer:
        raise ProviderAway("This installation has no identity provider. Sign in with user name and password.")
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"

    def read() -> dict[str, Any]:
        found = _ask("GET", address)
        if found.get("issuer") != issuer:
            raise _away()
        for needed in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _require_safe(found.get(needed))
        return found

    return _remembered(address, KEPT, read)


def _keys(address: str, *, newest: bool) -> KeySet:
    def read() -> KeySet:
        rows = _ask("GET", address).get("keys")
        found = []
        for row in rows if isinstance(rows, list) else ():
            try:
                found += KeySet.import_key_set({"keys": [row]}).keys
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # of a kind that we do not know
        if not found:
            raise _away()
        return KeySet(found)

    return _remembered(address, PATIENCE if newest else KEPT, read)


def _remembered(address: str, seconds: int, read: Any) -> Any:
    then, found = _kept.get(address, (0.0, None))
    if found is None or time.monotonic() - then >= seconds:
        found = read()
        _kept[address] = (time.monotonic(), found)
    return found


def forget() -> None:
    """Ask the provider anew for what it says of itself."""
    _kept.clear()


def _away() -> ProviderAway:
    return ProviderAway(
        f"{settings.OIDC_NAME} does not answer, so nobody can be signed in by it now, and nothing was signed. "
        "Try again in some minutes."
    )


def _require_safe(address: object) -> None:
    """Refuse an address that is not over TLS; on this machine that may be let go."""
    parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    plain = parts.scheme == "http" and settings.OIDC_LOCAL and parts.hostname in _LOOPBACK
    if not (parts.hostname and (parts.scheme == "https" or plain)):
        raise _away()


def _ask(
    method: str, address: str, headers: Mapping[str, str] | None = None, body: str | None = None
) -> dict[str, Any]:
    _require_safe(address)
    asked = {"Accept": "application/json", **(headers or {})}
    try:
        answer = _http.request(method, address, headers=asked, body=body, redirect=False, preload_content=False)
        try:
            said = answer.read(MOST_BYTES + 1, decode_content=True)
        finally:
            answer.release_conn()
            answer.close()
        found = json.loads(said) if len(said) <= MOST_BYTES else None
    except (urllib3.exceptions.HTTPError, ValueError) as problem:
        raise _away() from problem
    refused = method == "POST" and 400 <= answer.status < 500
    if not isinstance(found, dict) or (answer.status != 200 and not refused):
        raise _away()
    return found if answer.status == 200 else {}


def _with_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"
