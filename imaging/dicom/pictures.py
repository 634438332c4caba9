"""JPEG and PNG pictures from cameras and screens: cleaned of all that is no picture, within a budget of pixels."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass

from PIL import Image, ImageFile, ImageOps

from compliance.errors import HouseError

#: Pictures of phones have 12 to 24 million pixels; decoded, these fit into the memory of the child four times.
MOST_PIXELS = 40_000_000
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_DAMAGED = "The picture is damaged or cut off. Send it again from its source."

# Marker codes: ISO/IEC 10918-1 table B.1.
_SOI, _EOI, _SOS, _DNL = 0xD8, 0xD9, 0xDA, 0xDC
_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BASELINE, _ADOBE = 0xC0, 0xEE
#: What decoding needs: frame, Huffman and quantisation tables, restart interval, scan.
_NEEDED = frozenset({_BASELINE, 0xC4, 0xDB, 0xDD, _SOS})
_ADOBE_LENGTH = 12


class PictureDamaged(HouseError):
    """The bytes do not make a picture."""

    code = "picture_damaged"
    status = 422


class PictureTooLarge(HouseError):
    """The picture has more pixels than are decoded here."""

    code = "picture_too_large"
    status = 422


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture without metadata; `pixels` are a JPEG stream if `compressed`, else 8-bit samples, pixel by pixel."""

    rows: int
    columns: int
    samples: int
    photometric: str
    pixels: bytes
    compressed: bool = False
    lossy: bool = False


def read_picture(content: bytes) -> Picture:
    """Read a JPEG or PNG; what the camera wrote beside the pixels (place, time, maker, thumbnail) is left behind.

    A baseline JPEG that stands upright stays compressed, sample for sample. Others are decoded and turned upright.

    Raises
    ------
    PictureDamaged, PictureTooLarge
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise PictureTooLarge(
                        f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels. Send it smaller."
                    )
                upright = image.getexif().get(0x0112, 1) in (0, 1)
                # Other users of the library in this process may have told it to fill up what is missing.
                ImageFile.LOAD_TRUNCATED_IMAGES = False
                image.load()
                lossy = image.format == "JPEG"
                if lossy and upright and image.mode in ("L", "RGB") and (stream := without_metadata(content)):
                    return _compressed(image, stream)
                return _decoded(ImageOps.exif_transpose(image), lossy)
        except (OSError, SyntaxError, ValueError, struct.error, IndexError, Image.DecompressionBombError) as problem:
            raise PictureDamaged(_DAMAGED) from problem


def _compressed(image: Image.Image, stream: bytes) -> Picture:
    colour = "YBR_FULL_422" if image.mode == "RGB" else "MONOCHROME2"
    if image.info.get("adobe_transform") == 0 and image.mode == "RGB":
        colour = "RGB"
    return Picture(image.height, image.width, len(image.getbands()), colour, stream, compressed=True, lossy=True)


def _decoded(image: Image.Image, lossy: bool) -> Picture:
    if image.mode == "I;16":
        image = image.point(lambda value: value / 256).convert("L")
    elif "A" in image.getbands() or "transparency" in image.info:
        # What is transparent is not shown, so it must not come to light.
        layers = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    elif image.mode in ("1", "L"):
        image = image.convert("L")
    else:
        image = image.convert("RGB")
    grey = image.mode == "L"
    return Picture(
        image.height, image.width, 1 if grey else 3, "MONOCHROME2" if grey else "RGB", image.tobytes(), lossy=lossy
    )


def without_metadata(content: bytes) -> bytes | None:
    """Return a baseline JPEG with the segments alone that decoding needs, and nothing behind its end; else None.

    EXIF with its place and thumbnail, XMP, colour profiles, comments, and films or further pictures that phones put
    behind the picture are dropped. Of Adobe's segment, which says how colours are coded, its own twelve bytes stay.
    """
    kept, at = bytearray(b"\xff\xd8"), 2
    while True:
        at = content.index(b"\xff", at)
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            return bytes(kept + b"\xff\xd9")
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4])
        segment = content[at : at + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            raise PictureDamaged(_DAMAGED)
        if marker in _FRAMES - {_BASELINE} or marker == _DNL:
            return None
        at += 2 + length
        if marker == _ADOBE and segment[4:9] == b"Adobe":
            kept += b"\xff\xee" + (_ADOBE_LENGTH + 2).to_bytes(2) + segment[4 : 4 + _ADOBE_LENGTH]
        elif marker in _NEEDED:
            kept += segment
        if marker == _SOS:
            end = _end_of_scan(content, at)
            kept += content[at:end]
            at = end


def _end_of_scan(content: bytes, at: int) -> int:
    """Where the entropy-coded data end: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        at = content.index(b"\xff", at)
        follows = content[at + 1]
        if follows != 0 and follows not in _ALONE and follows != 0xFF:
            return at
        at += 1 if follows == 0xFF else 2
