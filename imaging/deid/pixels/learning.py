"""Where a device writes, learnt from what people blanked on its images."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.deid.pixels.networks import Box


def blanked_often(images: Sequence[Sequence[Box]], *, least: int) -> list[Box]:
    """Rectangles around what was blanked at one place in `least` images and in half of all, from top to bottom.

    Names differ in length, so that boxes of one place share a line and meet; the rectangle holds them all.

    Parameters
    ----------
    images
        For each image of one device and size the boxes that a person had blanked.
    """
    found: list[tuple[Box, frozenset[int]]] = []
    for number, boxes in enumerate(images):
        for box in boxes:
            at_one = [place for place in found if _share_a_line(place[0], box)]
            found = [place for place in found if place not in at_one]
            around, seen = box, frozenset({number})
            for other, before in at_one:
                around, seen = _around(around, other), seen | before
            found.append((around, seen))
    often = (box for box, seen in found if len(seen) >= max(least, len(images) / 2))
    return sorted(often, key=lambda box: (box[1], box[0]))


def _share_a_line(one: Box, other: Box) -> bool:
    """Whether two boxes meet, and the lower of both has half of its height in common with the other."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across > 0 and down * 2 >= min(one[3] - one[1], other[3] - other[1])


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
