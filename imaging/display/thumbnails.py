"""A small picture of a series, by which it is recognised in a list."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw

from imaging.dicom.films import is_film
from imaging.dicom.headers import read_header
from imaging.dicom.rendering import Window, render_frame

#: Pixels along the longer side, at most.
LARGEST = 128


def thumbnail(path: str, frame: int, window: tuple[float, float] | None) -> bytes:
    """Return a frame (from 0) of a file as a PNG of at most 128 pixels a side, in a window or its own.

    A film, which nobody decodes here, is a sign that it is one.
    """
    if is_film(read_header(Path(path)).transfer_syntax_uid):
        return _png(_sign())
    shown = render_frame(Path(path), frame=frame, window=Window(*window) if window else None)
    with Image.open(io.BytesIO(shown)) as image:
        image.thumbnail((LARGEST, LARGEST))
        return _png(image)


def _sign() -> Image.Image:
    """A strip of film with the arrow of a player."""
    image = Image.new("L", (96, 96), 24)
    draw = ImageDraw.Draw(image)
    for left in range(4, 96, 16):
        for top in (6, 80):
            draw.rectangle((left, top, left + 7, top + 9), fill=90)
    draw.polygon([(36, 30), (36, 66), (66, 48)], fill=220)
    return image


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
