"""The body of a request as a stream: what is announced, what comes, and what is left unread."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from imaging.intake.body import CHUNK, Body, LengthMissing, Stalled, length_of


def request(source: Any, **environ: Any) -> Any:
    """A request with a body to be read."""
    return RequestFactory().generic("POST", "/", **{"wsgi.input": source, **environ})


def announced(content: bytes, length: int) -> Any:
    return request(io.BytesIO(content), CONTENT_LENGTH=str(length))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_what_was_announced_comes_in_pieces_and_nothing_after_it(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)

    with Body(announced(content[:size] + b"the next request", size)) as body:
        pieces = list(body)

    assert b"".join(pieces) == content[:size]
    assert max(map(len, pieces), default=0) <= CHUNK
    assert (body.received, body.whole) == (size, True)


def test_a_peer_that_hangs_up_leaves_what_came(settings: LazySettings) -> None:
    with Body(announced(b"half", 8)) as body:
        assert b"".join(body) == b"half"
    assert not body.whole


def test_a_connection_that_breaks_leaves_what_came() -> None:
    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            if not piece:
                raise ConnectionResetError
            return piece

    with Body(request(Breaks(b"half"), CONTENT_LENGTH="8")) as body:
        assert b"".join(body) == b"half"
    assert not body.whole


def test_chunks_end_where_the_server_says_so() -> None:
    chunked = request(
        io.BytesIO(b"all of it"), HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="", **{"wsgi.input_terminated": True}
    )

    with Body(chunked) as body:
        assert b"".join(body) == b"all of it"
    assert (body.length, body.whole) == (None, True)


def test_silence_has_an_end(settings: LazySettings) -> None:
    settings.BODY_PATIENCE_SECONDS = 0.1
    over = threading.Event()

    class Silent(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            over.wait(20)
            return b""

    with Body(request(Silent(), CONTENT_LENGTH="8")) as body, pytest.raises(Stalled):
        list(body)
    over.set()


def test_what_nobody_wants_is_not_read_on() -> None:
    read = []

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            read.append(size)
            return bytes(size or 0)

    with Body(request(Endless(), CONTENT_LENGTH=str(1 << 40))) as body:
        next(iter(body))
    patience = time.monotonic() + 20
    while any(thread.name == "body" for thread in threading.enumerate()):
        assert time.monotonic() < patience, "the reader goes on after its door has closed"
        time.sleep(0.01)
    assert len(read) < 10


@pytest.mark.parametrize(
    ("environ", "length"),
    [
        ({"CONTENT_LENGTH": "12"}, 12),
        ({"CONTENT_LENGTH": "0"}, 0),
        ({"CONTENT_LENGTH": ""}, 0),
        ({"CONTENT_LENGTH": "-1"}, 0),
        ({"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}, None),
    ],
    ids=repr,
)
def test_the_length_is_what_the_request_announces(environ: dict[str, Any], length: int | None) -> None:
    assert length_of(request(io.BytesIO(), **environ)) == length


def test_a_server_that_cannot_tell_where_chunks_end_is_not_believed() -> None:
    with pytest.raises(LengthMissing):
        length_of(request(io.BytesIO(), HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=""))
