"""A small picture of a series, by which it is recognised in a list."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from imaging.dicom.rendering import Window, render_frame

#: Pixels along the longer side, at most.
LARGEST = 128


def thumbnail(path: str, frame: int, window: tuple[float, float] | None) -> bytes:
    """Return a frame (from 0) of a file as a PNG of at most 128 pixels a side, in a window or its own."""
    shown = render_frame(Path(path), frame=frame, window=Window(*window) if window else None)
    with Image.open(io.BytesIO(shown)) as image:
        image.thumbnail((LARGEST, LARGEST))
        buffer = io.BytesIO()
        image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
