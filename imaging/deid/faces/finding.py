"""Whether a volume shows a face: from its outer surface alone, so that CT and MR of any weighting are treated alike.

A head is what ends a body towards +z and is not wider than a head. The nose is the one thing that stands out of its
front and is as broad and as high as a nose; from its tip follows what is taken out (`carving`). Where any of this is
not as it should be, the face was not found, and nothing is guessed. That there is none must be as certain: the body is
wide from its upper end on, its front is in view, and nothing stands out of that as a nose does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from imaging.deid.faces.carving import carved
from imaging.deid.faces.doubts import Doubt, Doubtful
from imaging.deid.faces.masking import Face
from imaging.deid.faces.surface import Front, disc
from imaging.deid.faces.volume import Bits, Box, Floats, Volume

_AIR_HU, _BODY_HU = -1000.0, -350.0
_COARSE_MM, _FINE_MM, _PASSING_MM = 5.0, 2.0, 3.0
#: A body that is nowhere at its upper end as narrow as a head, over this height, shows no face, mm.
_NECK_MM, _HEAD_WIDTH_MM = 60.0, 230.0
#: What is nowhere twice as broad says nothing of a body's width: rests, cables, ears, mm.
_SLENDER_MM = 30.0
_SMALL_MM2 = 4000.0
#: How much of a body is looked at, and how much of that tells its size, from its top, mm.
_REACH_MM, _SIZED_MM = 330.0, 180.0
#: Of a grown-up head; all that follows is smaller in a smaller one.
_WIDTH_MM, _SIZES = 156.0, (0.6, 1.15)
#: A head is not so much wider than the neck below; shoulders are, and a child's are no wider than a head may be.
_WIDER = 1.5
#: At more of the levels than that, no side of a head may lie outside the picture.
_CUT_OFF = 0.25
#: Around a head, and beside its middle and around its nose, of a grown-up one, mm.
_ROOM_MM, _ASIDE_MM, _AROUND_MM = 24.0, 45.0, 60.0

Corner = NDArray[np.float64]


class _Head(NamedTuple):
    """Corners of what may be a head, mm, and its size beside a grown-up one."""

    low: Corner
    high: Corner
    scale: float


class _Level(NamedTuple):
    """A body at one height: where it is, where it is broad, (x, y), and how wide that is."""

    number: int
    part: Bits
    broad: Bits
    width_mm: float


@dataclass(frozen=True)
class Looks:
    """How a body is told from the air around it.

    Attributes
    ----------
    air
        The value of air.
    level
        What is brighter is body.
    filled
        Whether what body surrounds at one height is body too: in MR, bone is as dark as air.
    """

    air: float
    level: float
    filled: bool

    @classmethod
    def among(cls, values: Floats, *, hounsfield: bool) -> Self:
        """In Hounsfield units, where values are and air is among them; else from the values themselves."""
        return cls(_AIR_HU, _BODY_HU, filled=False) if hounsfield and np.nanmin(values) < _BODY_HU else cls._of(values)

    @classmethod
    def _of(cls, values: Floats) -> Self:
        """From two classes of the square roots of what is not bright (Otsu).

        Of the values themselves, bright tissue would be one class, and dark tissue with the air the other.
        """
        known = values[np.isfinite(values)]
        lowest, top = np.percentile(known, (0.1, 99))
        roots = np.sqrt(np.clip(known, lowest, top) - lowest)
        counts, edges = np.histogram(roots, bins=256)
        centres = (edges[:-1] + edges[1:]) / 2
        below = np.cumsum(counts)
        above = below[-1] - below
        sums = np.cumsum(counts * centres)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
        split = float(centres[int(np.nanargmax(apart[:-1]))])
        air = float(np.median(known[roots <= split]))
        return cls(air, split**2 + float(lowest), filled=True)

    def solid(self, values: Floats) -> Bits:
        """Where there is body, (x, y, z)."""
        solid: Bits = values > self.level
        if self.filled:
            for number in range(solid.shape[2]):
                solid[:, :, number] = scipy.ndimage.binary_fill_holes(solid[:, :, number])
        return solid


def find_face(volume: Volume, *, hounsfield: bool) -> Face | None:
    """The face that a series shows; nothing where it shows none.

    Parameters
    ----------
    hounsfield
        Whether values are those of CT; of others the darkest are taken for air.

    Raises
    ------
    Doubtful
        Neither is certain.
    """
    low, high = volume.corners()
    coarse = Box.between(low.tolist(), high.tolist(), _COARSE_MM)
    values = volume.sampled(coarse)
    looks = Looks.among(values, hounsfield=hounsfield)
    body = _largest(scipy.ndimage.binary_opening(looks.solid(values)))
    levels = _levels(body, coarse.spacing_mm)
    head = _head(levels, np.isnan(values), coarse)
    if head is None:
        _refuse_a_nose(volume, _grid(_corners(levels, coarse), volume, _PASSING_MM), looks)
        return None
    box = _grid((head.low, head.high), volume, _FINE_MM)
    values = volume.sampled(box)
    body = _largest(looks.solid(values))
    front = Front.of(body, values, box, head.scale)
    x, _, z = (axis.ravel() for axis in box.axes())
    beside = np.abs(x - (head.low[0] + head.high[0]) / 2)[:, None] < _ASIDE_MM * head.scale
    noses = front.noses(beside & front.body)
    if len(noses) != 1:
        raise Doubtful(Doubt.NOSES if noses else Doubt.NO_NOSE)
    if not front.is_nose(noses[0]):
        raise Doubtful(Doubt.NOSE_CUT)
    tip = noses[0].tip
    around = np.hypot((x - x[tip[0]])[:, None], z - z[tip[1]]) < _AROUND_MM * head.scale
    if not front.is_clear(around, looks.air, looks.level):
        raise Doubtful(Doubt.COVERED)
    return Face(box, carved(body, np.isnan(values), front, tip, box), looks.air)


def _largest(mask: Bits) -> Bits:
    """The largest connected part."""
    labels, count = scipy.ndimage.label(mask)
    if not count:
        raise Doubtful(Doubt.EMPTY)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Bits = labels == sizes.argmax()
    return largest


def _head(levels: Sequence[_Level], unknown: Bits, box: Box) -> _Head | None:
    """What is no wider than a head at the upper end of a body; nothing where no head fits in."""
    step = box.spacing_mm
    runs = [list(run) for slim, run in groupby(levels, lambda one: one.width_mm <= _HEAD_WIDTH_MM) if slim]
    narrow = next((run for run in runs if len(run) * step >= _NECK_MM), None)
    if narrow is None:
        return None
    sized = [level for level in narrow if level.broad.any() and (narrow[0].number - level.number) * step < _SIZED_MM]
    small = not sized or max(level.broad.sum() for level in sized) * step**2 < _SMALL_MM2
    if small or narrow[0] is not levels[0]:
        raise Doubtful(Doubt.SMALL)
    # A head whose sides lie outside the picture may have any size.
    known = np.pad(~unknown, ((1, 1), (0, 0), (0, 0)))
    inside = known[2:] & known[:-2]
    if np.mean([(level.broad & ~inside[:, :, level.number]).any() for level in sized]) > _CUT_OFF:
        raise Doubtful(Doubt.SIDES_CUT)
    slim, width = np.percentile([level.width_mm for level in sized], (30, 80))
    if width > _WIDER * slim:
        raise Doubtful(Doubt.SHOULDERS)
    return _Head(*_corners(narrow, box), float(np.clip(width / _WIDTH_MM, *_SIZES)))


def _levels(body: Bits, step: float) -> list[_Level]:
    """A body from its upper end down, as far as it is looked at."""
    numbers = np.flatnonzero(body.any(axis=(0, 1)))[::-1]
    slender = disc(_SLENDER_MM, step)
    levels = []
    for number in numbers[: round(_REACH_MM / step)].tolist():
        part = scipy.ndimage.binary_fill_holes(_largest(body[:, :, number]))
        broad = scipy.ndimage.binary_opening(part, slender)
        across = np.flatnonzero(broad.any(axis=1))
        levels.append(_Level(number, part, broad, float(np.ptp(across) + 1) * step if across.size else 0.0))
    return levels


def _corners(levels: Sequence[_Level], box: Box) -> tuple[Corner, Corner]:
    """Corners of a body between its first level and its last one, mm."""
    seen = np.any([level.part for level in levels], axis=0)
    across, deep = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    low, high = (across[0], deep[0], levels[-1].number), (across[-1], deep[-1], levels[0].number)
    return np.array(low) * box.spacing_mm + box.origin, np.array(high) * box.spacing_mm + box.origin


def _grid(corners: tuple[Corner, Corner], volume: Volume, spacing_mm: float) -> Box:
    """A grid with room around corners, within the volume."""
    low, high = volume.corners()
    return Box.between(
        np.maximum(corners[0] - _ROOM_MM, low).tolist(), np.minimum(corners[1] + _ROOM_MM, high).tolist(), spacing_mm
    )


def _refuse_a_nose(volume: Volume, box: Box, looks: Looks) -> None:
    """Refuse a body of which it is not certain that it shows no face: its front is not in view, or has a nose."""
    values = volume.sampled(box)
    front = Front.of(_largest(looks.solid(values)), values, box, 1.0)
    if not front.is_clear(front.body, looks.air, looks.level):
        raise Doubtful(Doubt.FRONT_HIDDEN)
    if front.noses(front.body):
        raise Doubtful(Doubt.STANDS_OUT)
