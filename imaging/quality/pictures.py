"""What the slices of a stack say together, from the measures of each (`imaging.quality.pixels`)."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

#: From these shares on: of a picture's pixels at the highest value that can be stored, or below air; of the edge of the
#: field of view that is body.
_CLIPPED, _BELOW_AIR, _EDGE = 0.005, 0.001, 0.1


def together(frames: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Facts of a stack by their names in `SeriesFacts`; nothing where no slice was measured.

    Parameters
    ----------
    frames
        Measures of each slice, in the order of their places; an empty one for a slice that was not measured.
    """
    numbered = [(number, one) for number, one in enumerate(frames, start=1) if one]
    if not numbered:
        return {}
    seen = Counter(one["digest"] for _, one in numbered if one["low"] != one["high"])
    blank = [number for number, one in numbered if one["low"] == one["high"]]
    signals = [one["signal"] for _, one in numbered if "signal" in one]
    noises = [one["noise"] for _, one in numbered if "noise" in one]
    jump, place = _largest_jump(frames)
    return {
        "n_measured": len(numbered),
        "lowest": min(one["low"] for _, one in numbered),
        "highest": max(one["high"] for _, one in numbered),
        "blank_slices": len(blank),
        "first_blank_slice": blank[0] if blank else None,
        "repeated_pictures": sum(count - 1 for count in seen.values()),
        "clipped_slices": sum(one.get("clipped", 0) > _CLIPPED for _, one in numbered),
        "below_air_slices": sum(one.get("below_air", 0) > _BELOW_AIR for _, one in numbered),
        "cut_off_slices": sum(one.get("edge", 0) > _EDGE for _, one in numbered),
        "signal": round(statistics.median(signals), 3) if signals else None,
        "noise": round(statistics.median(noises), 3) if noises else None,
        "ghosting": _median([one["ghost"] for _, one in numbered if "ghost" in one]),
        "jump_mm": jump,
        "jump_slice": place,
    }


def _median(values: Sequence[float]) -> float | None:
    return round(statistics.median(values), 4) if values else None


def _largest_jump(frames: Sequence[Mapping[str, Any]]) -> tuple[float | None, int | None]:
    """How far the middle of the body in a slice is from between those of its neighbours, at most, and where."""
    found: list[tuple[float, int]] = []
    for number in range(1, len(frames) - 1):
        three = frames[number - 1 : number + 2]
        if not all("x" in one for one in three):
            continue
        areas = [one["area"] for one in three]
        if min(areas) < 0.6 * max(areas):
            continue  # shoulders and the crown of the head change the outline at once
        before, here, after = three
        away = [here[axis] - (before[axis] + after[axis]) / 2 for axis in ("x", "y")]
        found.append((round((away[0] ** 2 + away[1] ** 2) ** 0.5, 2), number + 1))
    return max(found, default=(None, None), key=lambda one: one[0] or 0.0)
