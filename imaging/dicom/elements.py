"""The element structure of a DICOM file, walked once, with budgets, before any parser trusts it.

The walk finds every way a file can be cut short or malformed (PS3.5 §7, PS3.10 §7) and costs about a
microsecond per element, so that a receiver may do it on each instance. It decodes nothing: it yields tags,
value representations and byte ranges.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

from compliance.errors import HouseError

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM_TAG, ITEM_END_TAG, SEQUENCE_END_TAG = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
TEXT_VRS = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())  # noqa: SIM905

LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
KNOWN_VRS = LONG_VRS | SHORT_VRS
IMPLICIT_HEADER = {True: Struct("<HHL"), False: Struct(">HHL")}
EXPLICIT_HEADER = {True: Struct("<HH2sH"), False: Struct(">HH2sH")}
LONG_LENGTH = {True: Struct("<L"), False: Struct(">L")}


class Truncated(HouseError):
    """The file ends before its content does."""

    code = "truncated"
    status = 422


class Malformed(HouseError):
    """The element structure contradicts itself or the standard (PS3.5 §7)."""

    code = "malformed"
    status = 422


class TooComplex(HouseError):
    """The file nests deeper, or holds more elements, than allowed."""

    code = "too_complex"
    status = 422


@dataclass(frozen=True)
class Limits:
    """How much of a file a reader is ready to look at.

    Attributes
    ----------
    max_bytes
        Size of the file, and of its content once inflated.
    max_header_bytes
        Size of everything before the pixel data.
    max_elements
        Elements and items at all levels. A large enhanced multi-frame object has about 10**5.
    max_depth
        Levels of nested sequences. Structured reports rarely pass 10.
    """

    max_bytes: int = 4 << 30
    max_header_bytes: int = 256 << 20
    max_elements: int = 500_000
    max_depth: int = 24


class Encoding(NamedTuple):
    """How elements are written: whether VRs are left out, and the byte order (PS3.5 §7.1, §7.3)."""

    implicit: bool
    little: bool


class Kind(IntEnum):
    """What one step of the walk met."""

    VALUE = 0
    SEQUENCE = 1
    SEQUENCE_END = 2
    ITEM = 3
    ITEM_END = 4
    FRAGMENTS = 5


class Part(NamedTuple):
    """One step of the walk; `start` and `stop` are byte offsets of the value in the walked buffer."""

    kind: Kind
    tag: int
    vr: str
    start: int
    stop: int
    depth: int
    encoding: Encoding


@dataclass(frozen=True)
class Layout:
    """Where the data set of a file begins and how it is written.

    Attributes
    ----------
    view
        The buffer that holds the data set: the file, or its inflated content for a deflated syntax.
    start
        Offset of the first data set element in `view`.
    file_start
        Offset of the data set in the file.
    inflated
        True when offsets in `view` are not offsets in the file.
    """

    view: memoryview
    start: int
    file_start: int
    encoding: Encoding
    transfer_syntax_uid: str
    inflated: bool


@lru_cache(maxsize=8192)
def public_vr(tag: int) -> str:
    """VR of a standard attribute, the first when there are several; empty when not in the dictionary."""
    if (tag >> 16) & 1:
        return ""
    if not tag & 0xFFFF:
        return "UL"
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return ""


def walk(layout: Layout, limits: Limits) -> Generator[Part, None, None]:
    """Every element, sequence and item of a data set in file order, without decoding values.

    Raises
    ------
    Truncated
        The file ends within an element, a sequence or a fragment.
    Malformed
        A length, a VR or a delimiter contradicts the structure, or an attribute occurs twice.
    TooComplex
        More elements or deeper nesting than `limits` allow.
    """
    walker = _Walker(layout.view, limits)
    yield from walker.elements(layout.start, len(layout.view), layout.encoding, 0, False)


def fragments(view: memoryview, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Byte ranges of the fragments of encapsulated pixel data, without the offset table (PS3.5 §A.4)."""
    first = True
    while start < stop:
        length = int.from_bytes(view[start + 4 : start + 8], "little")
        if not first:
            yield start + 8, start + 8 + length
        first = False
        start += 8 + length


def looks_implicit(view: memoryview, at: int) -> bool:
    """Whether the element at an offset has no VR where an explicit encoding would put it."""
    letters = bytes(view[at + 4 : at + 6])
    return len(letters) == 2 and not (letters.isalpha() and letters.isupper())


class _Walker:
    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view = view
        self.size = len(view)
        self.left = limits.max_elements
        self.max_depth = limits.max_depth

    def elements(
        self, at: int, stop: int, encoding: Encoding, depth: int, delimited: bool
    ) -> Generator[Part, None, int]:
        view = self.view
        implicit, little = encoding
        if not implicit and depth and looks_implicit(view, at):
            encoding, implicit = Encoding(True, little), True
        header = IMPLICIT_HEADER[little] if implicit else EXPLICIT_HEADER[little]
        seen: set[int] = set()
        while at < stop or delimited:
            if at + 8 > stop:
                raise self._ended(stop)
            self._spend()
            vr = ""
            if implicit:
                group, element, length = header.unpack_from(view, at)
                tag = group << 16 | element
                value = at + 8
                if tag == ITEM_END_TAG and delimited:
                    return value
                vr = public_vr(tag)
            else:
                group, element, letters, length = header.unpack_from(view, at)
                tag = group << 16 | element
                value = at + 8
                if tag == ITEM_END_TAG and delimited:
                    return value
                if letters in SHORT_VRS:
                    pass
                elif letters in LONG_VRS or (letters.isalpha() and letters.isupper()):
                    # PS3.5 §6.2: a VR this reader has never heard of uses the long form.
                    if at + 12 > stop:
                        raise self._ended(stop)
                    length = LONG_LENGTH[little].unpack_from(view, at + 8)[0]
                    value = at + 12
                else:
                    raise Malformed("An element has no valid value representation. Export the file again.")
                vr = letters.decode("ascii")
            if group == 0xFFFE or tag in seen:
                raise Malformed("An attribute occurs twice or out of place. Export the file again.")
            seen.add(tag)
            at = yield from self._value(tag, vr, value, length, stop, encoding, depth)
        return at

    def _value(
        self, tag: int, vr: str, at: int, length: int, stop: int, encoding: Encoding, depth: int
    ) -> Generator[Part, None, int]:
        if length == UNDEFINED_LENGTH:
            if tag in PIXEL_TAGS and depth == 0 and vr != "SQ":
                end = self._fragments_end(at, stop)
                yield Part(Kind.FRAGMENTS, tag, vr, at, end - 8, depth, encoding)
                return end
            if vr in ("OB", "OW") or (vr in TEXT_VRS and not encoding.implicit):
                raise Malformed("An element that is not a sequence has no length. Export the file again.")
            inner = Encoding(True, encoding.little) if vr == "UN" else encoding
            return (yield from self._items(tag, at, stop, inner, depth, True))
        end = at + length
        if end > stop:
            raise self._ended(stop)
        if vr == "SQ" or (vr in ("UN", "") and length >= 8 and self._holds_items(tag, at, end, encoding.little)):
            inner = Encoding(True, encoding.little) if vr == "UN" else encoding
            return (yield from self._items(tag, at, end, inner, depth, False))
        yield Part(Kind.VALUE, tag, vr, at, end, depth, encoding)
        return end

    def _items(
        self, tag: int, at: int, stop: int, encoding: Encoding, depth: int, delimited: bool
    ) -> Generator[Part, None, int]:
        if depth >= self.max_depth:
            raise TooComplex("The file nests its sequences deeper than this system accepts.")
        little = encoding.little
        yield Part(Kind.SEQUENCE, tag, "SQ", at, at, depth, encoding)
        while at < stop or delimited:
            if at + 8 > stop:
                raise self._ended(stop)
            self._spend()
            group, element, length = IMPLICIT_HEADER[little].unpack_from(self.view, at)
            item = group << 16 | element
            at += 8
            if item == SEQUENCE_END_TAG and delimited:
                break
            if item != ITEM_TAG:
                raise Malformed("A sequence holds something that is not an item. Export the file again.")
            yield Part(Kind.ITEM, tag, "", at, at, depth, encoding)
            if length == UNDEFINED_LENGTH:
                at = yield from self.elements(at, stop, encoding, depth + 1, True)
            else:
                if at + length > stop:
                    raise self._ended(stop)
                at = yield from self.elements(at, at + length, encoding, depth + 1, False)
            yield Part(Kind.ITEM_END, tag, "", at, at, depth, encoding)
        yield Part(Kind.SEQUENCE_END, tag, "", at, at, depth, encoding)
        return at

    def _fragments_end(self, at: int, stop: int) -> int:
        while True:
            if at + 8 > stop:
                raise self._ended(stop)
            self._spend()
            group, element, length = IMPLICIT_HEADER[True].unpack_from(self.view, at)
            item = group << 16 | element
            at += 8
            if item == SEQUENCE_END_TAG:
                return at
            if item != ITEM_TAG or length == UNDEFINED_LENGTH:
                raise Malformed("The compressed pixel data is not a chain of fragments. Export the file again.")
            at += length

    def _holds_items(self, tag: int, at: int, end: int, little: bool) -> bool:
        """Whether a value of unknown VR is a chain of items that fills it exactly: a sequence in disguise."""
        if public_vr(tag) == "SQ":
            return True
        while at + 8 <= end:
            group, element, length = IMPLICIT_HEADER[little].unpack_from(self.view, at)
            if group << 16 | element != ITEM_TAG or length == UNDEFINED_LENGTH:
                return False
            self._spend()
            at += 8 + length
        return at == end

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooComplex("The file holds more elements than this system accepts.")

    def _ended(self, stop: int) -> HouseError:
        if stop == self.size:
            return Truncated("The file ends in the middle of its content. Send it again from the source.")
        return Malformed("An element is longer than the item that holds it. Export the file again.")
