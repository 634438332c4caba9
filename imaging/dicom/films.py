"""Films in DICOM objects: where the stream lies, and what in it is not the picture, made nothing.

An MP4 container alone is taken (PS3.5 §8.2.7, §8.2.11 allow it for H.264 and HEVC): browsers play no transport stream
and no bare stream, so that no person could look at one here. Of the film itself, messages that may hold text (user
data, captions: ISO/IEC 14496-10 and 23008-2, annex D) and units without a meaning become filler of the same size.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from compliance.errors import HouseError
from imaging.dicom import movies

#: Transfer syntaxes of PS3.6 table A-1, with those for fragments (".1" behind): MPEG-2, H.264, HEVC.
_ROOT = "1.2.840.10008.1.2.4."
_CODECS = {
    **dict.fromkeys(("100", "101"), "mpeg2"),
    **dict.fromkeys(("102", "103", "104", "105", "106"), "avc"),
    **dict.fromkeys(("107", "108"), "hevc"),
}
#: Units of a stream: which it consists of, which hold messages, and the one of no meaning with its head.
_UNITS = {"avc": frozenset({1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 19}), "hevc": frozenset({*range(10), *range(16, 22)})}
_UNITS["hevc"] |= frozenset(range(32, 38))
_MESSAGES = {"avc": frozenset({6}), "hevc": frozenset({39, 40})}
_FILLER = {"avc": b"\x0c", "hevc": b"\x4c\x01"}
#: Units that begin with a slice of a picture; the first bit behind their head tells the first slice.
_SLICES = {"avc": frozenset({1, 2, 5}), "hevc": frozenset({*range(10), *range(16, 22)})}
#: Messages made of numbers alone: buffers, recovery, hashes, colour. The timing of H.264 may tell the time of day.
_NUMBERS = {
    "avc": frozenset({0, 2, 6, 7, 45, 137, 144, 147}),
    "hevc": frozenset({0, 1, 2, 6, 129, 130, 132, 137, 144, 147}),
}


class FilmNotTaken(HouseError):
    """The film is stored in a way that is not cleaned here, and that no browser plays."""

    code = "film_not_taken"
    status = 422


@dataclass(frozen=True, slots=True)
class Film:
    """A film as its own container tells it; `content_type` names the codec as browsers ask for it (RFC 6381)."""

    content_type: str
    rows: int
    columns: int
    frames: int
    duration_s: float
    steady: bool

    @property
    def frame_ms(self) -> float:
        """Milliseconds from frame to frame."""
        return self.duration_s * 1000 / self.frames


def is_film(transfer_syntax_uid: str) -> bool:
    """Tell whether pixel data of a transfer syntax are a film."""
    return codec_of(transfer_syntax_uid) != ""


def codec_of(transfer_syntax_uid: str) -> str:
    """Return `mpeg2`, `avc` or `hevc`; empty for a syntax of pictures."""
    if not transfer_syntax_uid.startswith(_ROOT):
        return ""
    return _CODECS.get(transfer_syntax_uid.removeprefix(_ROOT).removesuffix(".1"), "")


def stream_of(value: bytes) -> bytes:
    """Return the stream out of the encapsulated value of Pixel Data: all fragments behind the offset table.

    Raises
    ------
    FilmNotTaken
    """
    pieces = [value[begin:end] for begin, end in _items(value)]
    return b"".join(pieces[1:])


def place_of(value: bytes | memoryview) -> tuple[int, int]:
    """Return where the film lies in the encapsulated value that `encapsulated` made: begin and length.

    Raises
    ------
    FilmNotTaken
    """
    found = list(_items(value))
    if len(found) != 2:
        raise FilmNotTaken("The film lies in pieces, so no part of it can be sent.")
    begin, end = found[1]
    return begin, len(_trimmed(value[begin:end]))


def _items(value: bytes | memoryview) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 8 <= len(value):
        group, element, length = struct.unpack_from("<HHI", value, at)
        if (group, element) != (0xFFFE, 0xE000) or at + 8 + length > len(value):
            break
        yield at + 8, at + 8 + length
        at += 8 + length


def encapsulated(stream: bytes) -> bytes:
    """Return a stream as the value of Pixel Data: an empty offset table, one fragment, and no delimiter."""
    if len(stream) >= 0xFFFFFFFE:
        raise FilmNotTaken("A film of more than 4 GiB is not taken. Export a shorter part.")
    padded = stream + bytes(len(stream) % 2)
    return struct.pack("<HHIHHI", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, len(padded)) + padded


def cleaned(stream: bytes, transfer_syntax_uid: str) -> bytes:
    """Return a film of the same size without what is not needed to show it.

    Raises
    ------
    FilmNotTaken
        It is no MP4 of the codec that its transfer syntax names, it is damaged, or a frame of it has no picture.
    """
    stream, movie = _surveyed(stream)
    codec = codec_of(transfer_syntax_uid)
    if movie.codec != codec:
        raise FilmNotTaken("The film is coded in another way than its header says. Export it again.")
    sink = io.BytesIO()
    try:
        movies.clean_copy(movie, io.BytesIO(stream), sink)
    except HouseError as problem:
        raise FilmNotTaken(problem.message) from problem
    made = bytearray(sink.getvalue())
    try:
        _clean_settings(made, *movie.settings, codec)
    except (LookupError, ValueError) as problem:
        raise FilmNotTaken("The film is damaged or cut off. Send it again from its source.") from problem
    pictures = [_clean_units(made, place, place + length, movie.length_bytes, codec) for place, length in movie.samples]
    if not all(pictures):
        raise FilmNotTaken("The film has frames without a picture. Send it again from its source.")
    return bytes(made)


def described(stream: bytes) -> Film:
    """Return what a film says of itself.

    Raises
    ------
    FilmNotTaken
    """
    _, movie = _surveyed(stream)
    return Film(movie.content_type, movie.rows, movie.columns, movie.frames, movie.duration_s, movie.steady)


def _surveyed(stream: bytes) -> tuple[bytes, movies.Movie]:
    if not movies.is_movie(stream[:12]):
        raise FilmNotTaken("The film is no MP4, so browsers do not play it. Export it as MP4 with H.264.")
    stream = bytes(_trimmed(stream))
    try:
        return stream, movies.survey(io.BytesIO(stream))
    except HouseError as problem:
        raise FilmNotTaken(problem.message) from problem


def _trimmed(stream: bytes | memoryview) -> bytes | memoryview:
    """Cut the zero off that makes the length of a fragment even."""
    at = 0
    while at + 8 <= len(stream):
        size = struct.unpack_from(">I", stream, at)[0]
        if size == 1 and at + 16 <= len(stream):
            size = struct.unpack_from(">Q", stream, at + 8)[0]
        if size < 8:
            return stream
        at += size
    return stream[:at] if at < len(stream) and not any(stream[at:]) else stream


def _clean_units(made: bytearray, start: int, end: int, length_bytes: int, codec: str) -> bool:
    """Go through the units of a sample, each behind its length; return whether they hold a picture."""
    at, pictured = start, False
    while at < end:
        size = int.from_bytes(made[at : at + length_bytes], "big")
        at += length_bytes
        if not size or at + size > end:
            raise FilmNotTaken("The film is damaged or cut off. Send it again from its source.")
        pictured = pictured or _begins_picture(made, at, at + size, codec)
        _clean_unit(made, at, at + size, codec)
        at += size
    return pictured


def _begins_picture(made: bytearray, start: int, end: int, codec: str) -> bool:
    head = len(_FILLER[codec])
    return _kind(made, start, codec) in _SLICES[codec] and end - start > head and made[start + head] >= 128


def _kind(made: bytearray, at: int, codec: str) -> int:
    return made[at] & 31 if codec == "avc" else made[at] >> 1 & 63


def _clean_unit(made: bytearray, start: int, end: int, codec: str) -> None:
    kind = _kind(made, start, codec)
    head = _FILLER[codec]
    if kind in _UNITS[codec]:
        return
    if kind in _MESSAGES[codec] and _has_numbers_alone(bytes(made[start + len(head) : end]), codec):
        return
    size = end - start
    made[start:end] = (head + b"\xff" * max(size - len(head) - 1, 0) + b"\x80")[:size]


def _has_numbers_alone(escaped: bytes, codec: str) -> bool:
    """Whether all messages of a unit are of kinds that hold numbers."""
    content = escaped.replace(b"\0\0\3", b"\0\0").rstrip(b"\0")
    at, found = 0, 0
    while at < len(content) - 1:
        numbers = []
        for _ in range(2):  # kind and size, each in bytes of 255 and a last one
            number = 0
            while at < len(content) and content[at] == 255:
                number, at = number + 255, at + 1
            if at >= len(content):
                return False
            numbers.append(number + content[at])
            at += 1
        kind, size = numbers
        if kind not in _NUMBERS[codec] or at + size > len(content):
            return False
        at, found = at + size, found + 1
    return found > 0 and content[at:] == b"\x80"


def _clean_settings(made: bytearray, at: int, end: int, codec: str) -> None:
    """Messages may stand in the decoder's settings too (ISO/IEC 14496-15 §5.3.3.1, §8.3.3.1), and words behind them."""
    if codec == "hevc":
        arrays, at = made[at + 22], at + 23
        for _ in range(arrays):
            kind, count = made[at] & 63, int.from_bytes(made[at + 1 : at + 3], "big")
            place, at = at, _clean_listed(made, at + 3, count, end, codec)
            if kind not in _UNITS["hevc"]:
                made[place] = made[place] & 192 | 38
    else:
        at = _clean_listed(made, at + 6, made[at + 5] & 31, end, codec)
        at = _clean_listed(made, at + 1, made[at], end, codec)
        if at + 4 <= end:  # High Profile: how colours are sampled, three bytes, and more settings
            at = _clean_listed(made, at + 4, made[at + 3], end, codec)
    made[at:end] = bytes(end - at)


def _clean_listed(made: bytearray, at: int, count: int, end: int, codec: str) -> int:
    """Go through units of the settings, each behind a length of two bytes; return where they end."""
    for _ in range(count):
        size = int.from_bytes(made[at : at + 2], "big")
        if not size or at + 2 + size > end:
            raise FilmNotTaken("The film is damaged or cut off. Send it again from its source.")
        _clean_unit(made, at + 2, at + 2 + size, codec)
        at += 2 + size
    return at
