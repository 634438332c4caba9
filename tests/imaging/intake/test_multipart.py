"""The multipart splitter: however a body is cut into chunks, its parts come out as they were put in."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.intake.multipart import BadMultipart, Head, Limits, TooManyParts, split

Part = tuple[dict[str, str], bytes]

BOUNDARY = "parallax"
#: RFC 2046 §5.1.1: all that a boundary may hold; a space, but not at its end. Orthanc's are longer than it allows.
BCHARS = string.ascii_letters + string.digits + "'()+_,-./:=?"


def body_of(parts: Sequence[Part], boundary: str = BOUNDARY, *, padding: str = "") -> bytes:
    """A body as RFC 2046 §5.1.1 writes it."""
    written = b""
    for fields, content in parts:
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        written += f"--{boundary}{padding}\r\n{head}\r\n".encode() + content + b"\r\n"
    return written + f"--{boundary}--".encode()


def cut(body: bytes, size: int) -> Iterator[bytes]:
    """A body in chunks of one size."""
    for at in range(0, len(body), size):
        yield body[at : at + size]


def parts_in(chunks: Iterator[bytes], boundary: str = BOUNDARY, limits: Limits | None = None) -> list[Part]:
    """What comes out."""
    found: list[Part] = []
    for event in split(chunks, boundary, **({"limits": limits} if limits else {})):
        if isinstance(event, Head):
            found.append((event.fields, b""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + bytes(event))
    return found


# --- any body, any chunks -----------------------------------------------------------------------------------

boundaries = st.builds("{}{}".format, st.text(BCHARS + " ", max_size=127), st.text(BCHARS, min_size=1, max_size=1))
fields = st.dictionaries(
    st.sampled_from(["content-type", "content-length", "x-note", "content-location"]),
    st.text(string.ascii_letters + string.digits + '/;="', max_size=40),
    max_size=3,
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, list[Part], bytes, list[int]]:
    """A boundary, parts whose content comes as near to it as may be, their body, and where it is cut."""
    boundary = draw(boundaries)
    mark = f"\r\n--{boundary}".encode()
    near = st.integers(0, len(mark) - 1).map(lambda n: mark[:n]) | st.just(mark[2:]) | st.just(mark[1:])
    content = st.lists(near | st.binary(max_size=20), max_size=6).map(b"".join)
    parts = draw(st.lists(st.tuples(fields, content.filter(lambda one: mark not in b"\r\n" + one)), max_size=5))
    before = draw(st.sampled_from([b"", b"\r\n", b"a preamble that nobody reads\r\n", b"--\r\n"]))
    after = draw(st.sampled_from([b"", b"\r\n", b"\r\nan epilogue", b"  "]))
    body = before + body_of(parts, boundary, padding=draw(st.sampled_from(["", " ", "\t  "]))) + after
    cuts = draw(st.lists(st.integers(0, len(body)), max_size=30))
    return boundary, parts, body, sorted(cuts)


@given(bodies())
@settings(max_examples=400, deadline=None)
def test_any_chunks_of_a_body_give_its_parts(made: tuple[str, list[Part], bytes, list[int]]) -> None:
    boundary, parts, body, cuts = made
    chunks = (body[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(body)]))

    assert parts_in(chunks, boundary) == [
        ({name: value.strip() for name, value in fields.items()}, content) for fields, content in parts
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 10_000])
def test_content_full_of_what_is_nearly_the_boundary(size: int) -> None:
    nearly = b"\r\n--parallaX\r\n--paralla\r\n-\r\n--\r\r\n\n--parallax\n--parallax--\r--parallax"
    parts = [({"content-type": "application/dicom"}, nearly), ({}, b""), ({}, nearly * 3), ({}, b"\r\n"), ({}, b"-")]

    assert parts_in(cut(body_of(parts), size)) == parts


def test_pieces_are_handed_on_as_they_come_and_little_is_held_back() -> None:
    size, given_out, held = 0, 0, []

    def chunks() -> Iterator[bytes]:
        nonlocal size
        yield f"--{BOUNDARY}\r\n\r\n".encode()
        for _ in range(100):
            held.append(size - given_out)
            size += 1000
            yield b"\r" * 1000
        yield f"\r\n--{BOUNDARY}--".encode()

    for event in split(chunks(), BOUNDARY):
        if isinstance(event, memoryview):
            given_out += event.nbytes

    assert given_out == 100_000
    assert max(held) < len(BOUNDARY) + 4


# --- what is refused ----------------------------------------------------------------------------------------

WHOLE = body_of([({"content-type": "application/dicom"}, b"content")])


@pytest.mark.parametrize("length", range(len(WHOLE)))
def test_a_body_cut_anywhere_is_no_body(length: int) -> None:
    with pytest.raises(BadMultipart):
        parts_in(cut(WHOLE[:length], 5))


@pytest.mark.parametrize("boundary", ["", " ", "a ", "x" * 129, "ä", "a\r\nb", 'a"b', "a;b"])
def test_what_cannot_be_a_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(BadMultipart, match="no valid boundary"):
        list(split([], boundary))


REFUSED = {
    "another boundary": (WHOLE.replace(b"parallax", b"parallel"), "ends before its last boundary"),
    "something after a boundary": (b"--parallaxis\r\n\r\n--parallax--", "followed by something else"),
    "spaces without an end": (b"--parallax" + b" " * 9000, "followed by something else"),
    "a long preamble": (b"x" * 65_537 + WHOLE, "does not begin with its boundary"),
    "a long epilogue": (WHOLE + b"x" * 65_537, "follows the last boundary"),
    "a head without an end": (b"--parallax\r\n" + b"a: b\r\n" * 2000, "longer than this system accepts"),
    "a long head": (body_of([({"a": "b" * 8200}, b"")]), "longer than this system accepts"),
    "a head without a name": (body_of([({"": "b"}, b"")]), "malformed"),
    "a folded head": (b"--parallax\r\na: b\r\n c\r\n\r\n\r\n--parallax--", "malformed"),
    "a head with a control character": (body_of([({"a": "b\x00c"}, b"")]), "malformed"),
    "a head with bare line ends": (b"--parallax\r\na: b\nc: d\r\n\r\n\r\n--parallax--", "malformed"),
}


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_multipart_gets_its_sentence(what: str, size: int) -> None:
    body, sentence = REFUSED[what]

    with pytest.raises(BadMultipart, match=sentence):
        parts_in(cut(body, size))


def test_parts_are_counted() -> None:
    parts: list[Part] = [({}, b"x")] * 3
    assert parts_in(cut(body_of(parts), 9), limits=Limits(max_parts=3)) == parts

    with pytest.raises(TooManyParts):
        parts_in(cut(body_of(parts), 9), limits=Limits(max_parts=2))


def test_names_of_header_fields_are_compared_without_case() -> None:
    body = body_of([({"Content-TYPE": " application/dicom ; x=\xe4"}, b"")])

    assert parts_in(cut(body, 3)) == [({"content-type": "application/dicom ; x=\xc3\xa4"}, b"")]
