"""A volume to paint on: soft-edged shapes given by signed distances, each in its own box."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Point = tuple[float, float, float]
Shape = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Grid:
    """Where the slices of a series lie. Coordinates are patient LPS, mm; slices go from feet to head.

    Attributes
    ----------
    rows
        Rows and columns of a slice, pixels.
    slices
        Number of slices.
    slice_thickness_mm
        Thickness of a slice, and distance to the next.
    top_mm
        Upper face of the uppermost slice; the carina is at 0.
    field_of_view_mm
        Width of a slice.
    """

    rows: int = 256
    slices: int = 48
    slice_thickness_mm: float = 5.0
    top_mm: float = 95.0
    field_of_view_mm: float = 380.0

    @property
    def pixel_mm(self) -> float:
        """Pixel spacing in both directions."""
        return self.field_of_view_mm / self.rows

    @property
    def z_mm(self) -> Array:
        """(slices,), centres of the slices, ascending."""
        bottom = self.top_mm - self.slices * self.slice_thickness_mm
        return bottom + (np.arange(self.slices) + 0.5) * self.slice_thickness_mm

    @property
    def x_mm(self) -> Array:
        """(rows,), centres of the columns, from the patient's right to left."""
        return (np.arange(self.rows) - (self.rows - 1) / 2) * self.pixel_mm

    @property
    def y_mm(self) -> Array:
        """(rows,), centres of the rows, from front to back; the table needs more room behind."""
        return self.x_mm + 14.0


class Canvas:
    """CT numbers of a volume while it is painted.

    Attributes
    ----------
    hu
        (slices, rows, columns), Hounsfield units.
    x, y, z
        Coordinates of the voxel centres in the frame of the anatomy, shaped to broadcast against `hu`.
    """

    def __init__(self, grid: Grid, shift_mm: Point = (0.0, 0.0, 0.0), fill: float = -1000.0) -> None:
        self.grid = grid
        self.x: Array = (grid.x_mm - shift_mm[0]).astype(np.float32)[None, None, :]
        self.y: Array = (grid.y_mm - shift_mm[1]).astype(np.float32)[None, :, None]
        self.z: Array = (grid.z_mm - shift_mm[2]).astype(np.float32)[:, None, None]
        self.hu: Array = np.full((grid.slices, grid.rows, grid.rows), fill, dtype=np.float32)

    def paint(
        self,
        shape: Shape,
        hu: float | Array,
        low: Point,
        high: Point,
        *,
        edge_mm: float | None = None,
        opacity: float = 1.0,
        within: Array | None = None,
    ) -> None:
        """Blend a CT number into the voxels of a shape.

        Parameters
        ----------
        shape
            Signed distance to the surface, mm, negative inside, from coordinates x, y, z.
        low, high
            Corners of a box around the shape, mm.
        edge_mm
            Width over which the surface fades; one pixel by default.
        opacity
            Share of a voxel that the shape can fill, for structures thinner than a slice.
        within
            Volume of 0–1 that limits the painting.
        """
        box = self.box(low, high)
        if any(side.start >= side.stop for side in box):
            return
        distance = shape(self.x[:, :, box[2]], self.y[:, box[1], :], self.z[box[0], :, :])
        share = coverage(distance, edge_mm or self.grid.pixel_mm)
        if opacity < 1.0:
            share *= np.float32(opacity)
        if within is not None:
            share = share * within[box]
        region = self.hu[box]
        region += share * (hu - region)

    def box(self, low: Point, high: Point) -> tuple[slice, slice, slice]:
        """Index of the voxels between two corners, mm, for arrays shaped as `hu`."""
        z, y, x = (
            slice(*np.searchsorted(axis.ravel(), (lo, hi)).tolist())
            for axis, lo, hi in ((self.z, low[2], high[2]), (self.y, low[1], high[1]), (self.x, low[0], high[0]))
        )
        return z, y, x

    def ellipsoid(
        self,
        centre: Point,
        radii: Point,
        hu: float,
        *,
        turn: float = 0.0,
        edge_mm: float | None = None,
        within: Array | None = None,
    ) -> None:
        """Paint an ellipsoid, turned about the body axis by `turn` radians."""
        reach = max(radii[:2]) + 2 * self.grid.pixel_mm
        low = (centre[0] - reach, centre[1] - reach, centre[2] - radii[2] - 2)
        high = (centre[0] + reach, centre[1] + reach, centre[2] + radii[2] + 2)
        self.paint(ellipsoid(centre, radii, turn), hu, low, high, edge_mm=edge_mm, within=within)

    def tube(self, points: Sequence[Point], radii: Sequence[float], hu: float) -> None:
        """Paint a round vessel or airway along a line of points, with a radius at each."""
        for (a, b), (ra, rb) in zip(pairwise(points), pairwise(radii), strict=True):
            self.segment(a, b, ra, rb, hu)

    def segment(
        self, a: Point, b: Point, ra: float, rb: float, hu: float, *, within: Array | None = None, thin: bool = False
    ) -> None:
        """Paint one stretch of a tube, from radius `ra` at `a` to `rb` at `b`.

        A thin one may run between two slice centres: it is seen through half the slice thickness on either
        side, weakened by the share of the slice it fills, as a scanner averages it.
        """
        half = self.grid.slice_thickness_mm / 2 if thin else 0.0
        reach = max(ra, rb) + 2 * self.grid.pixel_mm
        low = (min(a[0], b[0]) - reach, min(a[1], b[1]) - reach, min(a[2], b[2]) - max(ra, rb) - half)
        high = (max(a[0], b[0]) + reach, max(a[1], b[1]) + reach, max(a[2], b[2]) + max(ra, rb) + half)
        opacity = 1.0
        if thin:
            length = math.dist(a, b)
            along = abs(b[2] - a[2]) / length if length else 0.0
            width = ra + rb
            filled = min(1.0, width / self.grid.slice_thickness_mm)
            opacity = (along + (1 - along) * filled) * min(1.0, width / self.grid.pixel_mm)
        self.paint(_capsule(a, b, ra, rb, half), hu, low, high, opacity=opacity, within=within)


def coverage(distance: Array, edge_mm: float) -> Array:
    """Share of each voxel inside a surface, 0–1, from the signed distance of its centre, mm."""
    share = distance * np.float32(-1.0 / edge_mm) + np.float32(0.5)
    return np.clip(share, 0.0, 1.0, out=share)


def ellipsoid(centre: Point, radii: Point, turn: float = 0.0) -> Shape:
    """Signed distance to an ellipsoid, near its surface, mm."""
    cosine, sine = math.cos(turn), math.sin(turn)

    def distance(x: Array, y: Array, z: Array) -> Array:
        dx, dy, dz = x - centre[0], y - centre[1], z - centre[2]
        u, v = (dx * cosine + dy * sine) / radii[0], (dy * cosine - dx * sine) / radii[1]
        k: Array = np.sqrt(u * u + v * v + (dz / radii[2]) ** 2)
        return (k - 1) * np.float32(min(radii[0], radii[1]))

    return distance


def _capsule(a: Point, b: Point, ra: float, rb: float, half_slice: float) -> Shape:
    d = (b[0] - a[0], b[1] - a[1], b[2] - a[2])
    norm = d[0] ** 2 + d[1] ** 2 + d[2] ** 2 or 1.0

    def distance(x: Array, y: Array, z: Array) -> Array:
        dx, dy, dz = x - a[0], y - a[1], z - a[2]
        t: Array = np.clip((dx * d[0] + dy * d[1] + dz * d[2]) / np.float32(norm), 0.0, 1.0)
        away = np.abs(dz - t * d[2])
        if half_slice:
            away = np.maximum(away - np.float32(half_slice), 0)
        gap: Array = np.sqrt((dx - t * d[0]) ** 2 + (dy - t * d[1]) ** 2 + away * away)
        return gap - (np.float32(ra) + t * np.float32(rb - ra))

    return distance
