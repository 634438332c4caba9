"""Splitting `multipart/related` (RFC 2046 §5.1, RFC 2387) while it streams by, a piece at a time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compliance.errors import HouseError

# RFC 2046 allows 70 characters; Orthanc writes 73.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,127}[0-9A-Za-z'()+_,./:=?-]")
_PADDING = re.compile(rb"[ \t]*\r\n")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")


class BadMultipart(HouseError):
    """The body is not what RFC 2046 calls multipart."""

    code = "bad_multipart"
    status = 400


class TooManyParts(HouseError):
    """The body holds more parts than one request may."""

    code = "too_many_parts"
    status = 413


@dataclass(frozen=True)
class Limits:
    """Budgets for one body.

    Attributes
    ----------
    max_parts
        Parts in the body.
    max_header_bytes
        Size of the header fields of one part.
    max_margin_bytes
        Size of what stands before the first boundary and after the last; nobody needs either.
    """

    max_parts: int = 20_000
    max_header_bytes: int = 8 * 1024
    max_margin_bytes: int = 64 * 1024


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a part: its header fields, names in lower case."""

    fields: dict[str, str]


def split(chunks: Iterable[bytes], boundary: str, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[Head | memoryview]:
    """Yield each part as a `Head` and then its bytes in pieces; a piece is valid until the next step.

    Raises
    ------
    BadMultipart
        The boundary is none, the body ends before its last boundary, or a part's head is malformed.
    TooManyParts
    """
    if not _BOUNDARY.fullmatch(boundary):
        raise BadMultipart("The Content-Type of the request names no valid boundary. Set one and send it again.")
    yield from _Splitter(iter(chunks), b"\r\n--" + boundary.encode("ascii"), limits).parts()


class _Splitter:
    def __init__(self, chunks: Iterator[bytes], mark: bytes, limits: Limits) -> None:
        self.chunks, self.mark, self.limits = chunks, mark, limits
        # The first boundary may open the body; every other stands after a line end.
        self.buffer, self.at = b"\r\n", 0

    def parts(self) -> Iterator[Head | memoryview]:
        margin = 0
        for piece in self._until_mark():
            margin += piece.nbytes
            if margin > self.limits.max_margin_bytes:
                raise BadMultipart("The body does not begin with its boundary. Check the Content-Type.")
        count = 0
        while not self._closed():
            count += 1
            if count > self.limits.max_parts:
                raise TooManyParts("The request holds more parts than this system accepts. Send it in several.")
            yield self._head()
            yield from self._until_mark()
        margin = len(self.buffer) - self.at
        for chunk in itertools.chain([b""], self.chunks):
            margin += len(chunk)
            if margin > self.limits.max_margin_bytes:
                raise BadMultipart("Something follows the last boundary of the body. Check what the sender writes.")

    def _until_mark(self) -> Iterator[memoryview]:
        """Yield what comes before the next boundary, and stand behind it."""
        keep = len(self.mark) - 1
        while (found := self.buffer.find(self.mark, self.at)) < 0:
            safe = max(self.at, len(self.buffer) - keep)
            if safe > self.at:
                yield memoryview(self.buffer)[self.at : safe]
            self.at = safe
            self._more()
        if found > self.at:
            yield memoryview(self.buffer)[self.at : found]
        self.at = found + len(self.mark)

    def _closed(self) -> bool:
        """Read the rest of a boundary's line; tell whether it was the last (RFC 2046 §5.1.1)."""
        self._need(2)
        if self.buffer[self.at : self.at + 2] == b"--":
            self.at += 2
            return True
        while not (line := _PADDING.match(self.buffer, self.at)):
            rest = self.buffer[self.at :]
            if rest.strip(b" \t") not in (b"", b"\r") or len(rest) > self.limits.max_header_bytes:
                raise BadMultipart("A boundary of the body is followed by something else. Choose a unique boundary.")
            self._more()
        # The line end stays: an empty head is its line end and the one that ends the head.
        self.at = line.end() - 2
        return False

    def _head(self) -> Head:
        while (end := self.buffer.find(b"\r\n\r\n", self.at)) < 0:
            if len(self.buffer) - self.at > self.limits.max_header_bytes:
                break
            self._more()
        if end < 0 or end - self.at > self.limits.max_header_bytes:
            raise BadMultipart("The head of a part is longer than this system accepts, or does not end.")
        text = self.buffer[self.at + 2 : end].decode("latin-1")
        self.at = end + 4
        fields = {}
        for line in text.split("\r\n") if text else ():
            field = _FIELD.fullmatch(line)
            if not field:
                raise BadMultipart("The head of a part is malformed. Check what the sender writes.")
            fields[field[1].lower()] = field[2].strip()
        return Head(fields)

    def _need(self, size: int) -> None:
        while len(self.buffer) - self.at < size:
            self._more()

    def _more(self) -> None:
        chunk = next(self.chunks, None)
        if chunk is None:
            raise BadMultipart("The body ends before its last boundary. Send it again.")
        self.buffer, self.at = self.buffer[self.at :] + chunk, 0
