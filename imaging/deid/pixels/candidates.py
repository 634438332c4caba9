"""Which instances may carry text in their pixels. What a header says against it is not trusted."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: Values of a grid, not pictures: RT dose, segmentations, parametric maps, surfaces, registrations.
_NO_PICTURES = tuple(_STORAGE + tail for tail in ("481.2", "66.", "30", "68."))
#: Slices that a machine computes: text on them is the exception.
_COMPUTED = frozenset({"CT", "MR", "PT", "NM"})
#: Their storage classes: CT, MR, PET and NM, enhanced and converted ones too.
_SLICES = frozenset(
    _STORAGE + tail for tail in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "20", "128", "128.1", "130")
)
#: Ink stands off by this share of the picture's range and is at most so many pixels wide; a place of text holds this
#: many strokes in one block.
_CONTRAST, _WIDEST, _BLOCK, _STROKES = 0.2, 3, 16, 14


class Look(Enum):
    """How closely an instance must be looked at."""

    NEVER = "never"
    IF_SUSPECT = "if suspect"
    ALWAYS = "always"


def look_at(dataset: Dataset) -> Look:
    """How closely an instance must be looked at, by its header."""
    if "PixelData" not in dataset or str(dataset.get("SOPClassUID", "")).startswith(_NO_PICTURES):
        return Look.NEVER
    said = str(dataset.get("BurnedInAnnotation") or "NO").strip().upper()
    shallow = dataset.get("BitsAllocated") == 8 or dataset.get("SamplesPerPixel") == 3
    if said != "NO" or _is_of_a_screen(dataset) or shallow or dataset.get("Modality") not in _COMPUTED:
        return Look.ALWAYS
    return Look.IF_SUSPECT


def is_slice(dataset: Dataset) -> bool:
    """Whether an instance is a slice that readers measure in, so that nothing of it is blanked on a suspicion."""
    acquired = dataset.get("SOPClassUID") in _SLICES and dataset.get("Modality") in _COMPUTED
    return acquired and not _is_of_a_screen(dataset)


def _is_of_a_screen(dataset: Dataset) -> bool:
    return "SCREEN" in str(dataset.get("ImageType") or "").upper()


def is_suspect(frame: NDArray[Any]) -> bool:
    """Whether a slice (rows, columns) has a place as full of strong edges as text is; quick, and errs towards yes."""
    low, high = int(frame.min()), int(frame.max())
    if high <= low:
        return False
    step = np.diff(frame.astype(np.int32), axis=1)
    least = int(_CONTRAST * (high - low))
    rise, fall = step > least, step < -least
    strokes = np.zeros_like(rise)
    for width in range(1, _WIDEST + 1):
        strokes[:, width:] |= (rise[:, :-width] & fall[:, width:]) | (fall[:, :-width] & rise[:, width:])
    rows, columns = (size // _BLOCK * _BLOCK for size in strokes.shape)
    if not rows or not columns:
        return True
    blocks = strokes[:rows, :columns].reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK)
    return bool(np.count_nonzero(blocks, axis=(1, 3)).max() >= _STROKES)
