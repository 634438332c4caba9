"""The sieve finds exactly what searching for each string in turn finds."""

from __future__ import annotations

import random

import pytest

from imaging.deid import needles
from imaging.deid.needles import Needle, Sieve

pytestmark = pytest.mark.requirement("REQ-DEI-003")

WORDS = [b"plantagenet", b"eleanor", b"p\0l\0a\0n\0t\0a\0g", b"20240229", b"\xd6\xd0\xb9\xfa\xb5\xc4\xc8", b"aaaaaaab"]
NEEDLES = [Needle(word, word.isdigit(), word.isascii()) for word in WORDS]


def haystack(seed: int, size: int) -> bytes:
    """Noise made of few letters, so that beginnings of needles are common, with needles and near misses in it."""
    dice = random.Random(seed)
    content = bytearray(dice.choices(b"aAbBpPlL\0\0\x80 2.", k=size))
    for _ in range(40):
        word = dice.choice(WORDS)
        word = dice.choice([word, word.upper(), word[:-1], word + word, b"x" + word, word + b"7"])
        at = dice.randrange(size - 64)
        content[at : at + len(word)] = word
    return bytes(content)


@pytest.mark.parametrize("least", [4, 7])
@pytest.mark.parametrize("seed", range(30))
def test_as_one_by_one(seed: int, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = haystack(seed, 3000)
    expected = list(Sieve(NEEDLES, least).search(content))
    monkeypatch.setattr(needles, "_SMALL", 0)
    assert list(Sieve(NEEDLES, least).search(content)) == expected
    monkeypatch.setattr(needles, "_PIECE", 101)
    assert list(Sieve(NEEDLES, least).search(content)) == expected


@pytest.mark.parametrize("at", [0, 1, 20_000, 40_000 - 11])
def test_at_either_end_and_at_odd_places(at: int) -> None:
    content = b"\xff" * at + b"PlantaGenet" + b"\xff" * (40_000 - 11 - at)
    assert list(Sieve(NEEDLES, 7).search(content)) == [(NEEDLES[0], at)]


def test_the_first_place_where_it_stands_alone() -> None:
    content = b"\xff" * 20_000 + b"120240229 20240229. .20240229 20240229 20240229"
    assert list(Sieve(NEEDLES, 7).search(content)) == [(NEEDLES[3], 20_010)]


def test_needles_with_fewer_bytes_than_asked_are_left_out() -> None:
    short = Needle(b"l\0i\0l\0i\0", False, True)
    for content in (b"\xff" + short.content + b"\xff", b"\xff" * 20_000 + short.content + b"\xff" * 20_000):
        assert [needle for needle, _ in Sieve([short], 4).search(content)] == [short]
        assert list(Sieve([short], 5).search(content)) == []


@pytest.mark.parametrize("size", [0, 3, 20_000])
def test_nothing_to_find(size: int) -> None:
    assert list(Sieve(NEEDLES, 7).search(bytes(size))) == []
    assert list(Sieve([], 7).search(bytes(size))) == []
