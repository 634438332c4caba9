"""Films from phones and portable devices: an MP4's boxes read under budgets, and everything but the film blanked.

ISO/IEC 14496-12 (boxes), 14496-15 (avcC, hvcC). A copy has the same size as the original, so that every offset in it
holds: what is not needed to show the film (place, maker, titles, sound, other tracks) becomes a `free` box of zeros,
and bytes of the media data that are no sample of the film become zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO

from compliance.errors import HouseError

#: Bytes of the index (`moov`), boxes in it, and frames of a film that are read at most: hours of film.
MOST_INDEX, MOST_BOXES, MOST_FRAMES = 64 * 1024**2, 10_000, 1_000_000
_CHUNK = 1 << 20
_HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf"})
_KEPT = frozenset(
    {b"mvhd", b"tkhd", b"elst", b"mdhd", b"vmhd", b"dref", b"stsd", b"stts", b"stss", b"ctts", b"stsc", b"stsz"}
    | {b"stco", b"co64", b"hdlr"}
)
_TIMED = frozenset({b"mvhd", b"tkhd", b"mdhd"})
#: Bytes of a box's content in versions 0 and 1, and of an entry of a table behind its count: what follows is no one's.
_LENGTHS = {b"mvhd": (100, 112), b"tkhd": (84, 96), b"mdhd": (24, 36), b"vmhd": (12, 12)}
_ENTRIES = {b"stts": 8, b"stss": 4, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8}
#: Bytes of what describes the shape of pixels and their colours; of `colr`, by its type, numbers alone.
_SHAPES, _COLOURS = {b"pasp": 8, b"clap": 32}, {b"nclx": 11, b"nclc": 10}
#: Brands that say by which rules a file is written; any other word in their place may be somebody's.
_BRANDS = frozenset(
    {b"isom", *(b"iso%d" % n for n in range(2, 10)), b"mp41", b"mp42", b"avc1", b"hvc1", b"hev1", b"qt  ", b"M4V "}
)
_MOST_BRANDS = 4096
#: Transfer syntaxes by codec: the highest level (times ten; HEVC: times thirty) and the UID (PS3.5 §8.2.7, §8.2.11).
_AVC_HIGH, _HEVC_MAIN, _HEVC_MAIN_10 = 100, 1, 2
_SYNTAXES = {
    ("avc", _AVC_HIGH): ((41, "1.2.840.10008.1.2.4.102"), (42, "1.2.840.10008.1.2.4.104")),
    ("hevc", _HEVC_MAIN): ((153, "1.2.840.10008.1.2.4.107"),),
    ("hevc", _HEVC_MAIN_10): ((153, "1.2.840.10008.1.2.4.108"),),
}


class MovieDamaged(HouseError):
    """The bytes do not make a film."""

    code = "movie_damaged"
    status = 422


class MovieNotTaken(HouseError):
    """The film is coded in a way for which DICOM has no transfer syntax."""

    code = "movie_not_taken"
    status = 422


@dataclass(slots=True)
class Movie:
    """A film as its boxes describe it.

    Attributes
    ----------
    duration_s
        Of all frames together.
    pieces
        What a clean copy holds, by place in the file: bytes, or the number of them to be copied. The rest is zeros.
    codec
        `avc` or `hevc`; `content_type` names it as browsers ask for it.
    samples
        Place and length of each sample: units, each behind its length of `length_bytes`.
    steady
        Whether all frames but the last stand equally long.
    settings
        Begin and end of the decoder's settings: the content of avcC or hvcC.
    """

    rows: int = 0
    columns: int = 0
    frames: int = 0
    duration_s: float = 0.0
    transfer_syntax_uid: str = ""
    size: int = 0
    pieces: list[tuple[int, bytes | int]] = field(default_factory=list)
    codec: str = ""
    content_type: str = ""
    length_bytes: int = 4
    steady: bool = True
    settings: tuple[int, int] = (0, 0)
    samples: list[tuple[int, int]] = field(default_factory=list)


def is_movie(head: bytes) -> bool:
    """Tell an MP4 or QuickTime file by its first bytes."""
    return head[4:8] == b"ftyp"


def survey(file: IO[bytes]) -> Movie:
    """Read the boxes of an MP4.

    Raises
    ------
    MovieDamaged, MovieNotTaken
    """
    try:
        return _survey(file)
    except (struct.error, LookupError, ValueError, ArithmeticError) as problem:
        raise MovieDamaged("The film is damaged or cut off. Send it again from its source.") from problem


def clean_copy(movie: Movie, source: IO[bytes], sink: IO[bytes]) -> None:
    """Write the film without what else its file holds, byte for byte at the same places."""
    at = 0
    for place, piece in sorted(movie.pieces, key=lambda one: one[0]):
        _zeros(sink, place - at)
        if isinstance(piece, bytes):
            sink.write(piece)
            at = place + len(piece)
            continue
        source.seek(place)
        left = piece
        while left:
            chunk = source.read(min(left, _CHUNK))
            if not chunk:
                raise MovieDamaged("The film is cut off. Send it again from its source.")
            sink.write(chunk)
            left -= len(chunk)
        at = place + piece
    _zeros(sink, movie.size - at)


def _zeros(sink: IO[bytes], count: int) -> None:
    while count > 0:
        sink.write(bytes(min(count, _CHUNK)))
        count -= _CHUNK


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield type, place, place of the content and end of each box between two places."""
    while start < end:
        size, kind = struct.unpack_from(">I4s", content, start)
        inner = start + 8
        if size == 1:
            size, inner = struct.unpack_from(">Q", content, start + 8)[0], start + 16
        if size < inner - start or start + size > end:
            raise ValueError(kind)
        yield kind, start, inner, start + size
        start += size


def _survey(file: IO[bytes]) -> Movie:
    movie = Movie(size=file.seek(0, 2))
    at = boxes = 0
    index: tuple[int, bytes] | None = None
    media: list[tuple[int, int]] = []
    while at < movie.size:
        boxes += 1
        file.seek(at)
        head = file.read(16)
        size, kind = struct.unpack_from(">I4s", head)
        inner = at + 8
        if size == 1:
            size, inner = struct.unpack_from(">Q", head, 8)[0], at + 16
        size = size or movie.size - at
        if size < inner - at or at + size > movie.size or boxes > MOST_BOXES:
            raise ValueError(kind)
        if kind == b"moof":
            raise MovieNotTaken("The film is stored in fragments, as for streaming. Export it as a plain MP4 file.")
        if kind == b"moov" and index is None:
            if size > MOST_INDEX:
                raise MovieNotTaken("The film's index is larger than that of hours of film. Export a shorter part.")
            if inner != at + 8:
                raise ValueError(kind)
            file.seek(at)
            index = at, file.read(size)
        elif kind == b"mdat":
            movie.pieces.append((at, head[: inner - at]))
            media.append((inner, at + size))
        elif kind == b"ftyp":
            movie.pieces.append((at, _brands(file, at, inner, size)))
        else:
            movie.pieces.append((at, head[:4] + b"free" + head[8 : inner - at]))
        at += size
    if index is None or not media:
        raise MovieDamaged("The file holds no complete film. Send it again from its source.")
    _Index(movie, media, *index).read()
    return movie


def _brands(file: IO[bytes], at: int, inner: int, size: int) -> bytes:
    """The first box, with known brands alone and without its version, which is anybody's number."""
    if size > _MOST_BRANDS:
        raise ValueError("ftyp")
    file.seek(at)
    content = file.read(size)
    words = [content[place : place + 4] for place in range(inner - at, size, 4)]
    known = [word if word in _BRANDS or len(word) < 4 else b"isom" for word in words]
    known[1:2] = [bytes(4)]
    return (content[: inner - at] + b"".join(known))[:size]


class _Index:
    """The `moov` box: which track is the film, and where its samples lie."""

    def __init__(self, movie: Movie, media: list[tuple[int, int]], place: int, content: bytes) -> None:
        self.movie, self.media, self.place = movie, media, place
        self.old, self.new = content, bytearray(content)
        self.boxes = 0

    def read(self) -> None:
        """Describe the film, and note the pieces of its clean copy."""
        tracks = [
            (start, inner, end) for kind, start, inner, end in self._children(8, len(self.old)) if kind == b"trak"
        ]
        films = [track for track in tracks if self._handler(track) == b"vide"]
        if len(films) != 1:
            raise MovieNotTaken("The file holds no film, or more than one. Export it with one picture track.")
        for track in tracks:
            if track != films[0]:
                self._blank(*track)
        self._clean(8, len(self.old))
        self._describe(films[0])
        self.movie.pieces.append((self.place, bytes(self.new)))

    def _children(self, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
        for box in _boxes(self.old, start, end):
            self.boxes += 1
            if self.boxes > MOST_BOXES:
                raise ValueError("boxes")
            yield box

    def _find(self, track: tuple[int, int, int], *path: bytes) -> tuple[int, int]:
        """Content of the box at a path of types below a track, as its two places."""
        _, start, end = track
        for wanted in path:
            places = [(inner, close) for kind, _, inner, close in self._children(start, end) if kind == wanted]
            start, end = places[0]
        return start, end

    def _handler(self, track: tuple[int, int, int]) -> bytes:
        start, _ = self._find(track, b"mdia", b"hdlr")
        return self.old[start + 8 : start + 12]

    def _blank(self, start: int, inner: int, end: int) -> None:
        self.new[start + 4 : start + 8] = b"free"
        self.new[inner:end] = bytes(end - inner)

    def _clean(self, start: int, end: int) -> None:
        for kind, place, inner, close in self._children(start, end):
            if self.new[place + 4 : place + 8] == b"free":
                continue
            if kind in _HOLDERS:
                self._clean(inner, close)
            elif kind not in _KEPT:
                self._blank(place, inner, close)
            else:
                self._clean_kept(kind, inner, close)

    def _clean_kept(self, kind: bytes, inner: int, close: int) -> None:
        """Clean a box that is needed of what may be said in it, and of what lies behind its content."""
        end = inner + self._length(kind, inner, close)
        if kind in _TIMED:
            # When it was filmed, in seconds since 1904: two fields of 4 or, in version 1, of 8 bytes.
            width = 16 if self.old[inner] == 1 else 8
            self.new[inner + 4 : inner + 4 + width] = bytes(width)
        elif kind == b"stsd":
            self._clean_description(inner, close)
        elif kind == b"dref":
            for _, _, entry, last in self._children(inner + 8, close):
                # Where the film lies: in this file (flag 1). QuickTime tells a path and a volume here.
                self.new[entry:last] = b"\0\0\0\1"[: last - entry] + bytes(max(last - entry - 4, 0))
        if end < close:
            self.new[end:close] = bytes(close - end)

    def _length(self, kind: bytes, inner: int, close: int) -> int:
        """Bytes of a box's content that mean something."""
        if kind in _LENGTHS:
            return _LENGTHS[kind][self.old[inner] == 1]
        if kind == b"hdlr":
            return 24
        if kind == b"stsz":
            uniform, count = struct.unpack_from(">II", self.old, inner + 4)
            return 12 + (0 if uniform else 4 * count)
        entry = (20 if self.old[inner] == 1 else 12) if kind == b"elst" else _ENTRIES.get(kind, 0)
        return int(8 + entry * struct.unpack_from(">I", self.old, inner + 4)[0]) if entry else close - inner

    def _clean_description(self, inner: int, close: int) -> None:
        for _, _, entry, end in self._children(inner + 8, close):
            # Of the 78 bytes before the entry's own boxes: its maker, and the compressor's name, which is free text.
            self.new[entry + 8 : entry + 24], self.new[entry + 42 : entry + 74] = bytes(16), bytes(32)
            for kind, place, content, last in self._children(entry + 78, end):
                length = _COLOURS.get(self.old[content : content + 4]) if kind == b"colr" else _SHAPES.get(kind)
                if length and content + length < last:
                    self.new[content + length : last] = bytes(last - content - length)
                if not length and kind not in (b"avcC", b"hvcC"):
                    self._blank(place, content, last)

    def _describe(self, film: tuple[int, int, int]) -> None:
        movie = self.movie
        start, _ = self._find(film, b"mdia", b"mdhd")
        shape, place = (">IQ", start + 20) if self.old[start] else (">II", start + 12)
        timescale, duration = struct.unpack_from(shape, self.old, place)
        table = (b"mdia", b"minf", b"stbl")
        start, end = self._find(film, *table, b"stsd")
        (codec, _, entry, close), *more = _boxes(self.old, start + 8, end)
        if more or codec not in (b"avc1", b"avc3", b"hvc1", b"hev1"):
            raise MovieNotTaken("The film is not coded as H.264 or H.265. Export it as H.264, High Profile.")
        movie.columns, movie.rows = struct.unpack_from(">HH", self.old, entry + 24)
        settings = {kind: (content, end) for kind, _, content, end in _boxes(self.old, entry + 78, close)}
        movie.transfer_syntax_uid = self._syntax(codec.decode(), settings)
        sizes = self._sizes(*self._find(film, *table, b"stsz"))
        movie.frames, movie.duration_s = len(sizes), duration / timescale
        movie.steady = self._is_steady(*self._find(film, *table, b"stts"))
        if not movie.frames or not movie.duration_s or not movie.rows or not movie.columns:
            raise ValueError("empty")
        self._keep_samples(film, table, sizes)

    def _is_steady(self, start: int, _: int) -> bool:
        (count,) = struct.unpack_from(">I", self.old, start + 4)
        runs = [struct.unpack_from(">II", self.old, start + 8 + 8 * run) for run in range(min(count, 3))]
        return len(runs) == 1 or (len(runs) == 2 and bool(runs[1][0] == 1))

    def _syntax(self, coded: str, settings: dict[bytes, tuple[int, int]]) -> str:
        place, end = settings[b"avcC"] if b"avcC" in settings else settings[b"hvcC"]
        if b"avcC" in settings:
            kind, profile, level = "avc", self.old[place + 1], self.old[place + 3]
            named = f"{coded}.{self.old[place + 1 : place + 4].hex()}"
        else:
            kind, profile, level = "hevc", self.old[place + 1] & 31, self.old[place + 12]
            named = f"{coded}.{profile}.{6 if profile == _HEVC_MAIN else 4}.L{level}.B0"
        self.movie.codec, self.movie.content_type = kind, f'video/mp4; codecs="{named}"'
        self.movie.length_bytes = (self.old[place + (4 if kind == "avc" else 21)] & 3) + 1
        self.movie.settings = self.place + place, self.place + end
        for most, uid in _SYNTAXES.get((kind, profile), ()):
            if level <= most:
                return uid
        raise MovieNotTaken(
            "The film's profile or level has no place in DICOM. Export it as H.264 High Profile up to level 4.2, "
            "or H.265 Main or Main 10 up to level 5.1."
        )

    def _sizes(self, start: int, _: int) -> list[int]:
        uniform, count = struct.unpack_from(">II", self.old, start + 4)
        if count > MOST_FRAMES:
            raise MovieNotTaken("The film has more frames than hours of film. Export a shorter part.")
        return [uniform] * count if uniform else list(struct.unpack_from(f">{count}I", self.old, start + 12))

    def _keep_samples(self, film: tuple[int, int, int], table: tuple[bytes, ...], sizes: list[int]) -> None:
        """Note the bytes of the media data that are samples of the film."""
        kind = b"co64" if any(box[0] == b"co64" for box in self._children(*self._find(film, *table))) else b"stco"
        start, _ = self._find(film, *table, kind)
        (count,) = struct.unpack_from(">I", self.old, start + 4)
        chunks = struct.unpack_from(f">{count}{'Q' if kind == b'co64' else 'I'}", self.old, start + 8)
        start, _ = self._find(film, *table, b"stsc")
        (runs,) = struct.unpack_from(">I", self.old, start + 4)
        firsts = [struct.unpack_from(">III", self.old, start + 8 + 12 * run) for run in range(runs)]
        sample = 0
        for number, (first, per_chunk, _) in enumerate(firsts):
            last = firsts[number + 1][0] if number + 1 < len(firsts) else len(chunks) + 1
            for chunk in range(first, last):
                length = sum(sizes[sample : sample + per_chunk])
                sample += per_chunk
                place = chunks[chunk - 1]
                if not any(begin <= place and place + length <= end for begin, end in self.media):
                    raise ValueError("chunk")
                self.movie.pieces.append((place, length))
                for size in sizes[sample - per_chunk : sample]:
                    self.movie.samples.append((place, size))
                    place += size
        if sample != len(sizes):
            raise ValueError("samples")
        ordered = sorted((place, piece) for place, piece in self.movie.pieces if isinstance(piece, int))
        if any(place + length > after for (place, length), (after, _) in pairwise(ordered)):
            raise ValueError("overlap")
