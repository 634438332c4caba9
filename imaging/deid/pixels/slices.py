"""Text in slices, where a box over anatomy would spoil a read: what is text for sure, and what a person must tell.

A line is text for sure if it is read clearly at two scales. What only one of them reads, or both see and neither
reads, may be anatomy: a person looks. What one scale alone takes for a few letters is no text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from imaging.deid.pixels.networks import Box, Picture
from imaging.deid.pixels.reading import telling_lines
from imaging.deid.pixels.regions import gathered

_SCALES = (1.0, 1.5)
#: Boxes of two looks are about the same place if so much of one is in the others.
_SHARED = 0.5
#: The first look at a slice knows text by strokes of up to 3 pixels; boxes of lines of up to 24 px are no taller.
_TALLEST = 40


class Weighed(NamedTuple):
    """Boxes of text on a slice, and boxes that may be text or anatomy."""

    sure: list[Box]
    doubtful: list[Box]


def weigh(views: Sequence[Picture], words: Collection[str]) -> Weighed:
    """Tell text on a slice from what may be anatomy.

    Parameters
    ----------
    views
        The same picture (rows, columns, 3) in one or more windows.
    words
        What is known of the person; where one of them is read, a person looks at least.
    """
    first = telling_lines(views, words, scale=_SCALES[0])
    if not first:
        return Weighed([], [])
    looks = (first, telling_lines(views, words, scale=_SCALES[1]))
    sure: list[Box] = []
    doubtful: list[Box] = []
    for lines, others in (looks, looks[::-1]):
        clear = [line.box for line in others if line.clear]
        seen = [line.box for line in others]
        for line in lines:
            if line.clear and _is_within(line.box, clear):
                sure.append(line.box)
            elif line.clear or line.named or (_is_low(line.box) and _is_within(line.box, seen)):
                doubtful.append(line.box)
    return Weighed(_merged(sure), _merged(box for box in doubtful if not _is_within(box, sure)))


def _is_low(box: Box) -> bool:
    left, top, right, bottom = box
    return min(right - left, bottom - top) <= _TALLEST


def _is_within(box: Box, others: Collection[Box]) -> bool:
    """Whether enough of a box is covered by the others together."""
    left, top, right, bottom = box
    covered = np.zeros((bottom - top, right - left), bool)
    for other in others:
        x, y = max(other[0] - left, 0), max(other[1] - top, 0)
        covered[y : max(other[3] - top, 0), x : max(other[2] - left, 0)] = True
    return bool(covered.mean() >= _SHARED)


def _merged(boxes: Iterable[Box]) -> list[Box]:
    """One box where several windows and scales showed the same line."""
    return [region.box for region in gathered([sorted(set(boxes))])]
