"""Films: what is not the picture leaves them, and what cannot be cleaned is not taken."""

from __future__ import annotations

import io
import struct

import pytest

from imaging.dicom import films, movies
from tests.factories.films import FRAME_MS, FRAMES, H264, HEVC, NOTES, stream

FILMS = [("h264", H264), ("hevc", HEVC)]


@pytest.mark.parametrize(
    ("syntax", "codec"),
    [
        *((f"1.2.840.10008.1.2.4.{n}", "mpeg2") for n in ("100", "101", "100.1")),
        *((f"1.2.840.10008.1.2.4.{n}", "avc") for n in ("102", "103", "104", "105", "106", "104.1")),
        *((f"1.2.840.10008.1.2.4.{n}", "hevc") for n in ("107", "108")),
        ("1.2.840.10008.1.2.4.90", ""),
        ("1.2.840.10008.1.2.4.109", ""),
        ("1.2.840.10008.1.2.1", ""),
    ],
)
def test_a_transfer_syntax_tells_how_a_film_is_coded(syntax: str, codec: str) -> None:
    assert films.codec_of(syntax) == codec


@pytest.mark.parametrize(("name", "syntax"), FILMS)
def test_notes_of_the_container_and_of_the_coder_leave_a_film_and_its_picture_stays(name: str, syntax: str) -> None:
    before = stream(name)
    after = films.cleaned(before, syntax)

    assert [note for note in NOTES if note in before] == list(NOTES)
    assert [note for note in NOTES if note in after] == []
    assert len(after) == len(before)
    assert films.cleaned(after, syntax) == after
    described = films.described(after)
    assert (described.rows, described.columns, described.frames) == (64, 96, FRAMES)
    assert described.frame_ms == pytest.approx(FRAME_MS)


@pytest.mark.parametrize(("name", "syntax"), FILMS)
def test_units_of_the_picture_keep_their_bytes(name: str, syntax: str) -> None:
    before, after = stream(name), films.cleaned(stream(name), syntax)
    movie = movies.survey(io.BytesIO(after))
    codec = films.codec_of(syntax)
    kept = cut = 0
    for place, length in movie.samples:
        at = place
        while at < place + length:
            size = int.from_bytes(after[at : at + movie.length_bytes], "big")
            at += movie.length_bytes
            same = before[at : at + size] == after[at : at + size]
            kind = before[at] & 31 if codec == "avc" else before[at] >> 1 & 63
            assert same or kind in (6, 39, 40)
            kept, cut, at = kept + same, cut + (not same), at + size
    assert kept >= FRAMES
    assert cut >= (1 if codec == "avc" else 0)


SECRET = b"Quillbrook"
#: Boxes on the way to a place, the bytes before their own boxes, and what a maker of films might write there.
_BEFORE = {b"dref": 8, b"stsd": 8, b"avc1": 78, b"hev1": 78}
PLACES: dict[str, tuple[bytes, bytes]] = {
    "place of the data": (b"moov/trak/mdia/minf/dinf/dref", b"alis\0\0\0\1Macintosh HD:" + SECRET),
    "title of a track": (b"moov/trak", b"udta\0\0\0\x12name" + SECRET),
    "notes of Apple": (b"moov", b"meta" + SECRET),
    "notes of anybody": (b"", b"uuid" + bytes(16) + SECRET),
    "colour profile": (b"moov/trak/mdia/minf/stbl/stsd/CODEC", b"colrprof" + SECRET),
    "colours": (b"moov/trak/mdia/minf/stbl/stsd/CODEC", b"colrnclx\0\1\0\1\0\1\0" + SECRET),
    "shape of a pixel": (b"moov/trak/mdia/minf/stbl/stsd/CODEC", b"pasp\0\0\0\1\0\0\0\1" + SECRET),
    "hints for samples": (b"moov/trak/mdia/minf/stbl", b"sdtp" + SECRET * 3),
    "behind a header": (b"moov/mvhd", SECRET),
    "behind a clock": (b"moov/trak/mdia/mdhd", SECRET),
    "behind a table": (b"moov/trak/mdia/minf/stbl/stts", SECRET),
    "behind the sizes": (b"moov/trak/mdia/minf/stbl/stsz", SECRET),
    "behind the edits": (b"moov/trak/edts/elst", SECRET),
    "name of the handler": (b"moov/trak/mdia/hdlr", SECRET),
    "behind the settings": (b"moov/trak/mdia/minf/stbl/stsd/CODEC/SETTINGS", SECRET),
    "brands": (b"ftyp", b"Quillbrook  "),
}


def planted(name: str, place: str) -> bytes:
    """A film with something more at the end of one of its boxes; a new box where it begins with a type."""
    path, said = PLACES[place]
    coded = {b"CODEC": b"avc1", b"SETTINGS": b"avcC"} if name == "h264" else {b"CODEC": b"hev1", b"SETTINGS": b"hvcC"}
    steps = [coded.get(step, step) for step in path.split(b"/") if step]
    if said[:4] in (b"alis", b"udta", b"meta", b"uuid", b"colr", b"pasp", b"sdtp"):
        said = struct.pack(">I", len(said) + 4) + said
    made, at, end = bytearray(stream(name)), 0, len(stream(name))
    holders = []
    for step in steps:
        at = made.index(step, at, end) - 4
        holders.append(at)
        end = at + int.from_bytes(made[at : at + 4], "big")
        at += 8 + _BEFORE.get(step, 0)
    for holder in holders:
        struct.pack_into(">I", made, holder, int.from_bytes(made[holder : holder + 4], "big") + len(said))
    if steps:  # the samples lie behind the index
        chunk = made.index(b"stco") + 12
        struct.pack_into(">I", made, chunk, int.from_bytes(made[chunk : chunk + 4], "big") + len(said))
    made[end:end] = said
    if steps[-1:] == [b"dref"]:
        count = made.index(b"dref") + 8
        struct.pack_into(">I", made, count, 2)
    return bytes(made)


@pytest.mark.parametrize(("name", "syntax"), FILMS)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_leaves_the_container_wherever_it_stands(name: str, syntax: str, place: str) -> None:
    before = planted(name, place)
    assert before.count(SECRET[:4]) == stream(name).count(SECRET[:4]) + PLACES[place][1].count(SECRET[:4])

    after = films.cleaned(before, syntax)

    assert [note for note in (*NOTES, b"Quil", b"prof", b"Macintosh") if note in after] == []
    assert films.described(after).frames == FRAMES
    assert movies.survey(io.BytesIO(after)).samples == movies.survey(io.BytesIO(before)).samples


def test_a_message_in_the_settings_of_h264_is_no_message_any_more() -> None:
    settings = bytearray(b"\1\x64\0\x0a\xff\xe1\0\6\6\5\3abc\1\0\2\x68\xee\xfd\xf8\xf8\0and more")
    films._clean_settings(settings, 0, len(settings), "avc")
    assert settings == b"\1\x64\0\x0a\xff\xe1\0\6\x0c\xff\xff\xff\xff\x80\1\0\2\x68\xee\xfd\xf8\xf8\0" + bytes(8)


def test_the_time_of_day_leaves_the_timing_of_h264() -> None:
    assert unit("avc", b"\x06", b"\x01\x03\x12\x34\x56\x80") == b"\x0c\xff\xff\xff\xff\xff\x80"
    assert unit("hevc", b"\x4e\x01", b"\x01\x01\x12\x80") == b"\x4e\x01\x01\x01\x12\x80"


def test_a_frame_without_a_picture_is_not_taken() -> None:
    broken = bytearray(stream())
    movie = movies.survey(io.BytesIO(broken))
    place, _ = movie.samples[-1]
    broken[place + 4] = 9
    with pytest.raises(films.FilmNotTaken, match="without a picture"):
        films.cleaned(bytes(broken), H264)


def test_frames_that_stand_unequally_long_are_told() -> None:
    uneven = bytearray(planted("h264", "behind a table"))
    at = uneven.index(b"stts") + 4
    (wait,) = struct.unpack_from(">I", uneven, at + 12)
    struct.pack_into(">I", uneven, at + 4, 1)
    assert films.described(bytes(uneven)).steady
    runs = struct.pack(">IIIII", 2, 10, wait, 14, wait * 2)[: len(SECRET) + 12]
    uneven[at + 4 : at + 4 + len(runs)] = runs
    assert not films.described(bytes(uneven)).steady


def unit(codec: str, head: bytes, payload: bytes) -> bytes:
    made = bytearray(head + payload)
    films._clean_unit(made, 0, len(made), codec)
    return bytes(made)


def test_messages_of_numbers_stay_and_all_others_become_filler_of_the_same_size() -> None:
    recovery, user_data = b"\x06\x01\xc4\x80", b"\x05\x03abc\x80"
    assert unit("avc", b"\x06", recovery) == b"\x06" + recovery
    for told in (user_data, recovery[:-1] + user_data, b"\x04\x02\xb5\x00\x80", b"\x06\x09\x00\x80", b"\xff\xff"):
        assert unit("avc", b"\x06", told) == b"\x0c" + b"\xff" * (len(told) - 1) + b"\x80"
    assert unit("hevc", b"\x4e\x01", user_data) == b"\x4c\x01" + b"\xff" * (len(user_data) - 1) + b"\x80"


@pytest.mark.parametrize(("codec", "head"), [("avc", b"\x0c"), ("avc", b"\x18"), ("hevc", b"\x60\x01")])
def test_units_without_a_meaning_hold_nothing(codec: str, head: bytes) -> None:
    assert b"secret" not in unit(codec, head, b"secret")


@pytest.mark.parametrize(
    ("content", "syntax"),
    [
        (b"\0\0\1\xb3" + bytes(100), "1.2.840.10008.1.2.4.100"),
        (b"\x47" + bytes(187), H264),
        (b"\0\0\0\1\x67" + bytes(100), H264),
        (stream("h264"), HEVC),
        (stream("hevc"), H264),
        (stream("h264")[:-200], H264),
        (b"", H264),
    ],
    ids=["MPEG-2", "transport stream", "bare stream", "other codec", "other codec too", "cut off", "nothing"],
)
def test_what_cannot_be_cleaned_and_played_is_not_taken(content: bytes, syntax: str) -> None:
    with pytest.raises(films.FilmNotTaken):
        films.cleaned(content, syntax)


def test_a_unit_that_is_longer_than_its_sample_is_not_taken() -> None:
    broken = bytearray(stream())
    place, _ = movies.survey(io.BytesIO(broken)).samples[0]
    struct.pack_into(">I", broken, place, 0x7FFFFFFF)
    with pytest.raises(films.FilmNotTaken, match="damaged"):
        films.cleaned(bytes(broken), H264)


@pytest.mark.parametrize("odd", [b"", b"\0\0\0\x09free!"])
def test_a_film_lies_in_one_piece_in_pixel_data(odd: bytes) -> None:
    content = stream() + odd
    value = films.encapsulated(content)
    begin, length = films.place_of(value)
    assert value[begin : begin + length] == content
    assert films.stream_of(value)[: len(content)] == content
    assert len(value) % 2 == 0


def test_fragments_are_one_stream() -> None:
    content = stream()
    pieces = [content[:1000], content[1000:2000], content[2000:]]
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one for one in (b"", *pieces))
    assert films.stream_of(items) == content
    with pytest.raises(films.FilmNotTaken):
        films.place_of(items)
