"""What goes of a head whose nose was found: from the brows to below the chin, from cheek to cheek, and the ears."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.deid.faces.doubts import Doubt, Doubtful
from imaging.deid.faces.surface import Front, disc
from imaging.deid.faces.volume import Bits, Box

#: Behind the surface so much is taken out at least, from the eyes to the chin, mm.
DEPTH_MM = 10.0
#: And nowhere more than this; at the brows no more than the second, as the brain is near there, mm.
DEEPEST_MM, DEEPEST_AT_BROW_MM = 22.0, 8.0

#: From the tip of the nose, in the plane of the face and behind it; of a grown-up head.
_ABOVE_MM, _BELOW_MM, _ASIDE_MM, _BEHIND_MM = 45.0, 88.0, 62.0, 70.0
_SMOOTH_MM = 8.0
#: The front leans as much as that at most: tangents of the angles to the left and upwards.
_STEEPEST = 0.9
_EAR_MM = 9.0


def carved(body: Bits, unknown: Bits, front: Front, tip: tuple[int, int], box: Box) -> Bits:
    """Voxels that are taken out of a head, the air before them included.

    Parameters
    ----------
    body, unknown
        Where it is, and where nothing is known, (x, y, z).
    tip
        Of the nose: indices along x and z.

    Raises
    ------
    Doubtful
        It leans too far to any side.
    """
    x, y, z = box.axes()
    step, scale = box.spacing_mm, front.scale
    reach = round(45 * scale / step)
    near = front.smooth[max(tip[0] - reach // 2, 0) : tip[0] + reach // 2, max(tip[1] - reach, 0) : tip[1] + reach]
    along_x, along_z = (float(np.median(slope)) for slope in np.gradient(near, step))
    if max(abs(along_x), abs(along_z)) > _STEEPEST:
        raise Doubtful(Doubt.TURNED)
    forward = -np.array([along_x, 1.0, along_z])
    forward /= np.linalg.norm(forward)
    up = np.array([0.0, 0.0, 1.0]) - forward[2] * forward
    up /= np.linalg.norm(up)
    aside = np.cross(up, forward)
    origin = (x[tip[0], 0, 0], -front.height[tip], z[0, 0, tip[1]])
    away = [axis - start for axis, start in zip((x, y, z), origin, strict=True)]
    u, v, w = (sum(a * d for a, d in zip(away, way, strict=True)) / scale for way in (up, aside, -forward))

    solid = scipy.ndimage.binary_fill_holes(scipy.ndimage.binary_closing(body, _ball(2)))
    solid |= body | unknown  # a picture ends there, and not the head
    depth = scipy.ndimage.distance_transform_edt(solid, sampling=step)
    cut = -scipy.ndimage.grey_erosion(front.smooth, footprint=disc(_SMOOTH_MM, step)) + DEPTH_MM
    deepest = np.interp(u, [15.0, _ABOVE_MM], [DEEPEST_MM, DEEPEST_AT_BROW_MM]) * scale
    face = (u > -_BELOW_MM) & (u < _ABOVE_MM) & (np.abs(v) < _ASIDE_MM) & (w < _BEHIND_MM)
    face &= (y < cut[:, None, :]) & (depth <= deepest)

    # What a ball does not reach from within is thin: an ear is, a head is not.
    reached = scipy.ndimage.distance_transform_edt(depth <= _EAR_MM, sampling=step) <= _EAR_MM
    thin = solid & ~reached & (np.abs(v) > 40) & (np.abs(u) < 60) & (w > 40) & (w < 150)
    ears = scipy.ndimage.binary_dilation(thin, _ball(2)) & ~reached
    taken: Bits = face | ears
    return taken


def _ball(radius: int) -> NDArray[Any]:
    across = np.arange(-radius, radius + 1)
    ball: NDArray[Any] = across[:, None, None] ** 2 + across[:, None] ** 2 + across**2 <= radius**2
    return ball
