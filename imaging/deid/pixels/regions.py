"""Boxes over the frames of an image: what is proposed to a person, and what that person settled. No text is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from imaging.deid.pixels.networks import Box

#: Boxes of two frames that share so much of what they cover together are one.
_SAME = 0.5
#: A box that lies in others with so much of its area needs no box of its own.
_INSIDE = 0.9


class Region(NamedTuple):
    """A box in pixels (right and bottom are outside) on frames from 0; the last one is part of it."""

    left: int
    top: int
    right: int
    bottom: int
    first: int = 0
    last: int = 0

    @property
    def box(self) -> Box:
        """Where it lies on each of its frames."""
        return self.left, self.top, self.right, self.bottom

    def is_within(self, rows: int, columns: int, frames: int) -> bool:
        """Tell whether it covers something of an image of this size, and nothing outside it."""
        across, down = 0 <= self.left < self.right <= columns, 0 <= self.top < self.bottom <= rows
        return across and down and 0 <= self.first <= self.last < frames

    def carried(self, frames: int, to: int) -> Region | None:
        """The same place on another image, of `to` frames instead of `frames`; None where it has no such frames."""
        if self.first == 0 and self.last == frames - 1:
            return self._replace(last=to - 1)
        return self if self.last < to else None


@dataclass(frozen=True)
class Settled:
    """What a person settled of one image: regions to blank, and regions whose text they saw and left."""

    blank: tuple[Region, ...] = ()
    kept: tuple[Region, ...] = ()

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from plain values: `blank` and `kept`, lists of six numbers each."""
        return cls(*(tuple(Region(*six) for six in plain[name]) for name in ("blank", "kept")))

    def plain(self) -> dict[str, list[list[int]]]:
        """Write it as plain values."""
        return {"blank": [list(one) for one in self.blank], "kept": [list(one) for one in self.kept]}


def on_frame(regions: Iterable[Region], number: int) -> list[Box]:
    """Boxes of regions on one frame."""
    return [one.box for one in regions if one.first <= number <= one.last]


def gathered(frames: Sequence[Iterable[Box]]) -> list[Region]:
    """Boxes of all frames as regions: those that lie on each other are one, from its first frame to its last."""
    found: list[Region] = []
    for number, boxes in enumerate(frames):
        for box in boxes:
            for at, region in enumerate(found):
                if _shared(region.box, box) >= _SAME * _area(_around(region.box, box)):
                    found[at] = Region(*_around(region.box, box), region.first, number)
                    break
            else:
                found.append(Region(*box, number, number))
    return sorted(found, key=lambda one: (one.first, one.top, one.left))


def covers(regions: Iterable[Region], one: Region) -> bool:
    """Tell whether one of the regions leaves next to nothing of another one uncovered."""
    return any(
        each.first <= one.first and one.last <= each.last and _shared(each.box, one.box) >= _INSIDE * _area(one.box)
        for each in regions
    )


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(one: Box, other: Box) -> int:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0)
