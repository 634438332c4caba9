"""Seals of signatures: a keyed digest over the whole row, so that none can be moved, changed or made in the database.

HMAC-SHA-256 (RFC 2104) under a key of the installation, which lies with the trials' keys and not in the database or
its back-ups. A seal names its key by fingerprint: `hmac-sha256:<fingerprint>:<digest>`.
"""

from __future__ import annotations

import datetime as dt
import hmac
from pathlib import Path
from typing import Any

from django.conf import settings

from compliance import keys, vault
from compliance.errors import HouseError
from compliance.models import Signature, Supersession

_KIND = "hmac-sha256"


class SealKeyMissing(HouseError):
    """The key of the seals cannot be read, so nothing can be signed or verified."""

    code = "seal_key_missing"
    status = 503


def _path() -> Path:
    return Path(settings.KEYS_DIR) / "signatures.key"


def key() -> bytes:
    """Return the key of the installation's seals; it is made when it is first asked for.

    Raises
    ------
    SealKeyMissing
    """
    path = _path()
    try:
        if not path.exists():
            keys.create_at(path)
        return keys.of_file(path)
    except (OSError, ValueError) as problem:
        raise SealKeyMissing(
            "The key of the signatures' seals cannot be read, so nothing was signed. "
            "Restore the file signatures.key from its back-up."
        ) from problem


def _sealed(said: bytes, secret: bytes) -> str:
    return f"{_KIND}:{vault.fingerprint(secret)}:{hmac.digest(secret, said, 'sha256').hex()}"


def of_signature(signature: Signature, secret: bytes) -> str:
    """Return the seal of a signature as its row stands now."""
    return _sealed(
        _said(
            "signature",
            signature.signer_id,
            signature.printed_name,
            signature.meaning,
            _utc(signature.at),
            signature.object_type,
            signature.object_id,
            signature.content_sha256,
            signature.charter_version,
            signature.policy_version,
        ),
        secret,
    )


def of_supersession(row: Supersession, secret: bytes) -> str:
    """Return the seal of what ended a signature, as its row stands now."""
    return _sealed(_said("supersession", row.signature_id, _utc(row.at), row.actor_id, row.action), secret)


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _said(*values: Any) -> bytes:
    """Return values as bytes that no other values give: each with its length before it."""
    parts = [("" if value is None else str(value)).encode() for value in values]
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)
