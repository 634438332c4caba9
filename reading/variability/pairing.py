"""Lesions of two readers of one subject, paired: which of the first reader's are which of the second's.

Two entries can be the same lesion when they lie in the same organ and are both nodes, or both not. Slices are compared
within a timepoint, where they lie alike in the patient; what lies further apart than the lesion is large is another
one. Of all ways to pair the rest, the one with the least sum of costs is taken (Kuhn 1955, by scipy).

Limits: the slice is known and not the place in it, so two lesions of one size on one slice of one organ can be
exchanged; scans of different timepoints are not registered, so that new lesions seen at different visits pair by organ
and size alone; a pooled entry ("multiple liver lesions") pairs with one lesion at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

#: Slices this near may show the same lesion, whatever its size, mm.
REACH_MM = 10.0
#: A pair dearer than this is none. A cost is that of place, 0 to 1, of size, up to 0.5, and of another category.
DEAREST = 1.0
_PLACE_UNKNOWN, _SIZE_UNKNOWN, _OTHER_CATEGORY = 0.6, 0.25, 0.1
_OUT_OF_REACH = 1e6


@dataclass(frozen=True, slots=True)
class FoundLesion:
    """A lesion where a reader first saw it.

    Attributes
    ----------
    id, category
        Its name (T01) and what the reader took it for: target, non_target or new.
    organ, nodal
        As the reader stated them.
    timepoint
        At which it was found.
    series, orientation
        What it was measured on, and how the slices lie in the patient (axial, ...); empty where unknown.
    slice_mm
        Place of the slice along the slice normal, in patient space; None where unknown.
    size_mm
        Diameter; None for what was not measured.
    """

    id: str
    category: str
    organ: str
    nodal: bool = False
    timepoint: str = ""
    series: str = ""
    orientation: str = ""
    slice_mm: float | None = None
    size_mm: float | None = None


@dataclass(frozen=True, slots=True)
class LesionPair:
    """The same lesion by both readers; `cost` is 0 where place, size and category are the same."""

    first: FoundLesion
    second: FoundLesion
    cost: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which lesions are the same, and those that one reader alone has; in the order of the readers' lists."""

    pairs: tuple[LesionPair, ...]
    only_first: tuple[FoundLesion, ...]
    only_second: tuple[FoundLesion, ...]


def pair_lesions(first: Sequence[FoundLesion], second: Sequence[FoundLesion]) -> Pairing:
    """Pair two readers' lesions so that the sum of costs is least; leaving a lesion alone costs half of `DEAREST`.

    Parameters
    ----------
    first, second
        Each reader's lesions of one subject, ids unique within a reader. New lesions pair with new lesions only, for
        what a reader has at baseline is not new.
    """
    n, m = len(first), len(second)
    costs = np.full((n + m, n + m), _OUT_OF_REACH)
    for row, a in enumerate(first):
        for column, b in enumerate(second):
            costs[row, column] = _cost(a, b)
    # Each lesion can stay alone, with a partner of its own that stands for nobody.
    costs[np.arange(n), m + np.arange(n)] = DEAREST / 2
    costs[n + np.arange(m), np.arange(m)] = DEAREST / 2
    costs[n:, m:] = 0.0
    rows, columns = scipy.optimize.linear_sum_assignment(costs)
    matched = sorted((int(r), int(c)) for r, c in zip(rows, columns, strict=True) if r < n and c < m)
    of_first, of_second = {row for row, _ in matched}, {column for _, column in matched}
    return Pairing(
        tuple(LesionPair(first[r], second[c], float(costs[r, c])) for r, c in matched),
        tuple(lesion for row, lesion in enumerate(first) if row not in of_first),
        tuple(lesion for column, lesion in enumerate(second) if column not in of_second),
    )


def _cost(a: FoundLesion, b: FoundLesion) -> float:
    if (a.organ, a.nodal) != (b.organ, b.nodal) or (a.category == "new") != (b.category == "new"):
        return _OUT_OF_REACH
    cost = _place(a, b) + _size(a, b) + (_OTHER_CATEGORY if a.category != b.category else 0.0)
    return cost if cost <= DEAREST else _OUT_OF_REACH


def _place(a: FoundLesion, b: FoundLesion) -> float:
    """Distance as a share of how far the slices of one lesion can lie apart; above 1 out of reach."""
    lie_alike = a.series == b.series if a.series else False
    lie_alike = lie_alike or (bool(a.orientation) and a.orientation == b.orientation)
    if a.slice_mm is None or b.slice_mm is None or a.timepoint != b.timepoint or not lie_alike:
        return _PLACE_UNKNOWN
    share = abs(a.slice_mm - b.slice_mm) / max(REACH_MM, a.size_mm or 0.0, b.size_mm or 0.0)
    return share if share <= 1 else _OUT_OF_REACH


def _size(a: FoundLesion, b: FoundLesion) -> float:
    """Half at most: of two sizes one is twice the other, or more."""
    if not a.size_mm or not b.size_mm:
        return _SIZE_UNKNOWN
    return min(1.0, abs(math.log2(a.size_mm / b.size_mm))) / 2
