"""What the value of Pixel Data carries beside the picture, taken off without decoding it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.deid.admission import native_length
from imaging.deid.codestreams import without_comments
from imaging.deid.values import integer_of

_ALLOCATED, _STORED, _HIGH, _SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_TYPES = {8: "u1", 16: "u2", 32: "u4"}


def cleaned_pixels(value: bytes, source: Dataset, syntax: UID) -> tuple[bytes, list[str]]:
    """Cut what no viewer shows: bytes past the last native pixel, unused high bits, comments between compressed ones.

    Parameters
    ----------
    value
        Of Pixel Data.
    source
        The data set that describes the pixels.

    Returns
    -------
    bytes
        The same object when there was nothing to cut.
    list of str
        What was cut: `padding`, `bits`, `comments`.

    Raises
    ------
    CannotDeidentify
        The description is missing or is not made of numbers.
    """
    if syntax.is_encapsulated:
        cut = without_comments(value)
        return cut, [] if cut is value else ["comments"]
    outcomes = []
    length = native_length(source)
    if len(value) > length + length % 2:
        value = value[: length + length % 2]
        outcomes.append("padding")
    masked = _masked(value, source, syntax)
    if masked is not None:
        value = masked
        outcomes.append("bits")
    return value, outcomes


def _masked(value: bytes, source: Dataset, syntax: UID) -> bytes | None:
    """The pixels with bits above the highest one as they should be; none if they are.

    That is zeros, or copies of the sign: both are written by scanners, and say nothing.
    """
    allocated, stored = (integer_of(source, tag) or 0 for tag in (_ALLOCATED, _STORED))
    high = integer_of(source, _HIGH) or stored - 1
    if allocated not in _TYPES or not 0 < stored < allocated or high != stored - 1:
        return None
    kind = np.dtype(_TYPES[allocated]).newbyteorder("<" if syntax.is_little_endian else ">")
    pixels: NDArray[np.unsignedinteger] = np.frombuffer(value[: len(value) - len(value) % kind.itemsize], dtype=kind)
    if not len(pixels) or not int(pixels.max()) >> stored:
        return None
    over = pixels >> stored
    if integer_of(source, _SIGNED) == 1:
        negative = (pixels >> (stored - 1)) & 1 == 1
        ones = (1 << (allocated - stored)) - 1
        if not ((over != np.where(negative, ones, 0)) & (over != 0)).any():
            return None
        clean = np.where(negative, pixels | (ones << stored), pixels & ((1 << stored) - 1))
    else:
        clean = pixels & ((1 << stored) - 1)
    return clean.astype(kind).tobytes() + value[len(pixels) * kind.itemsize :]
