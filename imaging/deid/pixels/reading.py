"""Where a picture holds text that may tell of a person. What was read goes nowhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imaging.deid.pixels.networks import Box, Picture, detect, read

#: Larger pictures are looked at in tiles that overlap by a sixth, so that memory has a bound and text keeps its size.
TILE, _OVERLAP = 640, 6
#: Pictures smaller than this are enlarged.
_SMALL = 400
_LEAST_CERTAIN = 0.5
#: So certain the network is of words; of anatomy that it takes for letters it is not.
_CLEAR, _WORD = 0.8, 3
#: The network is as sure of a line in a script that the other one cannot read.
_SURE_WITHOUT_READING = 0.85
#: Depths, gains and tick marks say nothing of a person, and measuring needs them.
_SCALE = re.compile(r"[-+]?(\d{1,3}|\d{1,2}[.,]\d)( ?(cm|mm|dB|Hz|MHz|fps|%))?")


class Line(NamedTuple):
    """A line of text that may tell of a person: where it is, never what is written there.

    Attributes
    ----------
    clear
        Three characters and more of it are read with certainty.
    named
        It holds one of the words that are known of the person.
    """

    box: Box
    clear: bool
    named: bool


def find_text(views: Sequence[Picture], words: Collection[str], *, scale: float = 1) -> list[Box]:
    """Boxes of text, in pixels of the picture; see `telling_lines`."""
    return sorted({line.box for line in telling_lines(views, words, scale=scale)})


def telling_lines(views: Sequence[Picture], words: Collection[str], *, scale: float = 1) -> list[Line]:
    """Lines of text that may tell of a person.

    Left out are single letters, such as marks of the side, and numbers of a scale, unless they are among `words`.

    Parameters
    ----------
    views
        The same picture (rows, columns, 3) in one or more windows.
    words
        What is known of the person; found as whole words without regard to case.
    scale
        Enlargement. Two scales see different things.
    """
    known = frozenset(word.casefold() for word in words)
    found = []
    for view in views:
        for box, picture, certain in lines_in(view, scale=scale):
            text, read_well = read_line(picture)
            named = not known.isdisjoint(re.findall(r"\w+", text.casefold()))
            if named or _tells(text, read_well, certain):
                found.append(Line(box, read_well >= _CLEAR and _length(text) >= _WORD, named))
    return found


def words_in(view: Picture) -> frozenset[str]:
    """Words read in a picture, without regard to case; for comparing with what is known of the person."""
    texts = [read_line(line)[0] for _, line, _ in lines_in(view) if line.size]
    return frozenset(word for text in texts for word in re.findall(r"\w+", text.casefold()))


def lines_in(view: Picture, *, scale: float = 1) -> Iterator[tuple[Box, Picture, float]]:
    """Lines of text in a picture: the box in its pixels, the line as it was seen, and how sure the network is."""
    import cv2

    rows, columns = view.shape[:2]
    factor = scale * (2 if min(rows, columns) < _SMALL else 1)
    side = int(TILE / factor)
    for x, y in ((x, y) for y in _starts(rows, side) for x in _starts(columns, side)):
        tile = view[y : y + side, x : x + side]
        if factor != 1:
            size = (round(tile.shape[1] * factor), round(tile.shape[0] * factor))
            tile = cv2.resize(tile, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        for (left, top, right, bottom), certain in detect(tile):
            box = (
                x + int(left / factor),
                y + int(top / factor),
                min(x - int(-right // factor), columns),
                min(y - int(-bottom // factor), rows),
            )
            yield box, tile[top:bottom, left:right], certain


def read_line(line: Picture) -> tuple[str, float]:
    """Text of one line, which may stand upright or on its side, and the mean certainty of its characters."""
    upright = line.shape[0] <= 1.5 * line.shape[1]
    turned = [line] if upright else [np.rot90(line), np.rot90(line, 3)]
    return max((read(one) for one in turned), key=lambda result: result[1])


def views_of(frame: NDArray[Any]) -> list[Picture]:
    """Pictures of 8 bits of one frame (rows, columns) or (rows, columns, 3).

    Deeper ones are shown twice: without their most extreme values, and whole, since text is often written with these.
    """
    if frame.dtype == np.uint8:
        return [frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)]
    low, high = np.percentile(frame, (1, 99))
    windows = {(float(low), float(high)), (float(frame.min()), float(frame.max()))}
    shown = []
    for bottom, top in sorted(windows):
        scaled = (frame.astype(np.float32) - bottom) * (255 / max(top - bottom, 1))
        grey = scaled.clip(0, 255).astype(np.uint8)
        shown.append(grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2))
    return shown


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    return [*range(0, last, side - side // _OVERLAP), last]


def _tells(text: str, read_well: float, certain: float) -> bool:
    if _SCALE.fullmatch(text.strip()):
        return False
    if _length(text) >= 2:
        return read_well >= _LEAST_CERTAIN or certain >= _SURE_WITHOUT_READING
    return not text and certain >= _SURE_WITHOUT_READING


def _length(text: str) -> int:
    return sum(character.isalnum() for character in text)
