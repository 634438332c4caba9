"""What compressed frames carry beside the picture: comments and application data, in which encoders write anything.

Segments are left out; nothing is decoded, and the picture stays as it is, bit for bit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_LENGTH = struct.Struct("<I")
_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f"
# JPEG (T.81 §B.1) and JPEG-LS (T.87 annex C).
_SOS, _EOI, _COMMENT = 0xDA, 0xD9, 0xFE
_APPLICATIONS = range(0xE0, 0xF0)
_RESTARTS = range(0xD0, 0xD8)
# JPEG 2000 (T.800 annex A).
_TILE, _COMMENT_2000 = 0x90, 0x64
#: Application data without which colours are read wrongly: what they begin with, and how much of them is needed.
_NEEDED = {0xE0: (b"JFIF\0", 12), 0xE8: (b"mrfx", 5), 0xEE: (b"Adobe", 12)}


def without_comments(pixel_data: bytes) -> bytes:
    """Return encapsulated pixel data without comments and application data; itself when there are none.

    The table of offsets is written anew. A stream that runs over several fragments, or that is not understood, stays as
    it is: whether it names somebody is for the search of the output to say.

    Parameters
    ----------
    pixel_data
        The value of encapsulated Pixel Data: items of a table of offsets and of fragments (PS3.5 §A.4).
    """
    items = list(_items(pixel_data))
    if len(items) < 2:
        return pixel_data
    table, fragments = items[0], items[1:]
    cleaned = [_cleaned(fragment) for fragment in fragments]
    if cleaned == fragments:
        return pixel_data
    offsets = _moved(table, fragments, cleaned)
    if offsets is None:
        return pixel_data
    pieces = [_ITEM + _LENGTH.pack(len(one)) + one for one in (offsets, *cleaned)]
    end = pixel_data[-8:] if pixel_data[-8:-4] == _DELIMITER else b""
    return b"".join(pieces) + end


def _items(value: bytes) -> Iterator[bytes]:
    """Contents of the items; none if they are not as the standard has them."""
    at, found = 0, []
    while value[at : at + 4] == _ITEM:
        length = _LENGTH.unpack_from(value, at + 4)[0]
        if at + 8 + length > len(value):
            return
        found.append(value[at + 8 : at + 8 + length])
        at += 8 + length
    if value[at:] in (b"", _DELIMITER + bytes(4)):
        yield from found


def _moved(table: bytes, fragments: list[bytes], cleaned: list[bytes]) -> bytes | None:
    """The table of offsets for fragments of other lengths; none if it points beside them."""
    places: dict[int, int] = {}
    before = after = 0
    for old, new in zip(fragments, cleaned, strict=True):
        places[before] = after
        before, after = before + 8 + len(old), after + 8 + len(new)
    if len(table) % 4:
        return None
    offsets = [offset for (offset,) in _LENGTH.iter_unpack(table)]
    if not all(offset in places for offset in offsets):
        return None
    return b"".join(_LENGTH.pack(places[offset]) for offset in offsets)


def _cleaned(fragment: bytes) -> bytes:
    if fragment.startswith(_JPEG):
        cleaned = _jpeg(fragment)
    elif fragment.startswith(_JPEG_2000):
        cleaned = _jpeg_2000(fragment)
    else:
        return fragment
    if cleaned is None or len(cleaned) >= len(fragment.rstrip(b"\0")):
        return fragment
    return cleaned + b"\0" * (len(cleaned) % 2)


def _jpeg(stream: bytes) -> bytes | None:
    """Return a whole JPEG stream, up to its end, without the segments that say nothing of the picture."""
    kept, at = [stream[:2]], 2
    while True:
        while stream[at : at + 2] == b"\xff\xff":
            at += 1
        if len(stream) < at + 2 or stream[at] != 0xFF:
            return None
        marker = stream[at + 1]
        if marker == _EOI:
            return b"".join((*kept, stream[at : at + 2]))
        length = int.from_bytes(stream[at + 2 : at + 4], "big")
        segment = stream[at : at + 2 + length]
        if length < 2 or len(segment) != length + 2:
            return None
        at += len(segment)
        if marker == _SOS:
            end = _end_of_scan(stream, at)
            kept += [segment, stream[at:end]]
            at = end
        elif marker in _APPLICATIONS:
            kept += _needed(marker, segment[4:])
        elif marker != _COMMENT:
            kept.append(segment)


def _needed(marker: int, content: bytes) -> Iterator[bytes]:
    """The part of application data that decoding needs."""
    begin, size = _NEEDED.get(marker, (b"", 0))
    if size and content.startswith(begin) and len(content) >= size:
        part = content[:size] + (b"\0\0" if marker == 0xE0 else b"")  # JFIF: a thumbnail of no pixels
        yield bytes((0xFF, marker)) + (len(part) + 2).to_bytes(2, "big") + part


def _end_of_scan(stream: bytes, at: int) -> int:
    """Where the next marker stands; in JPEG-LS what follows 0xFF within a scan is below 0x80, in JPEG it is zero."""
    while (at := stream.find(b"\xff", at)) >= 0 and at + 1 < len(stream):
        if stream[at + 1] >= 0x80 and stream[at + 1] not in _RESTARTS and stream[at + 1] != 0xFF:
            return at
        at += 1
    return len(stream)


def _jpeg_2000(stream: bytes) -> bytes | None:
    """Return a JPEG 2000 stream without the comments of its main header."""
    kept, at = [stream[:2]], 2
    while True:
        if len(stream) < at + 4 or stream[at] != 0xFF:
            return None
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker == _TILE:
            return b"".join((*kept, stream[at:]))
        segment = stream[at : at + 2 + length]
        if length < 2 or len(segment) != length + 2:
            return None
        at += len(segment)
        if marker != _COMMENT_2000:
            kept.append(segment)
