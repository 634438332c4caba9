"""What the pixels of a slice say, as a few numbers, taken while the instance is worked on: checks need no pixels then.

Every measure is simple on purpose; `docs/quality.md` has them with their limits. Values are those after the
modality transformation: Hounsfield units for CT. Most are taken from a coarser picture, as no measure needs all pixels.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from compliance.errors import HouseError
from imaging.deid.pixels.frames import Frame, Pixels
from imaging.dicom.geometry import functional_group, numbers
from imaging.dicom.rendering import frame_values

Values = NDArray[np.float32]

#: Only frames of slices are measured, and no more of them, and of compressed ones only single small frames: what is
#: measured must never make an instance exceed the budget of its de-identification.
MODALITIES = frozenset({"CT", "MR", "PT"})
MOST_FRAMES, MOST_PIXELS, MOST_COMPRESSED = 512, 1 << 27, 1 << 20
#: No slice of a scanner has fewer rows or columns.
LEAST_SIZE = 32
#: The coarser picture has about so many rows.
COARSE = 192
#: Body begins above: Hounsfield units; for others this share of the 99th percentile.
BODY_HU, BODY_SHARE = -300.0, 0.15
#: Values below are no tissue and no air, Hounsfield units.
_BELOW_AIR = -1100.0
#: Muscle ends, and the densest bone counts for no more than so much above it; Hounsfield units.
DENSE_HU, MOST_DENSE = 60.0, 600.0
#: The views from the front and from the side: so many bins of so many mm.
BINS, BIN_MM = 72, 6.0


class _Scale(NamedTuple):
    """From what is stored to values, and the distances between pixels, mm."""

    slope: float
    intercept: float
    down: float
    across: float

    def values(self, stored: Frame) -> Values:
        return stored.astype(np.float32) * np.float32(self.slope) + np.float32(self.intercept)


def frames_of(dataset: Dataset, output: bytes, decoded: Frame | None = None) -> list[dict[str, Any]]:
    """Measure each frame of an instance; nothing where it is no grey slice of CT, MR or PET, or cannot be read.

    Parameters
    ----------
    dataset
        With its pixel data and file meta information.
    output
        The same, as it is written.
    decoded
        Its only frame as it is stored, where somebody has decoded it already.
    """
    try:
        return [_measure(stored, scale, dataset) for stored, scale in _frames(dataset, output, decoded)]
    except (HouseError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, NotImplementedError):
        return []  # measuring holds up nothing: what such a picture is worth is for other checks and for people


def _frames(dataset: Dataset, output: bytes, decoded: Frame | None) -> Iterator[tuple[Frame, _Scale]]:
    rows, columns, count = int(dataset.Rows), int(dataset.Columns), int(dataset.get("NumberOfFrames") or 1)
    if dataset.get("Modality") not in MODALITIES or dataset.SamplesPerPixel != 1 or count > MOST_FRAMES:
        return
    if min(rows, columns) < LEAST_SIZE:
        return
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    if not syntax.is_compressed:
        if rows * columns * count <= MOST_PIXELS:
            for number, stored in enumerate(Pixels(dataset, syntax).frames()):
                yield stored, _scale(dataset, number)
    elif count == 1 and decoded is not None:
        yield decoded, _scale(dataset, 0)
    elif count == 1 and rows * columns <= MOST_COMPRESSED:
        yield frame_values(output)[0], _scale(dataset, 0)._replace(slope=1.0, intercept=0.0)


def _scale(dataset: Dataset, frame: int) -> _Scale:
    modality = functional_group(dataset, frame, "PixelValueTransformationSequence")
    spacing = numbers(functional_group(dataset, frame, "PixelMeasuresSequence"), "PixelSpacing", 2)
    if spacing is None or min(spacing) <= 0:
        raise ValueError("the size of a pixel is not stated")
    slope, intercept = (
        numbers(modality, "RescaleSlope", 1) or (1.0,),
        numbers(modality, "RescaleIntercept", 1) or (0.0,),
    )
    return _Scale(slope[0], intercept[0], *spacing)


def _measure(stored: Frame, scale: _Scale, dataset: Dataset) -> dict[str, Any]:
    least, most = stored.min(), stored.max()
    low, high = sorted(float(one) * scale.slope + scale.intercept for one in (least, most))
    digest = f"{zlib.crc32(np.ascontiguousarray(stored).data):08x}"
    found: dict[str, Any] = {"low": round(low, 2), "high": round(high, 2), "digest": digest}
    if low == high:
        return found
    ct, step = dataset.Modality == "CT", max(1, min(stored.shape) // COARSE)
    coarse = stored[::step, ::step]
    values = scale.values(coarse)
    found["clipped"] = _share(coarse == _top(dataset)) if stored.dtype.kind in "iu" else 0.0
    if ct:
        odd = values < _BELOW_AIR
        if (padding := numbers(dataset, "PixelPaddingValue", 1)) is not None:
            odd &= coarse != padding[0]
        found["below_air"] = _share(odd)
    least_body = BODY_HU if ct else BODY_SHARE * float(np.percentile(values, 99))
    body = values > least_body
    count = int(np.count_nonzero(body))
    if not count:
        return found
    here = scale._replace(down=scale.down * step, across=scale.across * step)
    found |= _where(body, count, here)
    found["signal"] = round(float(values[body].mean()), 2)
    found["noise"] = _noise(scale.values(stored[:: 4 * step]), least_body)
    found["edge"] = _share(body[_ring(*body.shape)])
    if dataset.Modality == "MR" and (ghost := _ghost(values, found["signal"], dataset)) is not None:
        found["ghost"] = ghost
    return found | (_views(values, body, here) if ct else {})


def _top(dataset: Dataset) -> int:
    """The highest value that can be stored."""
    return (1 << (int(dataset.BitsStored) - int(dataset.PixelRepresentation))) - 1


def _share(mask: NDArray[np.bool_]) -> float:
    return round(float(np.count_nonzero(mask)) / mask.size, 5)


def _where(body: NDArray[np.bool_], count: int, scale: _Scale) -> dict[str, float]:
    """Middle of the body in the picture, mm, and its area, cm²."""
    columns, rows = body.sum(axis=0), body.sum(axis=1)
    return {
        "x": round(float(columns @ np.arange(columns.size)) / count * scale.across, 2),
        "y": round(float(rows @ np.arange(rows.size)) / count * scale.down, 2),
        "area": round(count * scale.down * scale.across / 100, 2),
    }


def _noise(lines: Values, least_body: float) -> float:
    """Standard deviation of the noise: second differences along lines within the body, by their median."""
    inside = lines > least_body
    bend = lines[:, :-2] - 2 * lines[:, 1:-1] + lines[:, 2:]
    inner = bend[inside[:, :-2] & inside[:, 1:-1] & inside[:, 2:]]
    return round(1.4826 * float(np.median(np.abs(inner))) / 6**0.5, 3) if inner.size else 0.0


@lru_cache(maxsize=32)
def _ring(rows: int, columns: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of pixels on the edge of the round field of view."""
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    y = np.rint((rows - 1) / 2 + 0.48 * rows * np.sin(angles)).astype(np.intp)
    x = np.rint((columns - 1) / 2 + 0.48 * columns * np.cos(angles)).astype(np.intp)
    return y, x


def _ghost(values: Values, signal: float, dataset: Dataset) -> float | None:
    """Ghosts repeat the body along the phase-encoding direction alone (PS3.3 §C.8.3.1): what lies at its ends, less
    what lies at the other ends, by the signal. So a body that is wider than the view is no ghost.

    Where the header does not state the direction, nobody can tell one from the other.
    """
    along = {"COL": 0, "ROW": 1}.get(str(dataset.get("InPlanePhaseEncodingDirection") or ""))
    if along is None or signal <= 0:
        return None
    ends, sides = (_ends(values, axis) for axis in (along, 1 - along))
    return round((ends - sides) / signal, 4)


def _ends(values: Values, axis: int) -> float:
    """Mean of the strips at both ends of an axis."""
    lines = np.moveaxis(values, axis, 0)
    width = max(1, len(lines) // 16)
    return float(lines[:width].mean() + lines[-width:].mean()) / 2


def _views(values: Values, body: NDArray[np.bool_], scale: _Scale) -> dict[str, Any]:
    """What is dense in the slice, summed along its columns and along its rows: one line of a coarse radiograph from the
    front and one from the side.

    Each is a row of `BINS` bytes, as shares of `most`, around the middle of the picture; `middle` is that of the body's
    outline, mm from there. Dense is what is above muscle, so that fat and air count for nothing.
    """
    dense = np.clip(values - DENSE_HU, 0, MOST_DENSE)
    edges = (np.arange(BINS + 1) - BINS / 2) * BIN_MM
    lines, middle = [], []
    for axis, mm, summed_mm in ((0, scale.across, scale.down), (1, scale.down, scale.across)):
        line = np.concatenate([[0.0], np.cumsum(dense.sum(axis=axis, dtype=np.float64))]) * summed_mm
        places = (np.arange(line.size) - (line.size - 1) / 2) * mm
        lines.append(np.diff(np.interp(edges, places, line)) * mm / BIN_MM)
        inside = np.flatnonzero(body.sum(axis=axis) > 0.03 * body.shape[axis])
        middle.append(float(inside[0] + inside[-1] + 1 - body.shape[1 - axis]) / 2 * mm if inside.size else 0.0)
    most = max(float(max(line.max() for line in lines)), 1e-6)
    coded = [base64.b64encode(np.rint(line / most * 255).astype(np.uint8).tobytes()).decode() for line in lines]
    return {
        "most": float(f"{most:.5g}"),
        "front": coded[0],
        "side": coded[1],
        "middle": [round(one, 1) for one in middle],
    }
