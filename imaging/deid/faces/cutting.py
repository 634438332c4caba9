"""Everything before a plane: what a person takes out of a head where the machine found no face in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from imaging.deid.faces.volume import Bits, Box
from imaging.dicom.geometry import Plane, Vector


@dataclass(frozen=True)
class Cut:
    """Where pixels go: before an upright plane, between two heights.

    Attributes
    ----------
    middle
        From which all distances are measured, patient LPS, mm.
    front_mm
        How far before the middle the plane stands; behind it where negative.
    top_mm, bottom_mm
        Between which heights over the middle pixels go.
    turn
        Degrees by which the face looks to the patient's left.
    fill
        What stands there afterwards: the value of air in the series, Hounsfield units in CT.
    """

    middle: Vector
    front_mm: float
    top_mm: float
    bottom_mm: float
    turn: float
    fill: float

    def plain(self) -> dict[str, Any]:
        """As numbers, for another process."""
        heights = {"front_mm": self.front_mm, "top_mm": self.top_mm, "bottom_mm": self.bottom_mm}
        return {"middle": list(self.middle), **heights, "turn": self.turn, "fill": self.fill}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `plain` gave."""
        return cls(**{**plain, "middle": tuple(plain["middle"])})

    def within(self, box: Box) -> Bits:
        """Voxels of a grid, (x, y, z), that lie there."""
        return self._holds(*box.axes())

    def covers(self, plane: Plane) -> Bits:
        """Pixels of a plane, (rows, columns), that lie there."""
        down = np.arange(plane.rows, dtype=np.float32)[:, None] * np.float32(plane.row_spacing_mm)
        across = np.arange(plane.columns, dtype=np.float32)[None, :] * np.float32(plane.column_spacing_mm)
        x, y, z = (
            plane.position[axis] + down * plane.column_direction[axis] + across * plane.row_direction[axis]
            for axis in range(3)
        )
        return self._holds(x, y, z)

    def _holds(self, x: NDArray[Any], y: NDArray[Any], z: NDArray[Any]) -> Bits:
        angle = math.radians(self.turn)
        before = (x - self.middle[0]) * math.sin(angle) - (y - self.middle[1]) * math.cos(angle) > self.front_mm
        height = z - self.middle[2]
        held: Bits = before & (height <= self.top_mm) & (height >= self.bottom_mm)
        return held
