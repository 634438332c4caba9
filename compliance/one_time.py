"""Codes of an authenticator app (TOTP, RFC 6238) and recovery codes: plain arithmetic, nothing is stored here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote, urlencode

#: What every app can do: SHA-1, six digits, 30 seconds (RFC 6238 §1.2, RFC 4226 §4: a key of 160 bits).
SECRET_BYTES, DIGITS, STEP_SECONDS = 20, 6, 30
#: A phone's clock may be wrong by so many steps, either way (RFC 6238 §5.2).
DRIFT = 1
#: Recovery codes of a person, and the random bytes in each: 80 bits, which nobody searches through.
RECOVERY_CODES, RECOVERY_BYTES = 10, 10


def new_secret() -> bytes:
    """Return the secret of a new app."""
    return secrets.token_bytes(SECRET_BYTES)


def step_at(seconds: float) -> int:
    """Return the number of the step that a moment lies in, in seconds since 1970."""
    return int(seconds // STEP_SECONDS)


def code_of(secret: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_of(secret: bytes, code: str, seconds: float, *, after: int) -> int | None:
    """Return the step whose code this is, near a moment and later than the step `after`; None if there is none.

    A code that was taken names the step after which the next must lie, so none is taken twice (RFC 6238 §5.2).
    """
    now, found = step_at(seconds), None
    for step in range(now - DRIFT, now + DRIFT + 1):
        # Each is compared, whatever the ones before said: how long it takes tells nothing.
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()) and step > after:
            found = step
    return found


def as_text(secret: bytes) -> str:
    """Return a secret as people type it into an app: base32 in groups of four."""
    letters = base64.b32encode(secret).decode()
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def address_of(secret: bytes, *, account: str, issuer: str) -> str:
    """Return the address that an app reads from a QR code."""
    query = urlencode({"secret": base64.b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{query}"


def new_recovery_code() -> str:
    """Return a recovery code, as it is shown once: four groups of four small letters and digits."""
    letters = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def digest_of(code: str, owner: int) -> str:
    """Return what is kept of a person's recovery code; spaces, hyphens and capitals do not matter."""
    return hashlib.sha256(f"{owner}:{plain(code)}".encode()).hexdigest()


def plain(code: str) -> str:
    """Return a code as it is compared: without what people put between its letters."""
    return "".join(code.split()).replace("-", "").lower()
