"""A face as a place in the patient, and the pictures without it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import scipy
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.cutting import Cut
from imaging.deid.faces.volume import Bits, Box, rescaled
from imaging.deid.pixels.frames import Pixels
from imaging.dicom.geometry import Plane, plane_of

#: A frame may reach so far beyond the volume: what does not fill a coarse pixel is not looked at.
_BEYOND_MM = 8.0


@dataclass(frozen=True)
class View:
    """Where a face was looked for: between these corners, patient LPS, mm."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def plain(self) -> list[list[float]]:
        """As numbers, for another process."""
        return [list(self.low), list(self.high)]

    @classmethod
    def of(cls, plain: Sequence[Sequence[float]]) -> Self:
        """Read what `plain` gave."""
        return cls.between(*plain)

    @classmethod
    def between(cls, low: Iterable[float], high: Iterable[float]) -> Self:
        """What lies between two corners."""
        (x0, y0, z0), (x1, y1, z1) = map(float, low), map(float, high)
        return cls((x0, y0, z0), (x1, y1, z1))

    def holds(self, plane: Plane) -> bool:
        """Tell whether all of a plane was looked at."""
        right, bottom = plane.columns - 1, plane.rows - 1
        corners = plane.to_patient([(0, 0), (right, 0), (0, bottom), (right, bottom)])
        low, high = np.array(self.low) - _BEYOND_MM, np.array(self.high) + _BEYOND_MM
        return bool(((corners >= low) & (corners <= high)).all())


#: Of a series whose pictures a person has seen, wherever they lie.
EVERYWHERE = View((-1e6, -1e6, -1e6), (1e6, 1e6, 1e6))


@dataclass(frozen=True)
class Face:
    """Where a series shows the face, with the air before it.

    Attributes
    ----------
    box, voxels
        A grid in the patient, and which of its voxels are taken out.
    fill
        What stands there afterwards: the value of air in the series, Hounsfield units in CT.
    """

    box: Box
    voxels: Bits = field(repr=False)
    fill: float

    def plain(self) -> dict[str, Any]:
        """As numbers and bytes, for another process."""
        box = {"origin": list(self.box.origin), "spacing_mm": self.box.spacing_mm, "shape": list(self.box.shape)}
        return {**box, "voxels": np.packbits(self.voxels).tobytes(), "fill": self.fill}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `plain` gave."""
        x, y, z = plain["shape"]
        bits = np.unpackbits(np.frombuffer(plain["voxels"], np.uint8), count=x * y * z).astype(bool)
        origin = plain["origin"]
        box = Box((origin[0], origin[1], origin[2]), plain["spacing_mm"], (x, y, z))
        return cls(box, bits.reshape(box.shape), plain["fill"])

    def grown(self, margin_mm: float) -> Self:
        """The face with what is no farther from it than a margin, within its grid; with a negative one, less of it."""
        if not margin_mm or not self.voxels.any():
            return self
        reach = int(abs(margin_mm) // self.box.spacing_mm) + 2
        near = tuple(slice(max(int(at.min()) - reach, 0), int(at.max()) + reach + 1) for at in self.voxels.nonzero())
        here, step, voxels = self.voxels[near], self.box.spacing_mm, np.zeros_like(self.voxels)
        if margin_mm > 0:
            voxels[near] = scipy.ndimage.distance_transform_edt(~here, sampling=step) <= margin_mm
        else:
            voxels[near] = scipy.ndimage.distance_transform_edt(here, sampling=step) > -margin_mm
        return replace(self, voxels=voxels)

    def covers(self, plane: Plane) -> Bits:
        """Pixels of a plane, (rows, columns), that lie in the face or in the air before it.

        What lies farther in front than the grid counts as in front of its first voxel, and what follows its last one as
        that: no grid ends exactly where a volume does.
        """
        down = np.arange(plane.rows, dtype=np.float32)[:, None] * np.float32(plane.row_spacing_mm)
        across = np.arange(plane.columns, dtype=np.float32)[None, :] * np.float32(plane.column_spacing_mm)
        inside = np.ones((plane.rows, plane.columns), dtype=bool)
        indices: list[NDArray[np.intp]] = []
        for axis in range(3):
            place = plane.position[axis] + down * plane.column_direction[axis] + across * plane.row_direction[axis]
            index = np.rint((place - self.box.origin[axis]) / self.box.spacing_mm).astype(np.intp)
            if axis == 1:
                index = np.maximum(index, 0)
            inside &= (index >= 0) & (index <= self.box.shape[axis])
            indices.append(np.minimum(index, self.box.shape[axis] - 1))
        covered = np.zeros_like(inside)
        covered[inside] = self.voxels[tuple(index[inside] for index in indices)]
        return covered


def place_of(plain: Mapping[str, Any]) -> Face | Cut:
    """Read what `plain` of a face or of a cut gave."""
    return Face.of(plain) if "voxels" in plain else Cut.of(plain)


def mask(dataset: Dataset, view: View, face: Face | Cut | None) -> tuple[int, UID]:
    """Give the face the value of air in every frame; return the changed frames and how they are written now.

    Pixels elsewhere keep their values, and frames without any of the face their bytes.

    Parameters
    ----------
    dataset
        With file meta information. Pixel data are replaced, not changed.
    view, face
        Where a face was looked for, and what goes.

    Raises
    ------
    CannotDeidentify
        `pixels_unreadable`; `face_no_volume` where a frame does not say where it lies; `face_unsure` where it lies
        elsewhere than was looked.
    """
    try:
        return _masked(dataset, view, face)
    except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as problem:
        raise CannotDeidentify("pixels_unreadable") from problem


def _masked(dataset: Dataset, view: View, face: Face | Cut | None) -> tuple[int, UID]:
    pixels = Pixels(dataset, UID(dataset.file_meta.TransferSyntaxUID))
    changed = {}
    for number, frame in enumerate(pixels.frames()):
        plane = plane_of(dataset, number)
        if plane is None or frame.ndim != 2:
            raise CannotDeidentify("face_no_volume")
        if not view.holds(plane):
            raise CannotDeidentify("face_unsure")
        if face is not None and (covered := face.covers(plane)).any():
            slope, intercept = rescaled(dataset, number)
            low, high = _stored(dataset)
            masked = frame.copy()
            masked[covered] = min(max(round((face.fill - intercept) / slope), low), high)
            changed[number] = masked
    return len(changed), pixels.replace(changed) if changed else UID(dataset.file_meta.TransferSyntaxUID)


def _stored(dataset: Dataset) -> tuple[int, int]:
    """The lowest and the highest value that a pixel can have."""
    bits = int(dataset.BitsStored)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if dataset.PixelRepresentation else (0, (1 << bits) - 1)
