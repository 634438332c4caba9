"""Vessels that branch at random from a root, as in lung and liver."""

from __future__ import annotations

import math

import numpy as np

from imaging.phantom.canvas import Array, Canvas, Point
from imaging.phantom.subjects import Lesion


def grow_vessel(
    canvas: Canvas,
    random: np.random.Generator,
    root: Point,
    way: Point,
    radius: float,
    length: float,
    depth: int,
    hu: float,
    within: Array,
    keep_clear: list[Lesion],
    floor: float = 0.55,
) -> None:
    """A vessel and its branches; stretches near a lesion are left out, so that its edge can be measured."""
    size = math.sqrt(sum(c * c for c in way)) or 1.0
    stretch = length * float(random.uniform(0.7, 1.15))
    end = (
        root[0] + way[0] / size * stretch,
        root[1] + way[1] / size * stretch,
        root[2] + way[2] / size * stretch,
    )
    thin = max(floor, radius * 0.82)
    middle = ((root[0] + end[0]) / 2, (root[1] + end[1]) / 2, (root[2] + end[2]) / 2)
    near = any(math.dist(middle, les.centre_mm) < 0.7 * les.room_mm + 7.0 + stretch / 2 for les in keep_clear)
    if not near:
        canvas.segment(root, end, radius, thin, hu, within=within, thin=True)
    if depth > 1 and radius > floor:
        for _ in range(2):
            turn = random.normal(0.0, 0.45, size=3).tolist()
            branch = (way[0] / size + turn[0], way[1] / size + turn[1], way[2] / size + turn[2])
            child = max(floor, radius * float(random.uniform(0.7, 0.86)))
            grow_vessel(canvas, random, end, branch, child, length * 0.82, depth - 1, hu, within, keep_clear, floor)
