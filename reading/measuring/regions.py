"""The pixels inside a mark, and what their values amount to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imaging.dicom.rendering import frame_values

from .geometry import NotMeasured, axes_of
from .marks import Tool

Mask = NDArray[np.bool_]
#: Below what arithmetic loses on the way from the patient to a pixel.
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Statistics:
    """Values of the pixels inside a mark, in the units of the picture; `sd` is that of a sample, None of one pixel."""

    count: int
    mean: float
    sd: float | None
    least: float
    most: float


def inside(tool: Tool, points: ArrayLike, rows: int, columns: int) -> Mask:
    """Return which pixels a mark holds: those whose centre lies inside its outline or on it.

    Of a closed line that crosses itself the inside is where one crosses it an odd number of times to get out. A point
    holds the pixel it lies in.

    Parameters
    ----------
    points
        (n, 2) column and row, in pixels; (0, 0) is the centre of the first pixel.

    Returns
    -------
    NDArray
        (rows, columns).
    """
    places = np.asarray(points, dtype=np.float64)
    held = np.zeros((rows, columns), dtype=bool)
    if tool is Tool.POINT:
        column, row = np.floor(places[0] + 0.5).astype(int)
        if 0 <= row < rows and 0 <= column < columns:
            held[row, column] = True
        return held
    return _in_ellipse(places, held) if tool is Tool.ELLIPSE else _in_polygon(places, held)


def _in_ellipse(ends: NDArray[np.float64], held: Mask) -> Mask:
    axes = axes_of(ends)
    halves = np.stack([(line[1] - line[0]) / 2 for line in (axes.long, axes.short)], axis=1)
    if abs(np.linalg.det(halves)) < _TINY:
        return held
    row, column = np.indices(held.shape, dtype=np.float64)
    # In the coordinates of its own half axes an ellipse is the circle of radius 1.
    away = (np.stack([column, row], axis=-1) - ends.mean(axis=0)) @ np.linalg.inv(halves).T
    found: Mask = held | ((away**2).sum(axis=-1) <= 1 + _TINY)
    return found


def _in_polygon(corners: NDArray[np.float64], held: Mask) -> Mask:
    """Go through the rows, and count for each pixel how often the outline crosses the row before it."""
    (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
    columns = np.arange(held.shape[1])
    for row in range(max(0, int(np.ceil(y1.min()))), min(held.shape[0], int(np.floor(y1.max())) + 1)):
        met = (y1 <= row) != (y2 <= row)
        crossings = np.sort(x1[met] + (row - y1[met]) * (x2[met] - x1[met]) / (y2[met] - y1[met]))
        # A centre on the outline counts whichever side it is taken to be on.
        for before in (np.searchsorted(crossings, columns - _TINY), np.searchsorted(crossings, columns + _TINY)):
            held[row] |= before % 2 == 1
        for left, right in np.sort(np.stack([x1, x2], axis=1)[(y1 == row) & (y2 == row)], axis=1):
            held[row] |= (left <= columns) & (columns <= right)
    return held


def statistics(values: NDArray[Any], mask: Mask) -> Statistics:
    """Return the statistics of the pixels that a mask holds.

    Raises
    ------
    NotMeasured
        It holds none.
    """
    held = np.asarray(values, dtype=np.float64)[mask]
    if not held.size:
        raise NotMeasured("The mark holds no pixel, so there is nothing to measure. Draw it larger.")
    sd = float(held.std(ddof=1)) if held.size > 1 else None
    return Statistics(int(held.size), float(held.mean()), sd, float(held.min()), float(held.max()))


def of_file(path: str, frame: int, tool: str, points: list[list[float]]) -> list[float | None] | None:
    """Return what `statistics` says of a frame of a file: count, mean, SD, least and most; None of a colour picture.

    With plain arguments, for a child process that a hostile picture may end (`compliance.confined`).

    Parameters
    ----------
    frame
        Index of the frame, from 0.
    points
        Column and row, in pixels.
    """
    values, _ = frame_values(Path(path), frame=frame)
    if values.ndim != 2:
        return None
    found = statistics(values, inside(Tool(tool), points, *values.shape))
    return [found.count, found.mean, found.sd, found.least, found.most]
