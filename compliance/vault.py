"""Bytes at rest under a key: whoever has the disk and not the key has nothing, and no bit changes unseen.

AES-256-GCM in pieces, in the manner of STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015), so that a film of
gigabytes passes in constant memory and no piece can be cut off, moved, or taken from another file. A file has a key
of its own, derived by HKDF (RFC 5869) from the one given and from random bytes in its head, which says by a
fingerprint which key that was:

    PLXVAULT2 | fingerprint, 8 bytes | 32 random bytes | pieces of 1 MiB, each with its tag of 16 bytes; the last one
    may be shorter or empty

Files of the first version, PLXVAULT1, have no fingerprint; they are opened, and no longer written.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from compliance.errors import HouseError

_FIRST, _MAGIC = b"PLXVAULT1", b"PLXVAULT2"
_NAME, _SALT, _PIECE, _TAG = 8, 32, 1 << 20, 16
#: Bytes by which a file under lock is known, and its key.
HEAD = len(_MAGIC) + _NAME


class Damaged(HouseError):
    """What lies under lock is not what was put there, or the key is another one."""

    code = "damaged_at_rest"
    status = 500

    def __init__(self) -> None:
        super().__init__("A stored original was damaged, or locked with another key. Restore it from a back-up.")


def lock(source: IO[bytes], key: bytes) -> Iterator[bytes]:
    """Return the content of a file under a key, piece by piece.

    Parameters
    ----------
    key
        At least 16 bytes that nobody can guess.
    """
    salt = secrets.token_bytes(_SALT)
    cipher, number = _cipher(key, salt), 0
    yield _MAGIC + bytes.fromhex(fingerprint(key)) + salt
    piece = source.read(_PIECE)
    while True:
        following = source.read(_PIECE) if len(piece) == _PIECE else b""
        yield cipher.encrypt(_nonce(number, last=not following), piece, None)
        if not following:
            return
        piece, number = following, number + 1


def unlock(source: IO[bytes], key: bytes) -> Iterator[bytes]:
    """Return what was locked, piece by piece; each is proven before it is returned.

    Raises
    ------
    Damaged
        Before the piece that is not what was locked.
    """
    magic = source.read(len(_MAGIC))
    name = source.read(_NAME) if magic == _MAGIC else b""
    salt = source.read(_SALT)
    if not is_locked(magic) or len(salt) != _SALT or name.hex() not in ("", fingerprint(key)):
        raise Damaged
    cipher, number = _cipher(key, salt), 0
    piece = source.read(_PIECE + _TAG)
    while True:
        following = source.read(_PIECE + _TAG) if len(piece) == _PIECE + _TAG else b""
        try:
            content = cipher.decrypt(_nonce(number, last=not following), piece, None)
        except (InvalidTag, ValueError):
            raise Damaged from None
        yield content
        if not following:
            return
        piece, number = following, number + 1


def is_locked(head: bytes) -> bool:
    """Tell by its first bytes whether a file is under lock."""
    return head.startswith((_FIRST, _MAGIC))


def key_of(head: bytes) -> str | None:
    """Return the fingerprint of the key under which a file lies, by its first bytes; None if they do not say."""
    return head[len(_MAGIC) : HEAD].hex() if head.startswith(_MAGIC) and len(head) >= HEAD else None


def fingerprint(key: bytes) -> str:
    """Return 16 hexadecimal digits by which a key is known, and from which nothing of it can be told."""
    return hmac.digest(key, b"parallax vault fingerprint", "sha256")[:_NAME].hex()


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    if len(key) < 16:
        raise ValueError("a key holds at least 16 bytes")
    return AESGCM(HKDF(SHA256(), 32, salt, b"parallax vault").derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
