"""One frame as a viewer gets it: its stored values, row by row, little endian; colour as 8-bit RGB, pixel by pixel.

What the values stand for goes apart from them (slope, intercept, unit), so that they stay exact. A foreign codestream
never leaves: what a viewer shows is what pydicom's decoders make of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.files import Source
from imaging.dicom.geometry import functional_group
from imaging.dicom.rendering import UnreadablePixels, eight_bit, modality_values, stored_values


@dataclass(frozen=True, slots=True)
class Kind:
    """Of what kind the values of a frame are when it leaves; `photometric` is MONOCHROME1, MONOCHROME2 or RGB."""

    samples: int
    bits: int
    signed: bool
    float: bool
    photometric: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The values' type, little endian."""
        return np.dtype(f"<{'f' if self.float else 'i' if self.signed else 'u'}{self.bits // 8}")


def dtype_of(facts: Mapping[str, Any]) -> np.dtype[Any]:
    """The type of the values of which these are the facts (`imaging.display.facts`)."""
    return Kind(**{name: facts[name] for name in ("samples", "bits", "signed", "float", "photometric")}).dtype


def kind_of(dataset: Dataset) -> Kind:
    """Return the kind of the values of a data set's frames."""
    photometric = str(dataset.get("PhotometricInterpretation") or "MONOCHROME2")
    if dataset.get("SamplesPerPixel") == 3 or photometric == "PALETTE COLOR":
        return Kind(3, 8, False, False, "RGB")
    if photometric != "MONOCHROME1":
        photometric = "MONOCHROME2"
    if dataset.get("PixelRepresentation") is None:
        return Kind(1, 32, False, True, photometric)
    if is_looked_up(dataset):
        return Kind(1, 16, False, False, photometric)
    allocated = int(dataset.get("BitsAllocated") or 16)
    bits = 8 if allocated <= 8 else 16 if allocated <= 16 else 32
    return Kind(1, bits, dataset.PixelRepresentation == 1, False, photometric)


def is_looked_up(dataset: Dataset) -> bool:
    """Whether a table makes the image's values of the stored ones; then the made ones leave."""
    return bool(functional_group(dataset, 0, "PixelValueTransformationSequence").get("ModalityLUTSequence"))


def values_of(source: Source, frame: int) -> NDArray[Any]:
    """Values of a frame (from 0) as they leave: (rows, columns), or (rows, columns, 3).

    Raises
    ------
    NoSuchFrame, UnreadablePixels
    HouseError
        As from `read_header`.
    """
    values, dataset = stored_values(source, frame=frame)
    kind = kind_of(dataset)
    if kind.samples == 3:
        values = eight_bit(values, dataset)
    elif is_looked_up(dataset):
        values = modality_values(values, dataset, frame)
    if values.ndim != (3 if kind.samples == 3 else 2) or values.dtype.itemsize > 8:
        raise UnreadablePixels("The image has values of a kind that cannot be shown. Export it again.")
    if values.dtype.kind in "iu" and values.dtype.itemsize > 4:
        raise UnreadablePixels("The image has values of more than 32 bits, which cannot be shown.")
    return np.ascontiguousarray(values, dtype=kind.dtype)


def frame_bytes(path: str, frame: int) -> bytes:
    """`values_of` as bytes; with plain arguments, for a child process that a hostile picture may end."""
    return values_of(Path(path), frame).tobytes()
