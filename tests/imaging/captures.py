"""Captures with text in their pixels, for the tests of looks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import SecondaryCaptureImageStorage

from tests.factories import scan

RECIPE = {"identifier": "look", "version": "1", "options": ["clean_pixel_data"], "pixels": "review"}
NAME, VIEW = "QUILLBROOK Perpetua", "LIVER SAGITTAL"
ROWS, COLUMNS = 160, 320
#: Over the name, on every capture of this size.
CONSOLE = {
    "name": "console",
    "modality": "OT",
    "rows": ROWS,
    "columns": COLUMNS,
    "regions": [[0, 0, COLUMNS, 60]],
    "reason": "The console writes the name at the top.",
}
#: Where the name and the view are written.
OVER_NAME, OVER_VIEW = (8, 18, 270, 58), (10, 110, 260, 140)


def picture(*lines: tuple[str, int]) -> NDArray[np.uint8]:
    """A dark picture with lines of text, each at a height."""
    image = Image.new("L", (COLUMNS, ROWS))
    for text, top in lines:
        ImageDraw.Draw(image).text((20, top), text, fill=255, font=ImageFont.load_default(20))
    return np.asarray(image)


def capture(*pictures: NDArray[np.uint8], number: int = 1, **others: Any) -> bytes:
    """A secondary capture of the subject with one frame per picture, and other attributes by keyword."""
    shape = {"Rows": ROWS, "Columns": COLUMNS, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    frames: dict[str, Any] = {"NumberOfFrames": len(pictures)} if len(pictures) > 1 else {}
    values = {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "OT", "InstanceNumber": number}
    content = b"".join(one.tobytes() for one in pictures)
    scanned = {"SOPInstanceUID": f"1.2.826.0.1.3680043.9.7777.5.{number}", "PixelData": content}
    return scan("N-001", slices=1, **shape, **frames, **(values | scanned | others))[0]
