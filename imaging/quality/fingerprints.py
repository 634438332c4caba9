"""How much a CT looks like another: coarse radiographs of what is dense, laid over each other.

Bones and organs keep their places from scan to scan, while weight, breath, phase and dose change. Each slice is a line
of a view from the front and one of a view from the side (`imaging.quality.pixels`); the slices of a series make both.
`docs/quality.md` says how well it tells people apart.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.quality.pixels import BIN_MM, BINS

View = NDArray[np.float64]

#: Lines of a fingerprint lie so far apart, mm; they are compared at half that.
LINE_MM = 2.0
#: What changes slowly along the body, as its girth does, counts for nothing: the mean over so many mm is taken off.
_SLOW_MM = 30.0
#: Two scans are compared where they overlap by this share of the shorter one, and by so many mm.
_OVERLAP, _LEAST_MM = 0.65, 120.0
#: No scan has more lines.
_MOST_LINES = 600


def fingerprint(frames: Sequence[Mapping[str, Any]], positions_mm: Sequence[float]) -> bytes:
    """The two views of a CT, side by side: lines of 2 × `BINS` bytes, packed; nothing if too little was measured.

    Parameters
    ----------
    frames
        Measures of each slice, in the order of their places.
    positions_mm
        Their places along the normal, ascending.
    """
    seen = [(place, one) for place, one in zip(positions_mm, frames, strict=True) if "front" in one]
    if len(seen) < 2 or not _LEAST_MM <= seen[-1][0] - seen[0][0] <= _MOST_LINES * LINE_MM:
        return b""
    middle = np.median([one["middle"] for _, one in seen], axis=0)
    bins = np.arange(BINS)
    lines = []
    for _, one in seen:
        both = [np.frombuffer(base64.b64decode(one[name]), np.uint8) * one["most"] for name in ("front", "side")]
        lines.append(np.concatenate([np.interp(bins + mm / BIN_MM, bins, line)
                                     for line, mm in zip(both, middle, strict=True)]))  # fmt: skip
    view = _evenly(np.array(lines), np.array([place for place, _ in seen]))
    return zlib.compress(np.rint(view / max(float(view.max()), 1e-6) * 255).astype(np.uint8).tobytes())


def likeness(one: bytes, other: bytes) -> float | None:
    """How much two fingerprints look alike where they overlap best: 1 if they are the same; None without an overlap.

    The cosine between them, for each shift along the body; what changes slowly along it is taken off before.
    """
    a, b = (_detail(fingerprint) for fingerprint in (one, other))
    least = max(_OVERLAP * min(len(a), len(b)), 2 * _LEAST_MM / LINE_MM)
    products = a @ b.T
    size_a, size_b = (np.concatenate([[0.0], np.cumsum((view**2).sum(axis=1))]) for view in (a, b))
    best = None
    for shift in range(-len(a), len(b)):
        start, stop = max(0, -shift), min(len(a), len(b) - shift)
        if stop - start < least:
            continue
        size = (size_a[stop] - size_a[start]) * (size_b[stop + shift] - size_b[start + shift])
        here = float(np.trace(products, shift)) / max(float(size), 1e-12) ** 0.5
        best = here if best is None else max(best, here)
    return best


def _evenly(lines: View, places: View) -> View:
    """Lines at even steps: thin slices are averaged, thick ones read between."""
    borders = np.concatenate([places[:1], (places[1:] + places[:-1]) / 2, places[-1:]])
    summed = np.concatenate([np.zeros((1, lines.shape[1])), np.cumsum(lines * np.diff(borders)[:, None], axis=0)])
    wanted = np.arange(places[0], places[-1], LINE_MM)
    columns = [np.interp(wanted, borders, column) for column in summed.T]
    return np.diff(np.stack(columns, axis=1), axis=0) / LINE_MM


@lru_cache(maxsize=64)
def _detail(fingerprint: bytes) -> View:
    """Lines at half steps, without what changes slowly along the body."""
    lines = np.frombuffer(zlib.decompress(fingerprint), np.uint8).reshape(-1, 2 * BINS).astype(np.float64)
    fine = np.empty((2 * len(lines) - 1, 2 * BINS))
    fine[::2], fine[1::2] = lines, (lines[1:] + lines[:-1]) / 2
    half = int(_SLOW_MM / LINE_MM)
    summed = np.cumsum(np.pad(fine, ((half + 1, half), (0, 0)), mode="edge"), axis=0)
    detail: View = fine - (summed[2 * half + 1 :] - summed[: -2 * half - 1]) / (2 * half + 1)
    return detail
