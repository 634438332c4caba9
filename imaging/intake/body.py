"""The body of a request as a stream: constant memory, a limit on how long a peer may be silent, nothing parsed.

Django would read a body whole, or not at all when it comes without a length. Here a thread reads ahead from the
server while the door works on what came before.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import IO, Self

from django.conf import settings
from django.http import HttpRequest

from compliance.errors import HouseError

#: The most bytes asked of the server at once, and pieces that may wait between the two threads.
CHUNK = 256 * 1024
_AHEAD = 4
#: The server answers only when it has all that was asked for: of a slow line we ask little, and hear of it soon.
_LEAST = 4 * 1024
_SWIFT_SECONDS = 0.2


class LengthMissing(HouseError):
    """The request does not say where its body ends."""

    code = "length_required"
    status = 411


class Stalled(HouseError):
    """The peer fell silent in the middle of its body (`BODY_PATIENCE_SECONDS`)."""

    code = "stalled"
    status = 408


class Body:
    """The body of a request, piece by piece; a context manager that leaves the rest unread.

    Attributes
    ----------
    length
        Bytes announced; None for a body in chunks.
    received
        Bytes handed out so far.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.length = length_of(request)
        self.received = 0
        self._source: IO[bytes] = request.META["wsgi.input"]
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._over = threading.Event()
        self._reader = threading.Thread(target=self._read_ahead, daemon=True, name="body")
        # The server must not take the body away while it is read (`config.wsgi`).
        request.META.get("parallax.readers", []).append(self._reader)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces as they come; a peer that hangs up ends them early (see `whole`).

        Raises
        ------
        Stalled
        """
        while True:
            try:
                piece = self._pieces.get(timeout=settings.BODY_PATIENCE_SECONDS)
            except queue.Empty:
                raise Stalled("The sender fell silent in the middle of the request. Send it again.") from None
            if piece is None:
                return
            self.received += len(piece)
            yield piece

    @property
    def whole(self) -> bool:
        """Tell whether everything that was announced has come; a body in chunks cannot tell."""
        return self.length is None or self.received == self.length

    def _read_ahead(self) -> None:
        left, size = self.length, _LEAST
        try:
            while not self._over.is_set() and left != 0:
                began = time.monotonic()
                piece = self._source.read(size if left is None else min(size, left))
                if not piece:
                    break
                swift = time.monotonic() - began < _SWIFT_SECONDS
                size = min(size * 2, CHUNK) if swift else max(size // 4, _LEAST)
                left = None if left is None else left - len(piece)
                self._hand_over(piece)
        except OSError:
            pass  # the peer is gone: what came is all there is
        self._hand_over(None)

    def _hand_over(self, piece: bytes | None) -> None:
        while not self._over.is_set():
            with contextlib.suppress(queue.Full):
                self._pieces.put(piece, timeout=1)
                return


def length_of(request: HttpRequest) -> int | None:
    """Return the length that a request announces; None if it comes in chunks.

    Raises
    ------
    LengthMissing
    """
    said = request.META.get("CONTENT_LENGTH") or ""
    if said.isdecimal():
        return int(said)
    if not request.headers.get("Transfer-Encoding"):
        return 0
    if request.META.get("wsgi.input_terminated"):
        return None
    raise LengthMissing("The request does not say how long its body is. Send it with a Content-Length.")
