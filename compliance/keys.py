"""Secret keys per trial, kept in files outside the database and its back-ups."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path

from django.conf import settings

from compliance.errors import HouseError

#: Bytes below which a key is no key.
SHORTEST = 16


class KeyMissing(HouseError):
    """A trial's secret key cannot be read; nothing of the trial may be de-identified without it."""

    code = "key_missing"
    status = 503


def _path(trial_code: str) -> Path:
    if not re.fullmatch(r"[A-Z0-9-]{2,20}", trial_code):
        raise ValueError("a trial code holds 2 to 20 capitals, digits and hyphens")
    return Path(settings.KEYS_DIR) / f"{trial_code}.key"


def create(trial_code: str, secret: bytes | None = None) -> None:
    """Make a trial's key, 32 random bytes unless given; an existing key is never replaced."""
    path = _path(trial_code)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_file(path, secret)


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


def of_originals(trial_code: str) -> bytes:
    """Return the key under which a trial's originals lie; it follows from the trial's secret.

    Raises
    ------
    KeyMissing
    """
    return hmac.digest(of_trial(trial_code), b"originals at rest", "sha256")


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
