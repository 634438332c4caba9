"""Lengths, axes, angles and areas of points in space, whatever way the plane lies that they were drawn on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compliance.errors import HouseError
from imaging.dicom.geometry import Plane

Floats = NDArray[np.float64]
#: Four points in two pairs: there are no other ways to pair them.
_PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))


class NotMeasured(HouseError):
    """The points cannot be those of a mark: too few or many, not on the picture, or all at one place."""

    code = "not_measured"
    status = 422


@dataclass(frozen=True, slots=True)
class Axes:
    """Two lines across a lesion.

    Attributes
    ----------
    long, short
        (2, d): the ends of the longer and of the shorter line, mm or pixels.
    """

    long: Floats
    short: Floats

    @property
    def long_length(self) -> float:
        """Length of the longer line."""
        return distance(*self.long)

    @property
    def short_length(self) -> float:
        """Length of the shorter line."""
        return distance(*self.short)

    @property
    def angle_deg(self) -> float:
        """Angle between the lines, from 0 to 90 degrees."""
        a, b = self.long[1] - self.long[0], self.short[1] - self.short[0]
        return float(np.degrees(np.arctan2(_area(a, b), abs(float(a @ b)))))


def axes_of(points: ArrayLike) -> Axes:
    """Return the two lines of a bidirectional measurement, or of the axes of an ellipse, from their four ends.

    The order of the ends does not matter: of the three ways to pair them, the two lines that cross span the largest
    parallelogram (the diagonals of a convex quadrilateral span twice its area, its opposite sides less).

    Parameters
    ----------
    points
        (4, 3) patient LPS, mm; or (4, 2), pixels.
    """
    ends = np.asarray(points, dtype=np.float64)

    def spanned(pairing: tuple[tuple[int, int], tuple[int, int]]) -> float:
        (a, b), (c, d) = pairing
        return _area(ends[b] - ends[a], ends[d] - ends[c])

    first, second = max(_PAIRINGS, key=spanned)
    lines = sorted((ends[list(first)], ends[list(second)]), key=lambda line: distance(*line))
    return Axes(long=lines[1], short=lines[0])


def distance(first: Floats, second: Floats) -> float:
    """Return the distance between two points."""
    return float(np.linalg.norm(second - first))


def angle_deg(points: ArrayLike) -> float:
    """Return the angle at the second of three points, from 0 to 180 degrees."""
    first, corner, last = np.asarray(points, dtype=np.float64)
    a, b = first - corner, last - corner
    return float(np.degrees(np.arctan2(_area(a, b), float(a @ b))))


def ellipse_area(points: ArrayLike) -> float:
    """Return the area of the ellipse whose two axes end at four points; also of one drawn with conjugate diameters."""
    axes = axes_of(points)
    return np.pi / 4 * _area(axes.long[1] - axes.long[0], axes.short[1] - axes.short[0])


def polygon_area(points: ArrayLike) -> float:
    """Return the area within a closed line through points of one plane (Newell's normal, half its length)."""
    corners = np.asarray(points, dtype=np.float64)
    # From the first corner, so that a place far from the origin costs no digits.
    arms = _in_space(corners - corners[0])
    return float(np.linalg.norm(np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0))) / 2


def outside_by(points: ArrayLike, plane: Plane) -> tuple[float, float]:
    """Return how far points lie from a picture, at most: off its plane in mm, and beyond its edge in pixels.

    Parameters
    ----------
    points
        (n, 3) patient LPS, mm.
    """
    places = np.asarray(points, dtype=np.float64)
    off = np.abs((places - np.asarray(plane.position)) @ np.asarray(plane.normal))
    return float(off.max()), beyond_edge(plane.to_pixels(places), plane.rows, plane.columns)


def beyond_edge(pixels: ArrayLike, rows: int, columns: int) -> float:
    """Return how far image points (column, row) lie beyond the outer edge of a picture, in pixels, at most."""
    places = np.asarray(pixels, dtype=np.float64)
    far = np.maximum(-0.5 - places, places - (np.array([columns, rows]) - 0.5))
    return max(0.0, float(far.max()))


def _area(a: Floats, b: Floats) -> float:
    """Area of the parallelogram of two vectors."""
    return float(np.linalg.norm(np.cross(_in_space(a), _in_space(b))))


def _in_space(vectors: Floats) -> Floats:
    """Vectors of the image as ones of space."""
    missing = 3 - vectors.shape[-1]
    return np.pad(vectors, [(0, 0)] * (vectors.ndim - 1) + [(0, missing)])
