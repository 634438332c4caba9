"""The search for what must not leave finds it in each spelling, and nothing where nothing is."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import io
import json
import zipfile
import zlib
from urllib.parse import quote

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.support.canaries import Canaries

pytestmark = pytest.mark.requirement("REQ-BLI-002")

NAME = "Quillbrook^Påske"
SEARCH = Canaries({"patient": [NAME], "code": ["QX-4711"]})


def a_zip(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("table.csv", text)
    return packed.getvalue()


def a_picture(text: str) -> bytes:
    words, packed = PngInfo(), io.BytesIO()
    words.add_text("Comment", text, zip=True)
    Image.new("L", (8, 8)).save(packed, "PNG", pnginfo=words)
    return packed.getvalue()


def entities(text: str) -> str:
    return "".join(f"&#{ord(letter)};" for letter in text)


@pytest.mark.parametrize(
    "answer",
    [
        NAME.encode(),
        NAME.replace("Quill", "QUILL").encode(),
        NAME.encode("utf-16"),
        NAME.encode("utf-16-be"),
        b'{"n": "' + NAME.encode().hex().upper().encode() + b'"}',
        quote(NAME).encode(),
        "".join(f"%{byte:02X}" for byte in NAME.encode()).encode(),
        json.dumps({"name": NAME}).encode(),
        f"<p>{html.escape(NAME)}</p>".encode(),
        f"<p>{entities(NAME)}</p>".encode(),
        *(base64.b64encode(b"x" * before + NAME.encode() + b"!") for before in range(4)),
        base64.urlsafe_b64encode(b"??>" + NAME.encode("utf-16-le")),
        hashlib.sha256(NAME.encode()).hexdigest().encode(),
        NAME.encode()[::-1],
        gzip.compress(NAME.encode()),
        a_zip(NAME),
        a_picture(NAME.replace("å", "a") + " QX-4711"),
        b"%PDF-1.7\n1 0 obj\n<<>>\nstream\n" + zlib.compress(NAME.encode()) + b"\nendstream",
        b"\0\1" * 900 + b"qx-4711" + b"\0\1" * 900,
    ],
    ids=lambda answer: "written",
)
def test_it_is_found_however_it_is_written(answer: bytes) -> None:
    assert SEARCH.found_in(answer)


@pytest.mark.parametrize("answer", [b"", b"Timepoint 2", b"QX-4712", b"<p>&amp; Quillbrook</p>", a_picture("QX-471")])
def test_nothing_is_found_where_nothing_is(answer: bytes) -> None:
    assert SEARCH.found_in(answer) == frozenset()


def test_a_part_of_a_file_is_searched_as_it_is() -> None:
    assert SEARCH.found_in(a_picture("QX-4711")[:12] + b"QX-4711")
    assert SEARCH.found_in(a_zip("QX-4711")[:30]) == frozenset()


def test_what_chance_would_find_is_not_taken() -> None:
    with pytest.raises(ValueError, match="too short"):
        Canaries({"arm": ["A"]})
