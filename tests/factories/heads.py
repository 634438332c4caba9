"""A computed head: skull, brain, nose, lips, chin, ears and neck, cut into slices in any direction.

It may have shoulders, lie in a rest and on a table, and have its arms beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage, MRImageStorage

from tests.factories.scans import slice_of

Points = NDArray[np.float64]

AIR, SOFT, BONE, BRAIN, CARBON = range(5)
#: What each tissue looks like; MR has noise in the air, and bone and carbon as dark as that. Under T2 the brain is
#: bright, and where fat is suppressed the skin nearly as dark as air.
LOOKS = {
    "CT": (-1000, 40, 900, 35, 150),
    "T1": (12, 420, 25, 300, 12),
    "T2": (8, 150, 15, 420, 8),
    "fat suppressed": (8, 50, 15, 420, 8),
}
#: Row and column directions of slices.
AXIAL, CORONAL, SAGITTAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1)


@dataclass(frozen=True)
class Head:
    """A head in patient LPS, its middle at the origin; all lengths are of a grown-up one, mm.

    Attributes
    ----------
    nod, turn
        Degrees by which the chin goes down, and the nose to the left.
    size
        Beside a grown-up one.
    nose
        Whether there is one.
    body
        Whether shoulders follow below the neck.
    rest, table
        Whether the head lies in a shell that touches it, and the body on a table.
    arms
        Whether they are beside the head, and touch the ears.
    """

    nod: float = 0
    turn: float = 0
    size: float = 1
    nose: bool = True
    body: bool = False
    rest: bool = False
    table: bool = False
    arms: bool = False

    def tissue(self, points: Points) -> NDArray[np.int_]:
        """Tissue at points: (..., 3) in, (...) out."""
        x, y, z = np.moveaxis(self.straight(points), -1, 0)

        def within(centre: tuple[float, float, float], radii: tuple[float, float, float], power: float = 2) -> Any:
            parts = zip((x, y, z), centre, radii, strict=True)
            return sum(np.abs((axis - middle) / radius) ** power for axis, middle, radius in parts) <= 1

        soft = within((0, 8, 42), (76, 96, 86)) | within((0, -12, -38), (62, 78, 66), 2.6)
        soft |= within((0, -78, -84), (24, 17, 16)) | within((0, -88, -58), (24, 9, 9))
        for side in (-1, 1):
            soft |= within((side * 78, 16, -8), (17, 6, 30))
        soft |= (x**2 + (y - 14) ** 2 <= 56**2) & (z < -40)
        if self.nose:
            soft |= within((0, -86, -22), (15, 26, 28))
        if self.body:
            soft |= within((0, 20, -260), (210, 110, 130), 4)
        bone = within((0, 12, 44), (69, 88, 79)) | within((0, -20, -50), (50, 56, 44), 3)
        carbon = np.zeros_like(soft)
        if self.rest:
            hollow = (x / 122) ** 2 + ((y - 8) / 90) ** 2 <= 1
            carbon |= ((x / 128) ** 2 + ((y - 8) / 102) ** 2 <= 1) & ~hollow & (y > 10) & (z > -60)
        if self.table:
            carbon |= (np.abs(x) < 210) & (((y > 130) & (y < 134)) | ((y > 190) & (y < 194)))
        if self.arms:
            soft |= ((np.abs(x) - 125) ** 2 + (y - 10) ** 2 <= 40**2) & (z < 110)
        brain = self.is_brain(points)
        return np.select([brain, bone, soft, carbon], [BRAIN, BONE, SOFT, CARBON], AIR)

    def is_brain(self, points: Points, margin_mm: float = 0) -> NDArray[np.bool_]:
        """Tell which points lie in the brain, or no farther from it."""
        axes = np.array([63, 80, 72]) + margin_mm / self.size
        inside: NDArray[np.bool_] = (((self.straight(points) - (0, 12, 44)) / axes) ** 2).sum(axis=-1) <= 1
        return inside

    def straight(self, points: Points) -> Points:
        """Points in the head that looks straight on."""
        nod, turn = np.radians([self.nod, self.turn])
        about_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
        about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        turned: Points = points @ about_z @ about_x / self.size
        return turned


@dataclass(frozen=True)
class Cuts:
    """How a head is cut: directions, millimetres between slices and pixels, and where the first slice and pixel lie.

    With `table` slices lie one behind the other along the body, however they lean, as where the table moves.
    """

    directions: tuple[float, ...] = AXIAL
    between_mm: float = 4.0
    pixel_mm: float = 2.0
    low: tuple[float, float, float] = (-116, -136, -116)
    high: tuple[float, float, float] = (116, 136, 140)
    table: bool = False

    def planes(self) -> Iterator[tuple[Points, Points]]:
        """Position of the first pixel and the points, (rows, columns, 3), of each slice."""
        row, column = np.array(self.directions[:3], float), np.array(self.directions[3:], float)
        normal = np.cross(row, column)
        onwards = np.array([0, 0, 1]) / normal[2] if self.table else normal
        corners = np.array([[x, y, z] for x in self._ends(0) for y in self._ends(1) for z in self._ends(2)])
        extents = [
            (float(places.min()), float(places.max())) for places in (corners @ d for d in (row, column, normal))
        ]
        (r0, r1), (c0, c1), (n0, n1) = extents
        for n in np.arange(n0, n1, self.between_mm):
            position = row * r0 + column * c0 + onwards * n
            across = np.arange(0, r1 - r0, self.pixel_mm)[None, :, None] * row
            yield position, position + across + np.arange(0, c1 - c0, self.pixel_mm)[:, None, None] * column

    def _ends(self, axis: int) -> tuple[float, float]:
        return self.low[axis], self.high[axis]


def head_series(
    head: Head, cuts: Cuts | None = None, *, look: str = "CT", noise: float = 8, **values: Any
) -> list[Dataset]:
    """The slices of a head as data sets; `look` is one of `LOOKS`, `values` as for `slice_of`."""
    chance = np.random.default_rng(7)
    series = []
    for number, (position, points) in enumerate((cuts or Cuts()).planes(), 1):
        shown = np.array(LOOKS[look])[head.tissue(points)].astype(float)
        shown += chance.normal(0, noise, shown.shape)
        shown = shown if look == "CT" else np.abs(shown)
        offset = 1024 if look == "CT" else 0
        attributes = {
            "ImagePositionPatient": [round(float(part), 3) for part in position],
            "ImageOrientationPatient": list((cuts or Cuts()).directions),
            "PixelSpacing": [(cuts or Cuts()).pixel_mm] * 2,
            "SliceThickness": (cuts or Cuts()).between_mm,
            "Rows": shown.shape[0],
            "Columns": shown.shape[1],
            "RescaleIntercept": -offset,
            "PixelData": np.clip(shown + offset, 0, 4095).astype("<u2").tobytes(),
        }
        if look != "CT":
            attributes |= {"Modality": "MR", "SOPClassUID": MRImageStorage}
        series.append(slice_of(number, **attributes | values))
    return series


def as_one_file(series: list[Dataset]) -> Dataset:
    """All slices of a series as the frames of an enhanced CT or MR."""
    first = series[0]
    classic = "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"
    whole = slice_of(**dict.fromkeys((*classic, "RescaleIntercept", "RescaleSlope")))
    whole.SOPClassUID = EnhancedCTImageStorage if first.Modality == "CT" else EnhancedMRImageStorage
    whole.Modality, whole.Rows, whole.Columns = first.Modality, first.Rows, first.Columns
    whole.NumberOfFrames = len(series)
    shared, frames = Dataset(), []
    _group(shared, "PlaneOrientationSequence", first, "ImageOrientationPatient")
    _group(shared, "PixelMeasuresSequence", first, "PixelSpacing", "SliceThickness")
    _group(shared, "PixelValueTransformationSequence", first, "RescaleIntercept", "RescaleSlope")
    for one in series:
        frame = Dataset()
        _group(frame, "PlanePositionSequence", one, "ImagePositionPatient")
        frames.append(frame)
    whole.SharedFunctionalGroupsSequence, whole.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
    whole.PixelData = b"".join(one.PixelData for one in series)
    return whole


def _group(place: Dataset, name: str, source: Dataset, *keywords: str) -> None:
    item = Dataset()
    for keyword in keywords:
        setattr(item, keyword, source[keyword].value)
    setattr(place, name, Sequence([item]))


def tilted(cuts: Cuts, degrees: float) -> Cuts:
    """The same slices, leaning by so much about the axis from ear to ear."""
    angle = np.radians(degrees)
    return replace(cuts, directions=(1, 0, 0, 0, float(np.cos(angle)), float(np.sin(angle))))
