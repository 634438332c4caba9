"""A series as one volume in the patient: slices made coarse one by one, then sampled where they are asked for.

Coordinates are patient LPS in millimetres: +x left, +y back, +z head. Whatever way slices lie, what looks at the volume
sees the same axes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import scipy
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.deid.faces.doubts import Doubt, Doubtful
from imaging.deid.pixels.frames import Pixels
from imaging.dicom.geometry import COINCIDENT_MM, functional_group, numbers, plane_of

Floats = NDArray[np.float32]
Bits = NDArray[np.bool_]
#: Pixels of a coarse slice are no smaller than this, mm, and no more in a row than this.
COARSE_MM, ACROSS = 1.9, 200
#: A volume has so many slices at different places, none farther from its neighbour than this, and is so thick, mm.
SLICES, GAP_MM, THICK_MM = 12, 7.6, 60.0
#: Slices belong together whose directions agree to so many decimals: a third of a degree.
_DECIMALS = 2


@dataclass(frozen=True)
class Slice:
    """One frame, coarse: mean values of squares of pixels.

    Attributes
    ----------
    position
        Centre of the first pixel.
    row, column
        From one pixel to the next along a row, and from one row to the next, mm.
    values
        (rows, columns), Hounsfield units in CT.
    frame
        Its number in the file, from 0.
    """

    position: Floats
    row: Floats
    column: Floats
    values: Floats
    frame: int = 0

    def plain(self) -> dict[str, Any]:
        """As numbers and bytes, for another process."""
        vectors = [self.position, self.row, self.column]
        shape = list(self.values.shape)
        place = {"place": np.stack(vectors).tobytes(), "frame": self.frame}
        return {**place, "shape": shape, "values": self.values.tobytes()}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `plain` gave."""
        position, row, column = np.frombuffer(plain["place"], np.float32).reshape(3, 3)
        values = np.frombuffer(plain["values"], np.float32).reshape(plain["shape"])
        return cls(position, row, column, values, plain["frame"])


def slices_of(dataset: Dataset) -> list[Slice]:
    """Every frame of an instance that has its place in the patient, made coarse.

    Raises
    ------
    CannotDeidentify
        `pixels_unreadable`
    """
    slices = []
    pixels = Pixels(dataset, UID(dataset.file_meta.TransferSyntaxUID))
    for number, frame in enumerate(pixels.frames()):
        plane = plane_of(dataset, number)
        if plane is None or frame.ndim != 2:
            continue
        row = np.asarray(plane.row_direction) * plane.column_spacing_mm
        column = np.asarray(plane.column_direction) * plane.row_spacing_mm
        step = max(1, round(COARSE_MM / max(plane.column_spacing_mm, plane.row_spacing_mm)))
        step = max(step, -(-max(frame.shape) // ACROSS))
        slope, intercept = rescaled(dataset, number)
        height, width = (size // step for size in frame.shape)
        blocks = frame[: height * step, : width * step].astype(np.float32).reshape(height, step, width, step)
        position = np.asarray(plane.position) + (row + column) * (step - 1) / 2
        values = blocks.mean(axis=(1, 3)) * np.float32(slope) + np.float32(intercept)
        slices.append(Slice(_single(position), _single(row * step), _single(column * step), values, number))
    return slices


def _single(vector: NDArray[np.float64]) -> Floats:
    return vector.astype(np.float32)


def rescaled(dataset: Dataset, frame: int) -> tuple[float, float]:
    """Slope and intercept from what is stored to what is meant; 1 and 0 where nothing is said."""
    group = functional_group(dataset, frame, "PixelValueTransformationSequence")
    slope, intercept = numbers(group, "RescaleSlope", 1), numbers(group, "RescaleIntercept", 1)
    if not slope or not intercept or not slope[0]:
        return 1.0, 0.0
    return slope[0], intercept[0]


@dataclass(frozen=True)
class Box:
    """A grid along the axes of the patient.

    Attributes
    ----------
    origin
        Centre of the first voxel, mm.
    spacing_mm
        Between voxels, along each axis.
    shape
        Voxels along x, y and z.
    """

    origin: tuple[float, float, float]
    spacing_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def between(cls, low: Sequence[float], high: Sequence[float], spacing_mm: float) -> Self:
        """The grid that begins at one corner and ends less than a voxel before the other."""
        sizes = [int((b - a) // spacing_mm) + 1 for a, b in zip(low, high, strict=True)]
        return cls((float(low[0]), float(low[1]), float(low[2])), spacing_mm, (sizes[0], sizes[1], sizes[2]))

    def axes(self) -> tuple[Floats, Floats, Floats]:
        """Coordinates along x, y and z, to be broadcast together."""
        x, y, z = (
            (start + self.spacing_mm * np.arange(size)).astype(np.float32)
            for start, size in zip(self.origin, self.shape, strict=True)
        )
        return x[:, None, None], y[None, :, None], z[None, None, :]


class Volume:
    """The slices of a series that lie one behind the other."""

    def __init__(self, slices: Sequence[Slice]) -> None:
        """Put slices in order; of several at one place, such as echoes, the brightest counts.

        Raises
        ------
        Doubtful
            They do not make a volume.
        """
        stacks: dict[tuple[Any, ...], list[Slice]] = defaultdict(list)
        for one in slices:
            directions = np.concatenate([one.row, one.column]).round(_DECIMALS)
            stacks[one.values.shape, tuple((directions + 0.0).tolist())].append(one)
        _, stack = max(stacks.items(), key=lambda item: (len(item[1]), item[0]), default=((), []))
        if len(stack) < SLICES:
            raise Doubtful(Doubt.FEW_SLICES)
        normal = np.cross(stack[0].row, stack[0].column)
        self._normal = normal / np.linalg.norm(normal)
        placed: list[tuple[float, Slice]] = []
        offsets = ((float(one.position @ self._normal), one) for one in stack)
        for offset, one in sorted(offsets, key=lambda pair: (round(pair[0], 1), -float(pair[1].values.mean()))):
            if not placed or offset - placed[-1][0] > COINCIDENT_MM:
                placed.append((offset, one))
        self._offsets = np.array([offset for offset, _ in placed])
        gaps = [b - a for a, b in pairwise(self._offsets.tolist())]
        if len(placed) < SLICES:
            raise Doubtful(Doubt.FEW_SLICES)
        if max(gaps) > GAP_MM or self._offsets[-1] - self._offsets[0] < THICK_MM:
            raise Doubtful(Doubt.GAPS if max(gaps) > GAP_MM else Doubt.THIN)
        self._slices = [one for _, one in placed]
        self._positions = np.stack([one.position for one in self._slices])
        self.values = np.stack([one.values for one in self._slices])

    def corners(self) -> tuple[Floats, Floats]:
        """The lowest and the highest coordinates."""
        ends = []
        for one in (self._slices[0], self._slices[-1]):
            rows, columns = one.values.shape
            across, down = one.row * (columns - 1), one.column * (rows - 1)
            ends += [one.position, one.position + across, one.position + down, one.position + across + down]
        return np.min(ends, axis=0), np.max(ends, axis=0)

    def sampled(self, box: Box) -> Floats:
        """Values at a grid, (x, y, z); NaN outside the volume."""
        x, y, z = box.axes()
        row, column = self._slices[0].row, self._slices[0].column
        offset = x * self._normal[0] + y * self._normal[1] + z * self._normal[2]
        count = len(self._offsets)
        index = np.interp(offset, self._offsets, np.arange(count), left=-9, right=count + 9)
        relative = [
            axis - np.interp(offset, self._offsets, self._positions[:, number]) for number, axis in enumerate((x, y, z))
        ]
        columns = sum(r * d for r, d in zip(relative, row / (row @ row), strict=True))
        rows = sum(r * d for r, d in zip(relative, column / (column @ column), strict=True))
        sampled: Floats = scipy.ndimage.map_coordinates(
            self.values, [index, rows, columns], order=1, mode="constant", cval=np.nan, output=np.float32
        )
        return sampled
