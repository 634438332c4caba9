"""Bytes at rest under a key: whoever has the disk and not the key has nothing, and no bit changes unseen.

AES-256-GCM in pieces, in the manner of STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015), so that a film of
gigabytes passes in constant memory and no piece can be cut off, moved, or taken from another file. A file has a key
of its own, derived by HKDF (RFC 5869) from the one given and from random bytes in its head:

    PLXVAULT1 | 32 random bytes | pieces of 1 MiB, each with its tag of 16 bytes; the last one may be shorter or empty
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from compliance.errors import HouseError

_MAGIC = b"PLXVAULT1"
_SALT, _PIECE, _TAG = 32, 1 << 20, 16


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
    yield _MAGIC + salt
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
    head = source.read(len(_MAGIC) + _SALT)
    if not is_locked(head) or len(head) != len(_MAGIC) + _SALT:
        raise Damaged
    cipher, number = _cipher(key, head[len(_MAGIC) :]), 0
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
    return head.startswith(_MAGIC)


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    if len(key) < 16:
        raise ValueError("a key holds at least 16 bytes")
    return AESGCM(HKDF(SHA256(), 32, salt, b"parallax vault").derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
