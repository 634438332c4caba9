"""What must not reach somebody, looked for in whatever way it may be written."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import quote, unquote_to_bytes

from PIL import Image

#: Bytes by which a place is found that may hold a spelling; nothing shorter can be looked for.
_LEAST = 6
_ESCAPE = re.compile(rb"\\u([0-9a-f]{4})")


def spellings(text: str) -> Mapping[str, bytes]:
    """Return how a text may stand in an answer, by name; in lower case, as it is looked for."""
    written = {encoding: text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")}
    found = dict(written)
    for encoding, raw in written.items():
        found[f"hex of {encoding}"] = raw.hex().encode()
        for before in range(3):
            # Which letters stand for the text depends on the bytes before it; those of its edges hold other bytes too.
            coded = base64.b64encode(b"\0" * before + raw)
            inner = coded[-(-8 * before // 6) : (before + len(raw)) * 8 // 6]
            found[f"base64 of {encoding}, {before} before"] = inner
            found[f"base64url of {encoding}, {before} before"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    utf8 = written["utf-8"]
    found["reversed"] = utf8[::-1]
    if (quoted := quote(text, safe="")) != text:
        found["quoted"] = quoted.encode()
    for algorithm in ("md5", "sha1", "sha256"):
        # Whoever can guess a code knows it by its digest.
        found[algorithm] = hashlib.new(algorithm, utf8).hexdigest().encode()
        found[f"base64 of {algorithm}"] = base64.b64encode(hashlib.new(algorithm, utf8).digest())[:-2]
    return {name: spelling.lower() for name, spelling in found.items()}


def written(date: dt.date) -> set[str]:
    """A date in the forms in which it might slip out."""
    forms = (
        "%Y%m%d",
        "%Y-%m-%d",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%-d %b %Y",
        "%-d %B %Y",
        "%b %-d, %Y",
        "%B %-d, %Y",
    )
    return {date.strftime(form) for form in forms}


class Canaries:
    """Texts by what they are, and the search for them in bytes."""

    def __init__(self, texts: Mapping[str, Iterable[str]]) -> None:
        self._spelled: dict[bytes, list[tuple[bytes, str]]] = {}
        self._known: dict[bytes, frozenset[str]] = {}
        for kind, group in texts.items():
            for text in group:
                for spelling, raw in spellings(text).items():
                    if len(raw) < _LEAST:
                        raise ValueError(f"{text!r} is too short to be looked for: chance would find it.")
                    self._spelled.setdefault(raw[:_LEAST], []).append((raw, f"{kind} {text!r} in {spelling}"))
        self._beginnings = frozenset(self._spelled)

    def found_in(self, content: bytes) -> frozenset[str]:
        """Return what is in an answer, and how it is spelled there; what is packed is looked into."""
        digest = hashlib.sha256(content).digest()
        if digest not in self._known:
            views = {view.lower() for whole in unpacked(content) for view in _read(whole)}
            self._known[digest] = frozenset(said for view in views for said in self._in(view))
        return self._known[digest]

    def _in(self, view: bytes) -> Iterator[str]:
        pieces = {view[at : at + _LEAST] for at in range(len(view) - _LEAST + 1)}
        for beginning in self._beginnings & pieces:
            yield from (said for raw, said in self._spelled[beginning] if raw in view)


def unpacked(content: bytes) -> Iterator[bytes]:
    """Yield bytes, and what is packed in them: gzip, ZIP, the streams of a PDF, the texts and metadata of a picture."""
    yield content
    with suppress(OSError, EOFError, zlib.error, zipfile.BadZipFile):  # of a part of a file nothing can be unpacked
        yield from _packed(content)


def _packed(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            for member in file.infolist():
                yield member.filename.encode() + b"\n" + file.comment
                yield from unpacked(file.read(member))
    elif content.startswith(b"%PDF"):
        for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
            with suppress(zlib.error):  # not every stream is deflated
                yield zlib.decompress(stream)
    elif content.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")):
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            yield json.dumps(picture.info, default=repr).encode()


def _read(content: bytes) -> Iterator[bytes]:
    """Yield bytes as they are, and as a browser reads them: entities, escapes of scripts and of addresses resolved."""
    yield content
    if b"&" in content and b"<" in content:
        yield html.unescape(content.decode("utf-8", "replace")).encode()
    if b"\\u" in content:
        yield _ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), content.lower())
    if b"%" in content:
        yield unquote_to_bytes(content)
