"""Volumes of painted regions: runs of pixels in slices, and the room that a pixel stands for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from compliance.errors import HouseError

#: Numbers in the runs of one picture, far more than a hand paints.
MOST_RUNS = 200_000


class InvalidRuns(HouseError):
    """What was painted does not fit the picture that it names."""

    code = "invalid_segment"
    status = 422


def painted(runs: Sequence[object], pixels: int) -> int:
    """Count the pixels inside a region.

    Parameters
    ----------
    runs
        Numbers of pixels outside and inside, in turn, row by row; what is left over lies outside.
    pixels
        Rows times columns of the picture.

    Raises
    ------
    InvalidRuns
    """
    whole = [run for run in runs if isinstance(run, int) and not isinstance(run, bool) and run >= 0]
    if len(whole) != len(runs) or len(runs) > MOST_RUNS or sum(whole) > pixels:
        raise InvalidRuns("What was painted does not fit its picture, so it was not stored. Reload the page.")
    return sum(whole[1::2])


def volume_ml(
    counts: Sequence[tuple[float | None, int]],
    positions: Sequence[float],
    spacing: tuple[float, float] | None,
    interval: float | None,
) -> Decimal | None:
    """Volume of a region in millilitres; None where the series does not say how large its voxels are.

    A slice stands for the room half-way to its neighbours, and one at an end for as much on either side.

    Parameters
    ----------
    counts
        For each slice its position along the normal (mm, None: not known) and its painted pixels.
    positions
        Of all slices of the series, mm.
    spacing
        Between rows and between columns, mm.
    interval
        Between slices, mm, where positions are not known.
    """
    if spacing is None:
        return None
    ordered = sorted(set(positions))
    total = 0.0
    for position, count in counts:
        thickness = interval if position is None or len(ordered) < 2 else _thickness(position, ordered)
        if thickness is None:
            return None
        total += count * spacing[0] * spacing[1] * thickness
    return Decimal(total / 1000).quantize(Decimal("0.001"))


def _thickness(position: float, ordered: Sequence[float]) -> float:
    gaps = [after - before for before, after in pairwise(ordered)]
    at = ordered.index(position)
    beside = gaps[max(at - 1, 0) : at + 1]
    return sum(beside) / len(beside)
