"""Passkeys (WebAuthn): what a browser is asked, and whether its answer is one. The checks are those of `fido2`."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    UserVerificationRequirement,
)

from compliance.models import Factor, User

#: What may be wrong with what a browser sends; no word of it is told.
_WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, binascii.Error)
#: Bytes of an answer, above which it is none.
LONGEST = 20_000

Options = dict[str, Any]
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that a browser has made for us."""

    credential: str
    credential_id: str
    counter: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A passkey of the person that signed what we asked, with its count of signatures."""

    factor: Factor
    counter: int


def possible() -> bool:
    """Tell whether browsers make passkeys for this installation: it needs a name, as numbers are nobody's."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False


def ask_for_new(user: User, known: Sequence[Factor]) -> tuple[Options, State]:
    """Return what a browser is asked to make a passkey from, and what must be remembered meanwhile."""
    entity = PublicKeyCredentialUserEntity(id=_handle(user), name=user.username, display_name=str(user))
    options, state = _server().register_begin(
        entity, [_credential(one) for one in known], user_verification=UserVerificationRequirement.PREFERRED
    )
    return _plain(options), state


def made(state: State, answer: str) -> Made | None:
    """Return the passkey in a browser's answer; None if it is not what was asked for."""
    try:
        response = RegistrationResponse.from_dict(_read(answer))
        data = _server().register_complete(state, response)
        credential = data.credential_data
    except _WRONG:
        return None
    if credential is None or response.raw_id != credential.credential_id or len(credential.credential_id) > 1023:
        return None
    return Made(_text(bytes(credential)), _text(credential.credential_id), data.counter)


def ask(known: Sequence[Factor]) -> tuple[Options, State]:
    """Return what a browser is asked to sign with one of these passkeys, and what must be remembered meanwhile."""
    options, state = _server().authenticate_begin(
        [_credential(one) for one in known], user_verification=UserVerificationRequirement.PREFERRED
    )
    return _plain(options), state


def shown(state: State, answer: str, user: User, known: Sequence[Factor]) -> Shown | None:
    """Return which of the person's passkeys signed what was asked; None if none did.

    A count that does not grow where either side counts means that there are two of the passkey (WebAuthn §6.1.1).
    """
    try:
        response = AuthenticationResponse.from_dict(_read(answer))
        used = _server().authenticate_complete(state, [_credential(one) for one in known], response)
        counter = response.response.authenticator_data.counter
    except _WRONG:
        return None
    factor = next(one for one in known if one.credential_id == _text(used.credential_id))
    if response.response.user_handle not in (None, b"", _handle(user)):
        return None
    if (counter or factor.counter) and counter <= factor.counter:
        return None
    return Shown(factor, counter)


def _server() -> Fido2Server:
    address = urlsplit(settings.PUBLIC_URL)
    own = f"{address.scheme}://{address.netloc}"
    party = PublicKeyCredentialRpEntity(name="Parallax", id=address.hostname or "")
    return Fido2Server(party, verify_origin=lambda origin: origin == own)


def _handle(user: User) -> bytes:
    """What a passkey calls the account: its number, which says nothing of the person."""
    return f"parallax-{user.pk}".encode()


def _credential(factor: Factor) -> AttestedCredentialData:
    return AttestedCredentialData(base64.b64decode(factor.credential))


def _plain(options: Any) -> Options:
    """Return options as JSON; what is not said is left out, as null is no value of them."""
    plain: Options = json.loads(json.dumps(dict(options)))["publicKey"]
    return {name: value for name, value in plain.items() if value is not None}


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > LONGEST:
        raise ValueError("an answer of a browser is short")
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise ValueError("an answer of a browser is an object")
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
