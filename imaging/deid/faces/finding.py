"""Where a volume shows a face: from its outer surface alone, so that CT and MR of any weighting are treated alike.

A head is what ends a body towards +z and is not wider than a head. Its front is a height above each point of the plane
that looks forward; the nose is what stands out of that and is as broad and as high as a nose. From the tip of the nose,
and from how the front leans, follows what is taken out: from the brows to below the chin, from cheek to cheek, and the
ears. Where any of this is not as it should be, the face was not found, and nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.masking import Face
from imaging.deid.faces.volume import Bits, Box, Floats, Volume

#: Behind the surface so much is taken out at least, from the eyes to the chin, mm.
DEPTH_MM = 10.0
#: And nowhere more than this; at the brows no more than the second, as the brain is near there, mm.
DEEPEST_MM, DEEPEST_AT_BROW_MM = 22.0, 8.0

_AIR_HU, _BODY_HU = -1000.0, -350.0
_COARSE_MM, _FINE_MM = 5.0, 2.0
#: A body that is nowhere at its upper end as narrow as a head, over this height, shows no face, mm.
_NECK_MM, _HEAD_WIDTH_MM = 60.0, 230.0
_SMALL_MM2 = 4000.0
#: How much of a body is looked at, from its top, mm.
_REACH_MM = 330.0
#: Of a grown-up head; all that follows is smaller in a smaller one.
_WIDTH_MM = 156.0
_NOSE_RADIUS_MM, _NOSE_MM = 24.0, (8.0, 40.0)
_NOSE_WIDE_MM, _NOSE_HIGH_MM = (10.0, 44.0), (26.0, 75.0)
_ABOVE_MM, _BELOW_MM, _ASIDE_MM, _BEHIND_MM = 45.0, 88.0, 62.0, 62.0
#: Something else that stands out by so much of what a nose does makes the nose uncertain.
_ALIKE = 0.6
_EAR_MM, _STEEPEST = 9.0, 0.9


Corner = NDArray[np.float64]


@dataclass(frozen=True)
class _Front:
    """The outer surface as seen from the front, over (x, z).

    Attributes
    ----------
    height
        How far forward the surface is: -y, mm.
    smooth
        The same without what is as narrow as a nose.
    seen
        Whether air was seen before it.
    within
        Whether there is body all around, as far as a nose reaches.
    """

    height: Floats
    smooth: Floats
    seen: Bits
    within: Bits


def find_face(volume: Volume, *, hounsfield: bool) -> Face | None:
    """The face that a series shows; nothing where its volume ends below the head.

    Parameters
    ----------
    hounsfield
        Whether values are those of CT; of others the darkest are taken for air.

    Raises
    ------
    CannotDeidentify
        `face_unsure`
    """
    low, high = volume.corners()
    coarse = Box.between(low.tolist(), high.tolist(), _COARSE_MM)
    values = volume.sampled(coarse)
    air, level = (_AIR_HU, _BODY_HU) if hounsfield else _air_and_body(values)
    head = _head(_largest(values > level), coarse)
    if head is None:
        return None
    box = Box.between(*_within(head, low, high), _FINE_MM)
    values = volume.sampled(box)
    body = _largest(values > level)
    front = _front(body, np.isnan(values), box)
    x, _, z = (axis.ravel() for axis in box.axes())
    middle = float((head[0][0] + head[1][0]) / 2)
    scale = _scale(body, box)
    tip = _nose(front, x, z, middle, scale)
    return Face(box, _taken_out(body, front, box, tip, scale), air)


def _air_and_body(values: Floats) -> tuple[float, float]:
    """The value of air, and the one above which something is body: between two classes of what is not bright."""
    known = values[np.isfinite(values)]
    top = float(np.percentile(known, 99))
    counts, edges = np.histogram(np.clip(known, None, top), bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    split = float(centres[int(np.nanargmax(apart[:-1]))])
    air = float(np.median(known[known <= split]))
    return air, air + (split - air) / 2


def _largest(mask: Bits) -> Bits:
    """The largest connected part."""
    labels, count = ndimage.label(mask)
    if not count:
        raise CannotDeidentify("face_unsure")
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Bits = labels == sizes.argmax()
    return largest


def _head(body: Bits, box: Box) -> tuple[Corner, Corner] | None:
    """Corners of what is no wider than a head at the upper end of a body; nothing where no face fits in."""
    step = box.spacing_mm
    narrow: list[tuple[int, Bits]] = []
    for number in reversed(range(box.shape[2])):
        level = body[:, :, number]
        if not level.any():
            if narrow:
                break
            continue
        part = ndimage.binary_fill_holes(_largest(level))
        wide = np.ptp(np.flatnonzero(part.any(axis=1))) * step
        if wide > _HEAD_WIDTH_MM:
            break
        narrow.append((number, part))
    if len(narrow) * step < _NECK_MM:
        return None
    if not any(part.sum() * step**2 > _SMALL_MM2 for _, part in narrow):
        raise CannotDeidentify("face_unsure")
    reached = [one for one in narrow if (narrow[0][0] - one[0]) * step <= _REACH_MM]
    seen = np.any([part for _, part in reached], axis=0)
    across, deep = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    low = np.array([across[0], deep[0], reached[-1][0]]) * step + box.origin
    high = np.array([across[-1], deep[-1], reached[0][0]]) * step + box.origin
    return low, high


def _within(head: tuple[Corner, Corner], low: Floats, high: Floats) -> tuple[list[float], list[float]]:
    """Corners with room around the head, within the volume."""
    room = 16.0
    return np.maximum(head[0] - room, low).tolist(), np.minimum(head[1] + room, high).tolist()


def _front(body: Bits, unknown: Bits, box: Box) -> _Front:
    y = box.axes()[1].ravel()
    any_body = body.any(axis=1)
    first = body.argmax(axis=1)
    seen = any_body & (first > 0)
    before = np.take_along_axis(unknown, np.maximum(first - 1, 0)[:, None, :], axis=1)[:, 0, :]
    height = np.where(any_body, -y[first], -y[-1]).astype(np.float32)
    disc = _disc(round(_NOSE_RADIUS_MM / box.spacing_mm))
    smooth = ndimage.grey_opening(height, footprint=disc, mode="nearest")
    within = ndimage.binary_erosion(any_body, disc, border_value=1)
    return _Front(height, smooth, seen & ~before, within)


def _disc(radius: int) -> Bits:
    across = np.arange(-radius, radius + 1)
    disc: Bits = across[:, None] ** 2 + across**2 <= radius**2
    return disc


def _scale(body: Bits, box: Box) -> float:
    """The size of the head beside a grown-up one."""
    widths = body.any(axis=1).sum(axis=0) * box.spacing_mm
    return float(np.clip(np.percentile(widths[widths > 0], 80) / _WIDTH_MM, 0.6, 1.15))


def _nose(front: _Front, x: Floats, z: Floats, middle: float, scale: float) -> tuple[int, int]:
    """Indices along x and z of the tip of the nose: the one thing that stands out and is as broad and as high."""
    central = front.within & (np.abs(x - middle)[:, None] < 45 * scale)
    out = np.where(central, front.height - front.smooth, 0)
    step = float(x[1] - x[0])
    noses: list[tuple[float, tuple[int, int], Bits]] = []
    # The edge below a chin stands out as well, but is not high.
    while (most := float(out.max())) >= max(_NOSE_MM[0] * scale, _ALIKE * noses[0][0] if noses else 0):
        tip = int(out.argmax()) // out.shape[1], int(out.argmax()) % out.shape[1]
        labels, _ = ndimage.label(out > most / 2)
        part = labels == labels[tip]
        wide, high = (part.any(axis=axis).sum() * step / scale for axis in (1, 0))
        if _NOSE_WIDE_MM[0] <= wide <= _NOSE_WIDE_MM[1] and _NOSE_HIGH_MM[0] <= high <= _NOSE_HIGH_MM[1]:
            noses.append((most, tip, part))
        out[ndimage.binary_dilation(part, iterations=round(8 * scale / step))] = 0
    if len(noses) != 1:
        raise CannotDeidentify("face_unsure")
    ((most, tip, part),) = noses
    if most > _NOSE_MM[1] * scale or not front.seen[part].all():
        raise CannotDeidentify("face_unsure")
    return tip


def _taken_out(body: Bits, front: _Front, box: Box, tip: tuple[int, int], scale: float) -> Bits:
    x, y, z = box.axes()
    step = box.spacing_mm
    reach = round(45 * scale / step)
    near = front.smooth[max(tip[0] - reach // 2, 0) : tip[0] + reach // 2, max(tip[1] - reach, 0) : tip[1] + reach]
    along_x, along_z = (float(np.median(slope)) for slope in np.gradient(near, step))
    if max(abs(along_x), abs(along_z)) > _STEEPEST:
        raise CannotDeidentify("face_unsure")
    forward = -np.array([along_x, 1.0, along_z])
    forward /= np.linalg.norm(forward)
    up = np.array([0.0, 0.0, 1.0]) - forward[2] * forward
    up /= np.linalg.norm(up)
    aside = np.cross(up, forward)
    origin = (x[tip[0], 0, 0], -front.height[tip], z[0, 0, tip[1]])
    away = [axis - start for axis, start in zip((x, y, z), origin, strict=True)]
    u, v, w = (sum(a * d for a, d in zip(away, way, strict=True)) for way in (up, aside, -forward))
    u, v, w = u / scale, v / scale, w / scale

    solid = ndimage.binary_fill_holes(ndimage.binary_closing(body, _ball(2)))
    solid |= body
    depth = ndimage.distance_transform_edt(solid, sampling=step)
    cut = -ndimage.grey_erosion(front.smooth, footprint=_disc(round(8 / step))) + DEPTH_MM
    deepest = np.interp(u, [15.0, _ABOVE_MM], [DEEPEST_MM, DEEPEST_AT_BROW_MM]) * scale
    face = (u > -_BELOW_MM) & (u < _ABOVE_MM) & (np.abs(v) < _ASIDE_MM) & (w < _BEHIND_MM)
    face &= (y < cut[:, None, :]) & (depth <= deepest)

    # What a ball does not reach from within is thin: an ear is, a head is not.
    reached = ndimage.distance_transform_edt(depth <= _EAR_MM, sampling=step) <= _EAR_MM
    thin = solid & ~reached & (np.abs(v) > 40) & (np.abs(u) < 60) & (w > 40) & (w < 150)
    ears = ndimage.binary_dilation(thin, _ball(2)) & ~reached
    taken: Bits = face | ears
    return taken


def _ball(radius: int) -> NDArray[Any]:
    across = np.arange(-radius, radius + 1)
    ball: NDArray[Any] = across[:, None, None] ** 2 + across[:, None] ** 2 + across**2 <= radius**2
    return ball
