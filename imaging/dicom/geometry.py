"""Where pixels are in the patient: planes, orientation, distances along and within slices.

Coordinates are patient LPS in millimetres: +x towards the left, +y towards the back, +z towards the head
(PS3.3 §C.7.6.2.1.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]

#: Two slices closer than this are at the same place: well below any slice thickness in use, mm.
COINCIDENT_MM = 0.01
#: A normal within this angle of a patient axis gets that axis's name; gantry tilt stays below 30°.
_PRINCIPAL_COSINE = math.cos(math.radians(35.0))


class Orientation(StrEnum):
    """How a plane lies in the patient."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    OBLIQUE = "oblique"


@dataclass(frozen=True)
class Plane:
    """One image plane in the patient (PS3.3 §C.7.6.2).

    Attributes
    ----------
    position
        Centre of the first pixel, patient LPS, mm.
    row_direction, column_direction
        Unit vectors along which the column index and the row index grow.
    row_spacing_mm, column_spacing_mm
        Distance between rows (down the image) and between columns, mm.
    rows, columns
        Size in pixels.
    """

    position: Vector
    row_direction: Vector
    column_direction: Vector
    row_spacing_mm: float
    column_spacing_mm: float
    rows: int
    columns: int

    @property
    def normal(self) -> Vector:
        """Unit normal: row direction × column direction."""
        a, b = self.row_direction, self.column_direction
        return (
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        )

    @property
    def offset_mm(self) -> float:
        """Distance of the plane from the patient origin along its normal, mm."""
        return math.fsum(p * n for p, n in zip(self.position, self.normal, strict=True))

    @property
    def orientation(self) -> Orientation:
        """Name of the plane's orientation."""
        return orientation_of(self.normal)

    def to_patient(self, points: ArrayLike) -> Floats:
        """Patient coordinates of image points.

        Parameters
        ----------
        points
            (n, 2), column then row, in pixels; (0, 0) is the centre of the first pixel.

        Returns
        -------
        NDArray
            (n, 3), patient LPS, mm (PS3.3 equation C.7.6.2.1-1).
        """
        pixels = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        across = pixels[:, :1] * self.column_spacing_mm * np.asarray(self.row_direction)
        down = pixels[:, 1:] * self.row_spacing_mm * np.asarray(self.column_direction)
        result: Floats = np.asarray(self.position) + across + down
        return result

    def to_pixels(self, points: ArrayLike) -> Floats:
        """Image points nearest to patient coordinates, by projection along the normal.

        Parameters
        ----------
        points
            (n, 3), patient LPS, mm.

        Returns
        -------
        NDArray
            (n, 2), column then row, in pixels.
        """
        relative = np.asarray(points, dtype=np.float64).reshape(-1, 3) - np.asarray(self.position)
        columns = relative @ np.asarray(self.row_direction) / self.column_spacing_mm
        rows = relative @ np.asarray(self.column_direction) / self.row_spacing_mm
        return np.stack([columns, rows], axis=1)

    def distance_mm(self, first: Sequence[float], second: Sequence[float]) -> float:
        """Length between two image points (column, row), mm."""
        across = (second[0] - first[0]) * self.column_spacing_mm
        down = (second[1] - first[1]) * self.row_spacing_mm
        return math.hypot(across, down)


def orientation_of(normal: Sequence[float]) -> Orientation:
    """Name of a plane with this unit normal; oblique when no patient axis is within 35° of it."""
    names = (Orientation.SAGITTAL, Orientation.CORONAL, Orientation.AXIAL)
    size, name = max(zip(map(abs, normal), names, strict=True))
    return name if size >= _PRINCIPAL_COSINE else Orientation.OBLIQUE


def plane_of(dataset: Dataset, frame: int = 0) -> Plane | None:
    """The plane of a frame, or None when the header does not place it in the patient.

    Enhanced multi-frame objects keep planes in functional groups (PS3.3 §C.7.6.16.2); the frame's own
    group wins over the shared one.

    Parameters
    ----------
    frame
        Index of the frame, from 0.
    """
    position = numbers(functional_group(dataset, frame, "PlanePositionSequence"), "ImagePositionPatient", 3)
    cosines = numbers(functional_group(dataset, frame, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    spacing = numbers(functional_group(dataset, frame, "PixelMeasuresSequence"), "PixelSpacing", 2)
    if position is None or cosines is None or spacing is None or min(spacing) <= 0:
        return None
    size = numbers(dataset, "Rows", 1), numbers(dataset, "Columns", 1)
    row, column = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    if size[0] is None or size[1] is None or not all(0.9 < length < 1.1 for length in lengths):
        return None
    row, column = row / lengths[0], column / lengths[1]
    if abs(float(row @ column)) > 0.05:
        return None  # not a right angle: these are not direction cosines
    return Plane(
        position=_vector(position),
        row_direction=_vector(row.tolist()),
        column_direction=_vector(column.tolist()),
        row_spacing_mm=spacing[0],
        column_spacing_mm=spacing[1],
        rows=int(size[0][0]),
        columns=int(size[1][0]),
    )


def functional_group(dataset: Dataset, frame: int, keyword: str) -> Dataset:
    """The item that holds a frame's attributes: per frame, shared, or the data set itself."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in (*per_frame[frame : frame + 1], *shared[:1]):
        if items := group.get(keyword):
            item: Dataset = items[0]
            return item
    return dataset


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly `count` finite numbers of an attribute, or None when it holds anything else."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return None
        values = [value] if isinstance(value, (int, float, str)) else list(value)
        result = tuple(float(v) for v in values)
    except (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError):
        return None  # pydicom meets a malformed value only now, when it is asked for
    return result if len(result) == count and all(map(math.isfinite, result)) else None


def spacings(offsets: Sequence[float]) -> tuple[float, ...]:
    """Distances between neighbouring slices, mm; slices at the same place count once.

    Parameters
    ----------
    offsets
        Positions along the normal, mm, in any order.
    """
    distinct: list[float] = []
    for offset in sorted(offsets):
        if not distinct or offset - distinct[-1] > COINCIDENT_MM:
            distinct.append(offset)
    return tuple(b - a for a, b in pairwise(distinct))


def _vector(values: Sequence[float]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
