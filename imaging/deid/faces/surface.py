"""The outer surface of a body as seen from the front, and the noses that stand out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.deid.faces.volume import Bits, Box, Floats

_NOSE_RADIUS_MM, _NOSE_MM = 24.0, (8.0, 40.0)
_NOSE_WIDE_MM, _NOSE_HIGH_MM = (10.0, 44.0), (26.0, 75.0)
#: So far beside a chin may the nose be, of which it is the chin, mm.
_ASIDE_MM = 20.0
#: Something else that stands out by so much of what a nose does makes the nose uncertain.
_ALIKE = 0.6
#: Before a surface, so far from it, there is air, mm.
_BEFORE_MM = (3.0, 11.0)


class Nose(NamedTuple):
    """Something that stands out as a nose does.

    Attributes
    ----------
    out_mm
        How far.
    tip
        Indices along x and z.
    part
        Where it is more than half as far out, (x, z).
    """

    out_mm: float
    tip: tuple[int, int]
    part: Bits


@dataclass(frozen=True)
class Front:
    """The surface over the plane that looks forward, (x, z).

    Attributes
    ----------
    height
        How far forward the surface is: -y, mm.
    smooth
        The same without what is as narrow as a nose.
    body
        Where there is any.
    seen
        Whether values were seen before it.
    before
        The mean of values a little before it; NaN where some were not seen.
    spacing_mm
        Between points.
    scale
        Size of the head beside a grown-up one.
    """

    height: Floats
    smooth: Floats
    body: Bits
    seen: Bits
    before: Floats
    spacing_mm: float
    scale: float

    @classmethod
    def of(cls, body: Bits, values: Floats, box: Box, scale: float) -> Self:
        """Look at a body from the front; `values` are NaN where nothing is known."""
        y, step = box.axes()[1].ravel(), box.spacing_mm
        first = body.argmax(axis=1)
        any_body: Bits = np.any(body, axis=1)
        known = np.where(first > 0, _along(values, first - 1), np.nan)
        nearest, farthest = (round(away / step) for away in _BEFORE_MM)
        shell = [np.where(first >= away, _along(values, first - away), np.nan) for away in range(nearest, farthest + 1)]
        height = np.where(any_body, -y[first], -y[-1]).astype(np.float32)
        smooth = scipy.ndimage.grey_opening(height, footprint=disc(_NOSE_RADIUS_MM * scale, step), mode="nearest")
        seen, before = any_body & np.isfinite(known), np.mean(shell, axis=0)
        return cls(height, smooth, any_body, seen, before, step, scale)

    def is_clear(self, where: Bits, darkest: float, level: float) -> bool:
        """Tell whether air is before the surface, as dark as elsewhere; a skin that is too dark to be body is not.

        Parameters
        ----------
        where
            Points that are asked for; before half of them at least, values must have been seen.
        darkest, level
            Value of air, and the one above which something is body.
        """
        before = self.before[where & self.body]
        before = before[np.isfinite(before)]
        enough = 0 < before.size >= (where & self.body).sum() / 2
        return bool(enough and np.median(before) < (darkest + level) / 2)

    def noses(self, where: Bits) -> list[Nose]:
        """What stands out as far as a nose, and is as broad and as high; and whatever else stands out straight above.

        The edge below a chin stands out as well, but is not high. A nose that is cut off may be no higher than that,
        and the chin below as high as a nose.

        Parameters
        ----------
        where
            Points at which a tip may be.
        """
        around = disc(_NOSE_RADIUS_MM * self.scale, self.spacing_mm)
        within = scipy.ndimage.binary_erosion(self.body, around, border_value=1)
        out = np.where(where & within, self.height - self.smooth, 0)
        noses: list[Nose] = []
        others: list[Nose] = []
        while (most := float(out.max())) >= max(_NOSE_MM[0] * self.scale, _ALIKE * noses[0].out_mm if noses else 0):
            tip = int(out.argmax()) // out.shape[1], int(out.argmax()) % out.shape[1]
            labels, _ = scipy.ndimage.label(out > most / 2)
            nose = Nose(most, tip, labels == labels[tip])
            (noses if self._has_its_shape(nose) else others).append(nose)
            out[scipy.ndimage.binary_dilation(nose.part, iterations=round(8 * self.scale / self.spacing_mm))] = 0
        return noses + [other for other in others if any(self._is_above(other, nose) for nose in noses)]

    def _is_above(self, other: Nose, nose: Nose) -> bool:
        """Tell whether the other one may be the nose, and this one its chin."""
        aside = abs(other.tip[0] - nose.tip[0]) * self.spacing_mm
        near = aside < _ASIDE_MM * self.scale and other.out_mm <= _NOSE_MM[1] * self.scale
        return near and other.tip[1] > nose.tip[1]

    def _has_its_shape(self, nose: Nose) -> bool:
        wide, high = (nose.part.any(axis=axis).sum() * self.spacing_mm / self.scale for axis in (1, 0))
        return bool(_NOSE_WIDE_MM[0] <= wide <= _NOSE_WIDE_MM[1] and _NOSE_HIGH_MM[0] <= high <= _NOSE_HIGH_MM[1])

    def is_nose(self, nose: Nose) -> bool:
        """Tell whether it is no farther out than a nose, and in full view."""
        return nose.out_mm <= _NOSE_MM[1] * self.scale and bool(self.seen[nose.part].all())


def _along(values: Floats, index: NDArray[np.intp]) -> Floats:
    """Values at an index along y for each (x, z)."""
    taken: Floats = np.take_along_axis(values, np.maximum(index, 0)[:, None, :], axis=1)[:, 0, :]
    return taken


def disc(radius_mm: float, spacing_mm: float) -> Bits:
    """A disc in a grid."""
    radius = round(radius_mm / spacing_mm)
    across = np.arange(-radius, radius + 1)
    inside: Bits = across[:, None] ** 2 + across**2 <= radius**2
    return inside
