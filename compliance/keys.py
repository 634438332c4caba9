"""Secret keys per trial, kept in files outside the database and its back-ups.

A trial has one secret, from which its pseudonyms follow, and which therefore stays as long as the trial: `PLX-1.key`.
The keys under which its originals lie may be replaced: number 0 follows from the secret, the others are files of their
own beside it, `PLX-1.originals-1.key` and so on. What comes is locked with the newest.

The installation has one more, `_accounts.key`, under which the secrets of authenticator apps lie.

The audit trail of the whole installation has keys of its own, `audit/1.key` and so on: its chains go on with the
newest, and the others are needed for as long as the trail is to be verified.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from compliance import storage, vault
from compliance.errors import HouseError

#: Bytes below which a key is no key.
SHORTEST = 16


class KeyMissing(HouseError):
    """A secret key cannot be read; nothing of its trial may be de-identified without it, no code of an app checked."""

    code = "key_missing"
    status = 503


@dataclass(frozen=True, slots=True)
class OriginalsKey:
    """One of the keys under which originals of a trial lie."""

    number: int
    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What may be said of the key."""
        return vault.fingerprint(self.secret)


@dataclass(frozen=True, slots=True)
class AuditKey:
    """One of the keys of the audit trail; what is done with it is done with keys that follow from it."""

    number: int
    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """What may be said of the key."""
        return vault.fingerprint(self.secret)

    @property
    def chaining(self) -> bytes:
        """The key of the chain's codes."""
        return hmac.digest(self.secret, b"audit chain", "sha256")

    @property
    def signing(self) -> bytes:
        """The private key with which the chain's checkpoints are signed (Ed25519)."""
        return hmac.digest(self.secret, b"audit checkpoints", "sha256")

    @property
    def papers(self) -> bytes:
        """What the private key follows from with which papers of the installation are sealed (ECDSA, P-256)."""
        return hmac.digest(self.secret, b"papers", "sha256")


def _path(trial_code: str, which: str = "") -> Path:
    if not re.fullmatch(r"[A-Z0-9-]{2,20}", trial_code):
        raise ValueError("a trial code holds 2 to 20 capitals, digits and hyphens")
    return Path(settings.KEYS_DIR) / f"{trial_code}{which}.key"


def create(trial_code: str, secret: bytes | None = None) -> None:
    """Make a trial's key, 32 random bytes unless given; an existing key is never replaced."""
    _create(_path(trial_code), secret)


def create_for_originals(trial_code: str, number: int) -> OriginalsKey:
    """Make another key for a trial's originals, 32 random bytes; an existing key is never replaced."""
    made = OriginalsKey(number, secrets.token_bytes(32))
    _create(_path(trial_code, f".originals-{number}"), made.secret)
    return made


def create_at(path: Path) -> None:
    """Make a key of the installation, 32 random bytes; one that somebody else made meanwhile stays."""
    try:
        _create(path, None)
    except FileExistsError:
        return


def _create(path: Path, secret: bytes | None) -> None:
    """Write a key that is there whole and durably, or not at all."""
    for folder in reversed([folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    create_file(partial, secret)
    try:
        os.link(partial, path)
    finally:
        partial.unlink()
    storage.sync_directory(path.parent)


def create_file(path: Path, secret: bytes | None = None) -> None:
    """Write a key, 32 random bytes unless given, into a new file that its owner alone may read.

    Raises
    ------
    OSError
        The file is there already, or cannot be made.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write((secret or secrets.token_bytes(32)).hex().encode())
        file.flush()
        os.fsync(file.fileno())


def exists(trial_code: str) -> bool:
    """Tell whether a trial's key is there."""
    return _path(trial_code).exists()


def of_trial(trial_code: str) -> bytes:
    """Return a trial's secret key.

    Raises
    ------
    KeyMissing
        The key's file is not there or not readable.
    """
    try:
        return of_file(_path(trial_code))
    except (OSError, ValueError) as problem:
        raise KeyMissing(
            f"The secret key of trial {trial_code} cannot be read, so nothing can be de-identified for it. "
            "Restore the key file from its back-up."
        ) from problem


def of_originals(trial_code: str) -> list[OriginalsKey]:
    """Return the keys under which a trial's originals lie, the newest last.

    Raises
    ------
    KeyMissing
        The trial's secret, or one of the files beside it, is not readable.
    """
    found = [OriginalsKey(0, hmac.digest(of_trial(trial_code), b"originals at rest", "sha256"))]
    for path in _path(trial_code).parent.glob(f"{trial_code}.originals-*.key"):
        number = path.name.removeprefix(f"{trial_code}.originals-").removesuffix(".key")
        try:
            found.append(OriginalsKey(int(number), of_file(path)))
        except (OSError, ValueError) as problem:
            raise KeyMissing(
                f"A key of the originals of trial {trial_code}, number {number}, cannot be read. "
                "Restore the key file from its back-up."
            ) from problem
    return sorted(found, key=lambda key: key.number)


def of_audit() -> list[AuditKey]:
    """Return the keys of the audit trail, the newest last; none before the first event.

    Raises
    ------
    KeyMissing
        A key's file is not readable.
    """
    try:
        with os.scandir(_audit_folder()) as entries:
            files = sorted((entry.path, *_stamp(entry.stat())) for entry in entries if entry.name.endswith(".key"))
    except FileNotFoundError:
        return []
    return list(_of_audit(tuple(files)))


def _stamp(file: os.stat_result) -> tuple[int, int, int]:
    return file.st_ino, file.st_size, file.st_ctime_ns


@functools.lru_cache(maxsize=8)
def _of_audit(files: tuple[tuple[Any, ...], ...]) -> tuple[AuditKey, ...]:
    """The keys in these files, read once for as long as the files are the same: every commit asks."""
    found = []
    for path in [Path(name) for name, *_ in files]:
        try:
            found.append(AuditKey(int(path.stem), of_file(path)))
        except (OSError, ValueError) as problem:
            raise audit_key_missing(path.stem) from problem
    return tuple(sorted(found, key=lambda key: key.number))


def create_for_audit(number: int) -> AuditKey:
    """Make a key of the audit trail, 32 random bytes; if somebody else just made it, theirs is the key."""
    path = _audit_folder() / f"{number}.key"
    with contextlib.suppress(FileExistsError):
        _create(path, None)
    return AuditKey(number, of_file(path))


def next_for_audit(last: AuditKey) -> AuditKey:
    """Return a key to follow the audit trail's last one, which is not there before it is kept."""
    return AuditKey(last.number + 1, secrets.token_bytes(32))


def keep_for_audit(key: AuditKey) -> None:
    """Put a key of the audit trail into the folder: from now on it is the newest.

    Raises
    ------
    FileExistsError
        Another has its number.
    """
    _create(_audit_folder() / f"{key.number}.key", key.secret)


def audit_key_missing(which: str) -> KeyMissing:
    """Return the error that a key of the audit trail, by its number or fingerprint, is not there."""
    return KeyMissing(
        f"The key {which} of the audit trail cannot be read, so nothing can be recorded, and nothing was changed. "
        "Restore the key file from its back-up."
    )


def _audit_folder() -> Path:
    return Path(settings.KEYS_DIR) / "audit"


def are_readable(trial_code: str) -> bool:
    """Tell whether all keys that lie there for a trial can be read, so that what comes may be stored."""
    try:
        of_originals(trial_code)
    except KeyMissing:
        return False
    return True


def that_locked(trial_code: str, fingerprint: str | None) -> bytes:
    """Return the key of a trial's originals with a fingerprint; without one, the key that follows from the secret.

    Raises
    ------
    KeyMissing
        No such key is there.
    """
    for key in of_originals(trial_code):
        if fingerprint in (None, key.fingerprint):
            return key.secret
    raise KeyMissing(
        f"The key {fingerprint}, with which originals of trial {trial_code} were locked, is not there. "
        "Restore the key file from its back-up."
    )


def of_accounts(*, make: bool = False) -> bytes:
    """Return the key under which secrets of people's accounts lie; with `make`, it is made where there is none.

    Raises
    ------
    KeyMissing
        The key's file is not there or not readable.
    """
    path = Path(settings.KEYS_DIR) / "_accounts.key"
    if make and not path.exists():
        with suppress(FileExistsError):
            _create(path, None)
    try:
        return of_file(path)
    except (OSError, ValueError) as problem:
        raise KeyMissing(
            "The key of the accounts cannot be read, so codes of authenticator apps cannot be checked. "
            "Use a recovery code or a passkey; an operator restores the key file from its back-up."
        ) from problem


def of_file(path: Path) -> bytes:
    """Return the key in a file, which holds at least 16 bytes in hexadecimal digits.

    Raises
    ------
    OSError, ValueError
        The file cannot be read, or holds something else.
    """
    secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(secret) < SHORTEST:
        raise ValueError("the key is cut off")
    return secret
