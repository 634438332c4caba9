"""The kinds of marks, the points each is made of, and what each measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from .geometry import Floats, NotMeasured, angle_deg, axes_of, distance, ellipse_area, polygon_area


class Tool(StrEnum):
    """What a reader can draw."""

    LENGTH = "length"
    BIDIRECTIONAL = "bidirectional"
    ELLIPSE = "ellipse"
    FREEHAND = "freehand"
    ANGLE = "angle"
    POINT = "point"

    @property
    def is_region(self) -> bool:
        """Whether it holds pixels."""
        return self in (Tool.ELLIPSE, Tool.FREEHAND, Tool.POINT)


#: Fewest and most points of a mark. An outline of more is none that a hand drew.
POINTS = {
    Tool.LENGTH: (2, 2),
    Tool.BIDIRECTIONAL: (4, 4),
    Tool.ELLIPSE: (4, 4),
    Tool.FREEHAND: (3, 5000),
    Tool.ANGLE: (3, 3),
    Tool.POINT: (1, 1),
}
#: A line below this is a slip of the hand, mm or pixels.
_LEAST = 0.1
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Measured:
    """What the points of a mark amount to, in mm or, of a picture without geometry, in pixels; None: nothing."""

    long: float | None = None
    short: float | None = None
    length: float | None = None
    area: float | None = None
    angle_deg: float | None = None

    def in_mm(self) -> dict[str, float]:
        """Return the sizes by name, to a tenth: finer than that no hand draws."""
        named = {"long_mm": self.long, "short_mm": self.short, "length_mm": self.length, "area_mm2": self.area}
        return {name: float(_tenths(value)) for name, value in named.items() if value is not None} | self.angles()

    def angles(self) -> dict[str, float]:
        """Return the angle, which needs no geometry where pixels are square."""
        return {} if self.angle_deg is None else {"angle_deg": float(_tenths(self.angle_deg))}


def measure(tool: Tool, points: ArrayLike) -> Measured:
    """Measure a mark.

    Parameters
    ----------
    points
        (n, 3) patient LPS, mm; or (n, 2), pixels. Of an angle the corner is the second one.

    Raises
    ------
    NotMeasured
        The points are too few or too many, or no finite numbers, or the mark has no extent.
    """
    places = np.asarray(points, dtype=np.float64)
    fewest, most = POINTS[tool]
    if places.ndim != 2 or not fewest <= len(places) <= most or not np.isfinite(places).all():
        raise NotMeasured(f"A mark of the kind “{tool}” is made of other points. Draw it again.")
    if tool in (Tool.BIDIRECTIONAL, Tool.ELLIPSE) and _nearest(places) < _LEAST:
        raise NotMeasured("The mark has no width: two of its ends lie at one place. Draw it again.")
    found = _measure(tool, places)
    if found.length is not None and found.length < _LEAST:
        raise NotMeasured("The mark has no length: its ends lie at one place. Draw it again.")
    return found


def _nearest(places: Floats) -> float:
    """Return the least distance between two of the points."""
    return min(distance(a, b) for a, b in combinations(places, 2))


def _measure(tool: Tool, places: Floats) -> Measured:
    match tool:
        case Tool.LENGTH:
            return Measured(length=distance(*places))
        case Tool.BIDIRECTIONAL:
            axes = axes_of(places)
            return Measured(long=axes.long_length, short=axes.short_length, angle_deg=axes.angle_deg)
        case Tool.ELLIPSE:
            axes = axes_of(places)
            return Measured(long=axes.long_length, short=axes.short_length, area=ellipse_area(places))
        case Tool.FREEHAND:
            return Measured(area=polygon_area(places))
        case Tool.ANGLE:
            return Measured(angle_deg=angle_deg(places))
        case Tool.POINT:
            return Measured()


def size_mm(measured: Mapping[str, float], *, short: bool) -> Decimal | None:
    """Return the diameter that counts of a stored measurement, in mm; None where it measures none.

    Parameters
    ----------
    short
        The short axis counts, as of a lymph node (RECIST 1.1 §4.3.2); a single line is taken as it is.
    """
    value = measured.get("short_mm" if short else "long_mm", measured.get("length_mm"))
    return None if value is None else _tenths(value)


def _tenths(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_TENTH, ROUND_HALF_UP)
