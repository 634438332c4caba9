"""Many byte strings searched for in many bytes at once, pixel data among them, without regard to ASCII case.

Searching for each string in turn reads the pixels a hundred times. Here they are read once: a sieve of byte classes,
then of byte pairs, leaves the few places where one of the strings may begin, and only those are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Contents below this many bytes are searched string by string, which is quicker there.
_SMALL = 1 << 14
#: Small enough for a processor's own memory.
_PIECE = 1 << 16
#: For each byte, itself and the same letter in capitals.
_SPELLINGS = [(octet, octet - 32) if ord("a") <= octet <= ord("z") else (octet,) for octet in range(256)]


class Needle(NamedTuple):
    """A string to look for.

    Attributes
    ----------
    content
        In lower case.
    numeric
        It must not stand within a longer number; any other must not stand within a longer word.
    is_ascii
        What it spells is ASCII.
    """

    content: bytes
    numeric: bool
    is_ascii: bool


class Sieve:
    """Needles of at least `least` bytes other than zero; the shorter ones are left out."""

    def __init__(self, needles: Sequence[Needle], least: int) -> None:
        self._width = least
        self._needles = [needle for needle in needles if len(needle.content) - needle.content.count(0) >= least]

    def search(self, content: bytes) -> Iterator[tuple[Needle, int]]:
        """Each needle that stands alone somewhere, in the order of the needles, and where it does first."""
        if len(content) < _SMALL:
            yield from self._one_by_one(content)
            return
        found: dict[Needle, int] = {}
        for at in self._places(content) if self._needles else ():
            for needle in self._by_start.get(content[at : at + self._width].lower(), ()):
                if needle not in found and _is_at(content, at, needle):
                    found[needle] = at
        for needle in self._needles:
            if needle in found:
                yield needle, found[needle]

    def _one_by_one(self, content: bytes) -> Iterator[tuple[Needle, int]]:
        lowered = content.lower()
        for needle in self._needles:
            at = lowered.find(needle.content)
            while at >= 0:
                if _stands_alone(lowered, at, needle):
                    yield needle, at
                    break
                at = lowered.find(needle.content, at + 1)

    def _places(self, content: bytes) -> Iterator[int]:
        """Offsets, ascending, at which the first bytes may be those of a needle."""
        width = self._width
        for start in range(0, len(content) - width + 1, _PIECE):
            piece = content[start : start + _PIECE + width - 1]
            octets = np.frombuffer(piece, dtype=np.uint8)
            classes: NDArray[np.uint8] = np.frombuffer(piece.translate(self._classes), dtype=np.uint8)
            span = 1
            while span < width:  # what holds for two stretches holds for both of them joined
                step = min(span, width - span)
                classes = np.bitwise_and(classes[:-step], np.right_shift(classes[step:], np.uint8(step)))
                span += step
            places = np.flatnonzero((classes & 1).view(np.bool_))
            for first, pairs in self._pairs:
                there = places + first
                places = places[pairs[octets[there].astype(np.uint16) << 8 | octets[there + 1]]]
            yield from (places + start).tolist()

    @cached_property
    def _by_start(self) -> dict[bytes, list[Needle]]:
        starts = defaultdict(list)
        for needle in self._needles:
            starts[needle.content[: self._width]].append(needle)
        return starts

    @cached_property
    def _classes(self) -> bytes:
        """For each byte, one bit for each place of a needle's start where it may stand."""
        classes = bytearray(256)
        for start in self._by_start:
            for place, octet in enumerate(start):
                for spelling in _SPELLINGS[octet]:
                    classes[spelling] |= 1 << place
        return bytes(classes)

    @cached_property
    def _pairs(self) -> list[tuple[int, NDArray[np.bool_]]]:
        """Which two bytes may stand at the even places of a needle's start."""
        tables = []
        for first in range(0, self._width - 1, 2):
            table = np.zeros(1 << 16, dtype=np.bool_)
            table[
                [
                    one << 8 | other
                    for start in {start[first : first + 2] for start in self._by_start}
                    for one in _SPELLINGS[start[0]]
                    for other in _SPELLINGS[start[1]]
                ]
            ] = True
            tables.append((first, table))
        return tables


def _is_at(content: bytes, at: int, needle: Needle) -> bool:
    return content[at : at + len(needle.content)].lower() == needle.content and _stands_alone(content, at, needle)


def _stands_alone(content: bytes, start: int, needle: Needle) -> bool:
    stop = start + len(needle.content)
    before, after = content[max(start - 1, 0) : start], content[stop : stop + 1]
    if needle.numeric:
        return not before.isdigit() and before != b"." and not after.isdigit()
    return not (before.isalnum() or after.isalnum())
