"""What a compressed frame says of itself before it is decoded: its size, and the bits of a sample."""

from __future__ import annotations

#: Begin of JPEG 2000 with its size (ISO/IEC 15444-1 §A.5.1), and of JPEG and JPEG-LS.
_JPEG_2000, _JPEG = b"\xff\x4f\xff\x51", b"\xff\xd8"
#: Headers of frames: T.81 table B.1, T.87 §C.1.1.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}


def size_of(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns that a JPEG, JPEG-LS or JPEG 2000 stream claims; None when it is none of these."""
    if stream.startswith(_JPEG_2000):
        width, height, left, top = (int.from_bytes(stream[at : at + 4], "big") for at in (8, 12, 16, 20))
        return height - top, width - left
    frame = _frame_header(stream)
    return (int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")) if frame else None


def precision(stream: bytes) -> int:
    """Bits that a compressed frame has for each sample, from its header; 0 where that is not understood.

    The widest component of JPEG 2000 counts (T.800 §A.5.1), the first frame header of JPEG and JPEG-LS (T.81 §B.2.2).
    """
    if stream.startswith(_JPEG_2000):
        components = int.from_bytes(stream[40:42], "big")
        sizes = stream[42 : 42 + 3 * components : 3]
        return max((size & 0x7F for size in sizes), default=-1) + 1
    frame = _frame_header(stream)
    return frame[0] if frame else 0


def _frame_header(stream: bytes) -> bytes:
    """Precision, rows and columns of a JPEG or JPEG-LS stream, as they stand in it; empty if they do not."""
    at = 2
    while stream.startswith(_JPEG) and len(stream) >= at + 9 and stream[at] == 0xFF:
        if stream[at + 1] in _FRAMES:
            return stream[at + 4 : at + 9]
        at += 1 if stream[at + 1] == 0xFF else 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return b""
