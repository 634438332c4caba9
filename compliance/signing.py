"""Electronic signatures: who signed which content, when, and what it means (21 CFR 11.50, 11.70, 11.200)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from compliance import audit
from compliance.errors import HouseError
from compliance.models import Record, Signature, User


class WrongPassword(HouseError):
    """Re-authentication at the signature failed."""

    code = "wrong_password"
    status = 422


class ContentChanged(HouseError):
    """The content is not what the signer was shown."""

    code = "content_changed"
    status = 409


@dataclass(frozen=True, slots=True, repr=False)
class Intent:
    """What a signer gives: the password again, the meaning, and the digest of the content shown (if any)."""

    password: str
    meaning: str = Signature.Meaning.AUTHORSHIP
    shown_sha256: str = ""


def canonical(content: Mapping[str, Any]) -> bytes:
    """Return the one byte form of JSON content that digests are taken over (sorted keys, UTF-8)."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of JSON content, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def require_unchanged(record: Record, intent: Intent) -> None:
    """Refuse to sign what is not what the signer was shown.

    Raises
    ------
    ContentChanged
        The record's content is another than when its page was made.
    """
    if intent.shown_sha256 and intent.shown_sha256 != digest(record.shown_content()):
        raise ContentChanged(
            "The record changed while you were looking at it, so nothing was signed. Reload, read it and sign again."
        )


def sign(record: Record, intent: Intent, *, actor: User, at: dt.datetime) -> Signature:
    """Sign a record's content as `actor`.

    Raises
    ------
    WrongPassword
        The password given is not the signer's.
    """
    if not actor.is_active or not actor.check_password(intent.password):
        raise WrongPassword(
            "The signature was not accepted, because the password is not yours. Nothing was signed; try again."
        )
    sha256 = digest(record.signed_content())
    signature = Signature.objects.create(
        signer=actor,
        printed_name=actor.full_name or actor.username,
        meaning=intent.meaning,
        at=at,
        object_type=audit.label_of(record),
        object_id=str(record.pk),
        content_sha256=sha256,
    )
    audit.record(
        f"{record._meta.model_name}.signed",
        record,
        actor=actor,
        at=at,
        after={"signature": signature.pk, "meaning": intent.meaning, "content_sha256": sha256},
    )
    return signature


def signatures_on(record: models.Model) -> models.QuerySet[Signature]:
    """Return the signatures on a record, oldest first."""
    return Signature.objects.filter(object_type=audit.label_of(record), object_id=str(record.pk)).order_by("id")


def still_holds(signature: Signature, record: Record) -> bool:
    """Tell whether the record's content is what was signed."""
    return signature.content_sha256 == digest(record.signed_content())
