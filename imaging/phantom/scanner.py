"""The scanner between the anatomy and the image."""

from __future__ import annotations

import numpy as np

from imaging.phantom.canvas import Array, Grid


def scanned(hu: Array, lung: Array, grid: Grid, random: np.random.Generator) -> Array:
    """What the scanner makes of a volume: texture, blur in the plane, noise, the round field of view.

    Parameters
    ----------
    hu
        (slices, rows, columns), Hounsfield units; changed in place.
    lung
        Share of each voxel that is lung, 0–1, where the texture is coarser.
    """
    coarse = max(1, round(6.0 / grid.pixel_mm))
    small = random.standard_normal((grid.slices, -(-grid.rows // coarse), -(-grid.rows // coarse)), np.float32)
    texture = small.repeat(coarse, axis=1).repeat(coarse, axis=2)[:, : grid.rows, : grid.rows]
    for axis in (1, 2, 1, 2):
        _blur(texture, axis, 0.3)
    hu += texture * (np.float32(4.0) + lung * np.float32(18.0))
    for axis in (1, 2):
        _blur(hu, axis, 0.16)
    noise = random.standard_normal(hu.shape, np.float32)
    for axis in (1, 2):
        _blur(noise, axis, 0.18)
    hu += noise * np.float32(22.0)
    outside = grid.x_mm[None, :] ** 2 + grid.x_mm[:, None] ** 2 > (grid.field_of_view_mm / 2) ** 2
    hu[:, outside] = -1024.0
    return np.clip(np.rint(hu, out=hu), -1024.0, 3071.0, out=hu)


def _blur(volume: Array, axis: int, weight: float) -> None:
    """Three-tap smoothing along an axis, in place; the outermost voxels stay."""
    lines = np.moveaxis(volume, axis, 0)
    inner = lines[1:-1] * np.float32(1 - 2 * weight)
    inner += np.float32(weight) * lines[2:]
    inner += np.float32(weight) * lines[:-2]
    lines[1:-1] = inner
