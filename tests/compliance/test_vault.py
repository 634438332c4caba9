"""Bytes at rest: only with the key, and only as they were put there."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance import vault

pytestmark = pytest.mark.requirement("REQ-STO-002")

KEY = b"k" * 32
MIB = 1 << 20
#: Bytes before the first piece, and those that a piece is longer for its tag.
HEAD, TAG = 9 + 8 + 32, 16
FIRST_VERSION = (
    "504c585641554c5431799437f6cde5983d84de5eb451f64f62d270add275c1a7"
    "d0534bb4385c0b3fbb9e54b48f8e0e598b97fb35e195074a32a9768e0ddfbb"
)


def locked(content: bytes, key: bytes = KEY) -> bytes:
    return b"".join(vault.lock(BytesIO(content), key))


def unlocked(stored: bytes, key: bytes = KEY) -> bytes:
    return b"".join(vault.unlock(BytesIO(stored), key))


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_what_was_locked_comes_back(size: int) -> None:
    content = (b"pixels" * (size // 6 + 1))[:size]
    stored = locked(content)

    assert unlocked(stored) == content
    assert vault.is_locked(stored)
    assert len(stored) == HEAD + size + TAG * max(1, -(-size // MIB))


@given(st.binary(max_size=200))
def test_any_content_comes_back_and_none_shows(content: bytes) -> None:
    stored = locked(content)

    assert unlocked(stored) == content
    assert len(content) < 4 or content not in stored[HEAD:]


def test_the_same_content_never_looks_the_same() -> None:
    assert locked(b"pixels") != locked(b"pixels")


def test_a_file_says_by_a_fingerprint_which_key_it_needs() -> None:
    assert vault.key_of(locked(b"pixels")[: vault.HEAD]) == vault.fingerprint(KEY)
    assert vault.fingerprint(KEY) != vault.fingerprint(b"j" * 32)
    assert KEY not in locked(b"pixels")


def test_a_file_of_the_first_version_is_opened_too() -> None:
    """Made by the release before there were fingerprints, of `pixels` under `KEY`."""
    stored = bytes.fromhex(FIRST_VERSION)

    assert (vault.is_locked(stored), vault.key_of(stored)) == (True, None)
    assert unlocked(stored) == b"pixels"
    with pytest.raises(vault.Damaged):
        unlocked(stored, b"j" * 32)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(vault.Damaged, match="Restore it from a back-up"):
        unlocked(locked(b"pixels"), b"j" * 32)


@given(st.data())
def test_a_changed_bit_anywhere_is_noticed(data: st.DataObject) -> None:
    stored = bytearray(locked(b"pixels of a slice"))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(vault.Damaged):
        unlocked(bytes(stored))


@given(st.integers(0, HEAD + 17 + TAG - 1))
def test_a_cut_anywhere_is_noticed(length: int) -> None:
    with pytest.raises(vault.Damaged):
        unlocked(locked(b"pixels of a slice")[:length])


def test_pieces_cannot_be_cut_off_doubled_swapped_or_moved_to_another_file() -> None:
    content = b"".join(bytes([n]) * MIB for n in range(3))
    stored, other = locked(content), locked(content)
    head, pieces = stored[:HEAD], [stored[at : at + MIB + TAG] for at in range(HEAD, len(stored), MIB + TAG)]

    for forged in (
        [pieces[0], pieces[1]],
        [*pieces, pieces[2]],
        [pieces[1], pieces[0], pieces[2]],
        [other[HEAD : HEAD + MIB + TAG], *pieces[1:]],
    ):
        with pytest.raises(vault.Damaged):
            unlocked(head + b"".join(forged))


def test_nothing_is_returned_of_a_piece_that_is_not_proven() -> None:
    stored = bytearray(locked(bytes(2 * MIB)))
    stored[-1] ^= 1
    pieces = vault.unlock(BytesIO(bytes(stored)), KEY)

    assert next(pieces) == bytes(MIB)
    with pytest.raises(vault.Damaged):
        next(pieces)


def test_a_guessable_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        locked(b"pixels", b"short")
