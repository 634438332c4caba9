"""Checkpoints of the audit trail: signed statements of where the chains end, kept outside the database as well.

A chain whose end was cut off, with an end that was right once, is whole by itself. A checkpoint that knows more of it
shows the cut, and so does one of a chain that somebody wrote anew with its key. What happened since the last one shows
in the chain alone, so they are made often, and their folder belongs to somebody who does not own the database.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import transaction

from compliance import keys, sealing, signing, storage
from compliance.models import AuditCheckpoint, AuditHead

_FORMAT = "parallax audit checkpoint 1"


class End(NamedTuple):
    """Where a chain ended: the number of its last link, and that link's code."""

    sequence: int
    mac: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A statement whose signature holds."""

    at: dt.datetime
    ends: dict[int, End]
    statement: str = field(default="", compare=False)


def make(*, at: dt.datetime) -> AuditCheckpoint | None:
    """Sign where the chains end now, and keep it in the folder and in the database; None if nothing came since.

    Raises
    ------
    KeyMissing
        The trail's key cannot be read.
    OSError
        The folder cannot be written; then nothing is kept.
    """
    with transaction.atomic():
        sealing.seal_beginnings()
        heads = AuditHead.objects.filter(sequence__gt=0).order_by("trial_id")
        chains = list(heads.values("trial_id", "sequence", "mac", "key"))
        last = AuditCheckpoint.objects.order_by("-pk").first()
        known = keys.of_audit()
        if not known or (last and json.loads(last.statement)["chains"] == chains):
            return None
        said = signing.canonical({"format": _FORMAT, "at": at.isoformat(), "chains": chains})
        private = Ed25519PrivateKey.from_private_bytes(known[-1].signing)
        made = AuditCheckpoint.objects.create(
            at=at, statement=said.decode(), signature=private.sign(said).hex(), public_key=_public(known[-1])
        )
        _write(made)
    return made


def signed(said: Mapping[str, Any]) -> dict[str, str]:
    """Return a statement with its signature by the newest key of the trail, as checkpoints are signed (Ed25519).

    Raises
    ------
    KeyMissing
        The trail's key cannot be read.
    """
    text, key = signing.canonical(said), sealing.newest_key()
    private = Ed25519PrivateKey.from_private_bytes(key.signing)
    return {"statement": text.decode(), "signature": private.sign(text).hex(), "public_key": _public(key)}


def is_ours(said: Mapping[str, Any]) -> bool:
    """Tell whether a signed statement, as `signed` returns it, is by a key of this trail and was not changed."""
    return said["public_key"] in public_keys() and _holds(said["statement"], said["signature"], said["public_key"])


def public_keys() -> list[str]:
    """Return the keys by which anybody knows this trail's statements (Ed25519, hexadecimal), the newest last."""
    return [_public(key) for key in keys.of_audit()]


def kept() -> tuple[list[Checkpoint], list[str]]:
    """Return the checkpoints of the folder and of the database, oldest first, and the names of forged ones."""
    ours = public_keys()
    found, forged = {}, []
    for name, statement, signature, public_key in (*_stored(), *_filed()):
        if public_key in ours and _holds(statement, signature, public_key):
            found[statement] = _read(statement)
        else:
            forged.append(name)
    return sorted(found.values(), key=lambda checkpoint: checkpoint.at), forged


def marks(checkpoints: list[Checkpoint]) -> dict[int, dict[int, str]]:
    """Return what checkpoints say of links, by chain and number."""
    said: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for checkpoint in checkpoints:
        for number, end in checkpoint.ends.items():
            said[number][end.sequence] = end.mac
    return dict(said)


def folder() -> Path:
    """Return where checkpoints lie outside the database."""
    return Path(settings.AUDIT_CHECKPOINTS_DIR)


def _public(key: keys.AuditKey) -> str:
    public = Ed25519PrivateKey.from_private_bytes(key.signing).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _write(made: AuditCheckpoint) -> None:
    """Put a checkpoint into the folder, durably, under a name that nothing has yet."""
    folder().mkdir(parents=True, exist_ok=True)
    said = {"statement": made.statement, "signature": made.signature, "public_key": made.public_key}
    path = folder() / f"{made.at:%Y%m%dT%H%M%S}-{made.signature[:12]}.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
        json.dump(said, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    storage.sync_directory(folder())


def _stored() -> Iterator[tuple[str, str, str, str]]:
    for row in AuditCheckpoint.objects.order_by("pk").iterator():
        yield f"checkpoint {row.pk} of the database", row.statement, row.signature, row.public_key


def _filed() -> Iterator[tuple[str, str, str, str]]:
    for path in sorted(folder().glob("*.json")):
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            yield f"the file {path.name}", said["statement"], said["signature"], said["public_key"]
        except (OSError, ValueError, KeyError, TypeError):
            yield f"the file {path.name}", "", "", ""


def _holds(statement: str, signature: str, public_key: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature), statement.encode()
        )
    except (InvalidSignature, ValueError, TypeError, AttributeError):
        return False
    return True


def _read(statement: str) -> Checkpoint:
    said = json.loads(statement)
    ends = {chain["trial_id"]: End(chain["sequence"], chain["mac"]) for chain in said["chains"]}
    return Checkpoint(dt.datetime.fromisoformat(said["at"]), ends, statement)
