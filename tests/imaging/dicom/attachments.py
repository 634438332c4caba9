"""Attachments as phones, cameras and screens write them, with things planted that must not come through."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

#: Planted in places of every kind of file.
SECRETS = (b"Quillbrook", b"+59.9139+010.7522", b"Harrowgate Phone 9")
SECRET = b" ".join(SECRETS)


def pixels(rows: int = 24, columns: int = 40, samples: int = 3) -> np.ndarray:
    """A gradient, whose corners differ."""
    ramp = np.add.outer(np.arange(rows) * 5, np.arange(columns) * 3) % 256
    return np.stack([ramp, ramp[::-1], ramp[:, ::-1]][:samples], axis=-1).astype(np.uint8).squeeze()


def jpeg(*, orientation: int = 1, samples: int = 3, **options: object) -> bytes:
    """A JPEG with EXIF (place, maker, description), XMP, a comment, and a film behind its end."""
    image = Image.fromarray(pixels(samples=samples))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x010F] = orientation, SECRETS[0].decode(), SECRETS[2].decode()
    exif.get_ifd(0x8825)[29] = SECRETS[1].decode()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, exif=exif, comment=SECRET, xmp=SECRET, **options)
    return buffer.getvalue() + SECRET


def png(mode: str = "RGB", rows: int = 24, columns: int = 40) -> bytes:
    """A PNG with a text chunk."""
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Author", SECRET.decode())
    buffer = io.BytesIO()
    Image.fromarray(pixels(rows, columns)).convert(mode).save(buffer, "PNG", pnginfo=notes)
    return buffer.getvalue()


def png_bomb(side: int) -> bytes:
    """A PNG of a few bytes that says that it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")


def pdf() -> bytes:
    """The smallest PDF."""
    return b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def box(kind: bytes, *content: bytes) -> bytes:
    """One box of an MP4."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


FRAMES = (b"\x00\x00\x00\x05\x65frame-one", b"\x00\x00\x00\x05\x41frame-two!", b"\x00\x00\x00\x05\x41frame-three")


def mp4(
    *,
    profile: int = 100,
    level: int = 40,
    codec: bytes = b"avc1",
    size: tuple[int, int] = (64, 48),
    timescale: int = 600,
    duration: int = 60,
    index_first: bool = False,
    chunk_shift: int = 0,
    films: int = 1,
) -> bytes:
    """A film of three frames with sound beside it, a place and a title, and a frame rate of 30 Hz."""
    start = box(b"ftyp", b"isom\0\0\0\0isomavc1")
    sound = b"voice " + SECRET
    free = box(b"free", SECRET)

    def track(handler: bytes, entry: bytes, samples: tuple[bytes, ...], place: int) -> bytes:
        table = box(
            b"stbl",
            box(b"stsd", struct.pack(">II", 0, 1), entry),
            box(b"stts", struct.pack(">IIII", 0, 1, len(samples), duration // len(samples))),
            box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(samples), 1)),
            box(b"stsz", struct.pack(f">III{len(samples)}I", 0, 0, len(samples), *map(len, samples))),
            box(b"stco", struct.pack(">III", 0, 1, place)),
        )
        clock = struct.pack(">IIIIIHH", 0, 3_800_000_000, 3_800_000_000, timescale, duration, 0, 0)
        named = struct.pack(">II4s12x", 0, 0, handler) + SECRETS[2] + b"\0"
        return box(
            b"trak",
            box(b"tkhd", struct.pack(">III", 7, 3_800_000_000, 3_800_000_000) + bytes(72)),
            box(b"mdia", box(b"mdhd", clock), box(b"hdlr", named), box(b"minf", table)),
            box(b"udta", box(b"name", SECRET)),
        )

    def index(media: int) -> bytes:
        avc, hevc = bytes((1, profile, 0, level, 255, 225)), bytes((1, profile, *bytes(10), level, *bytes(10)))
        name = bytes((9,)) + SECRETS[0].ljust(31, b"\0")
        visual = bytes(24) + struct.pack(">HH", *size) + bytes(14) + name + bytes(4)
        settings = box(b"hvcC", hevc) if codec == b"hvc1" else box(b"avcC", avc)
        film = box(codec, visual, settings, box(b"note", SECRET))
        first = media + 8 + chunk_shift
        return box(
            b"moov",
            box(b"mvhd", struct.pack(">III", 0, 3_800_000_000, 3_800_000_000) + bytes(88)),
            *[track(b"vide", film, FRAMES, first)] * films,
            track(b"soun", box(b"mp4a", bytes(28)), (sound,), first + sum(map(len, FRAMES))),
            box(b"udta", box(b"\xa9xyz", SECRETS[1])),
            box(b"meta", SECRET),
        )

    media = box(b"mdat", *FRAMES, sound)
    if index_first:
        return start + index(len(start) + len(index(0)) + len(free)) + free + media
    return start + free + media + index(len(start + free)) + box(b"uuid", SECRET)
