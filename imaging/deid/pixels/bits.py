"""The bits of a word that are no part of the pixel's value: overlays of former editions lie there, and anything may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.tag import Tag
from pydicom.uid import UID

from imaging.deid.admission import CannotDeidentify
from imaging.deid.pixels.frames import Pixels, readable
from imaging.deid.values import integer_of
from imaging.dicom.codestreams import precision

_ALLOCATED, _STORED, _HIGH, _REPRESENTATION = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_JPEG = "1.2.840.10008.1.2.4."
#: Rows of overlays, each in a group of its own, and the elements of a group: bits allocated, bit position, data.
_OVERLAYS = tuple(Tag(group, 0x0010) for group in range(0x6000, 0x6020, 2))
_BITS, _POSITION, _DATA = 0x0100, 0x0102, 0x3000


@dataclass(frozen=True)
class Layout:
    """Where the value lies in a word of a pixel (PS3.5 §8.1.1): from bit `low` to bit `high`, both included."""

    allocated: int
    low: int
    high: int
    signed: bool

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Read it from the description of an image.

        Raises
        ------
        CannotDeidentify
            `pixel_description`: it is missing or contradicts itself.
        """
        try:
            allocated, stored, high, representation = (
                integer_of(dataset, tag) for tag in (_ALLOCATED, _STORED, _HIGH, _REPRESENTATION)
            )
        except (TypeError, ValueError):
            raise CannotDeidentify("pixel_description") from None
        if allocated is None or stored is None:
            raise CannotDeidentify("pixel_description")
        if high is None:
            high = stored - 1
        layout = cls(allocated, high - stored + 1, high, representation == 1)
        if not 0 <= layout.low <= high < allocated or not (layout.is_full or allocated in (8, 16, 32, 64)):
            raise CannotDeidentify("pixel_description")
        return layout

    @property
    def is_full(self) -> bool:
        """Whether every bit is part of the value."""
        return self.low == 0 and self.high == self.allocated - 1

    def cleared(self, words: NDArray[Any]) -> NDArray[Any] | None:
        """Words without what their unused bits hold, every value as it was; none if they hold nothing.

        Nothing is zeros, or in signed words the sign above the value: scanners write either, and both say nothing as
        long as all words of an array have the same.

        Parameters
        ----------
        words
            Integers of as many bits as are allocated, in any order of bytes and any shape.
        """
        order, size = words.dtype.byteorder, words.dtype.itemsize
        plain = words.view(f"{order}u{size}")
        mask = (1 << self.high + 1) - (1 << self.low)
        if not int(np.bitwise_or.reduce(plain, axis=None)) & ~mask:
            return None
        if not self.signed:
            return (plain & mask).astype(plain.dtype, copy=False).view(words.dtype)
        above = 8 * size - 1 - self.high
        signed = words.view(f"{order}i{size}")
        extended = signed << above >> above + self.low << self.low
        if np.array_equal(extended, signed):
            return None
        return extended.astype(signed.dtype, copy=False).view(words.dtype)


def clear_native(value: bytes, layout: Layout, *, little: bool) -> bytes:
    """Native pixel data without what lies in unused bits; the same object if there was nothing."""
    if layout.is_full:
        return value
    kind = np.dtype(f"{'<' if little else '>'}u{layout.allocated // 8}")
    words = np.frombuffer(value[: len(value) - len(value) % kind.itemsize], kind)
    cleared = layout.cleared(words) if len(words) else None
    return value if cleared is None else cleared.tobytes() + value[words.nbytes :]


def clear_compressed(dataset: Dataset, layout: Layout) -> tuple[int, UID]:
    """Take out what lies in the unused bits of compressed frames; return how many had some, and their syntax now.

    A stream of no more bits than the value has cannot hold more, so that it is not decoded.

    Parameters
    ----------
    dataset
        With file meta information. Pixel data are replaced, not changed.

    Raises
    ------
    CannotDeidentify
        `pixels_unreadable`
    """
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if layout.is_full:
        return 0, syntax
    with readable():
        pixels = Pixels(dataset, syntax)
        if layout.low == 0 and syntax.startswith(_JPEG):
            streams = generate_frames(dataset.PixelData, number_of_frames=pixels.count)
            if all(0 < precision(stream) <= layout.high + 1 for stream in streams):
                return 0, syntax
        changed = {}
        for number, frame in enumerate(pixels.frames(unused_bits=True)):
            cleared = layout.cleared(frame)
            if cleared is not None:
                changed[number] = cleared
        return len(changed), pixels.replace(changed) if changed else syntax


def overlay_in_value(dataset: Dataset, layout: Layout) -> bool:
    """Whether an overlay is said to lie among the bits of the value, where nobody can tell it from the picture."""
    for rows in _OVERLAYS:
        if rows not in dataset:
            continue
        bits, position, data = (rows.group << 16 | element for element in (_BITS, _POSITION, _DATA))
        if data in dataset:
            continue
        at = integer_of(dataset, position) or 0
        if (at or (integer_of(dataset, bits) or 1) > 1) and layout.low <= at <= layout.high:
            return True
    return False
