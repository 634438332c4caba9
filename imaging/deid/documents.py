"""The text of a document in an instance, as far as it lies there plainly: PDF with simple fonts, CDA, other markup."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_STRINGS = re.compile(rb"\(((?:\\.|[^\\()])*)\)|<([0-9A-Fa-f\s]{2,})>", re.DOTALL)
_ARRAY = re.compile(rb"\[((?:\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>|[-+.\d\s]+)*)\]\s*TJ", re.DOTALL)
_PDF_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r?\n|.)", re.DOTALL)
_PDF_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_TAG = re.compile(r"<[^<>]*>")
_CHARSET = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?([A-Za-z0-9._-]+)""")
#: Bytes that a stream may inflate to, and streams that are opened.
_MOST_INFLATED, _MOST_STREAMS = 16 << 20, 4000


def texts_of(document: bytes) -> Iterator[str]:
    """Texts of a document, each a page or a part of one, or the whole without its markup."""
    if document.lstrip()[:5] == b"%PDF-":
        yield from _pdf(document)
    elif document.lstrip()[:1] == b"<" or document[:3] == b"\xef\xbb\xbf":
        text = _decoded(document)
        yield _TAG.sub(" ", text)
        yield " ".join(re.findall(r"""=\s*["']([^"']*)["']""", text))
    else:
        yield _decoded(document)


def _decoded(document: bytes) -> str:
    declared = _CHARSET.search(document[:1024])
    for codec in (declared[1].decode("ascii") if declared else "utf-8", "utf-8", "utf-16"):
        try:
            return document.decode(codec)
        except (LookupError, UnicodeError):
            continue
    return document.decode("latin-1")


def _pdf(document: bytes) -> Iterator[str]:
    """Strings between the streams, such as title and author, and those of each stream."""
    yield _strings(_STREAM.sub(b" ", document))
    for number, stream in enumerate(_STREAM.finditer(document)):
        if number == _MOST_STREAMS:
            return
        yield _strings(_inflated(stream[1]))


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(stream, _MOST_INFLATED)
    except zlib.error:
        return stream


def _strings(content: bytes) -> str:
    """Strings shown, those of one array written as one; what is no text is left to the search of bytes."""
    joined = _ARRAY.sub(lambda array: b"(" + b"".join(_plain(array[1])).translate(None, b"()\\") + b")", content)
    return " ".join(_text(string) for string in _plain(joined))


def _plain(content: bytes) -> Iterator[bytes]:
    for literal, digits in _STRINGS.findall(content):
        if digits:
            even = b"".join(digits.split())
            yield bytes.fromhex((even + b"0" * (len(even) % 2)).decode("ascii"))
        else:
            yield _PDF_ESCAPE.sub(_unescaped, literal)


def _unescaped(escape: re.Match[bytes]) -> bytes:
    what = escape[1]
    if what[:1].isdigit() and what[:1] < b"8":
        return bytes([int(what, 8) & 0xFF])
    return b"" if what.endswith(b"\n") else _PDF_ESCAPES.get(what, what)


def _text(string: bytes) -> str:
    if string[:2] == b"\xfe\xff":
        return string[2:].decode("utf-16-be", "replace")
    return string.decode("latin-1")
