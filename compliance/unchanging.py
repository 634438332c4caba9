"""Bytes that never change under their address: kept by one person's browser, asked for whole or in part (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

#: A year, the longest that is of use; only the browser of the person who was let in keeps it.
KEPT = "private, max-age=31536000, immutable"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")

#: Bytes of something long that are sent in one answer.
_AT_ONCE = 8 << 20
#: Gives the bytes between two places.
ReadPart = Callable[[int, int], bytes]
#: Gives the bytes and what they are.
Read = Callable[[], tuple[bytes, str]]


def answer(request: HttpRequest, tag: str, read: Read) -> HttpResponse:
    """Answer with bytes that have this tag, a part of them, or that the browser has them already (§13.1.2, §14).

    Parameters
    ----------
    tag
        Names the bytes: others never have it. The caller has asked whether the person may see them.
    read
        Called where bytes are to be sent.
    """
    etag = f'"{tag}"'
    response = HttpResponse(status=304) if _has(request, etag) else _bytes(request, etag, *read())
    if response.status_code != 304:
        response.headers["Content-Length"] = str(len(response.content))
    return _kept(response, etag)


def _kept(response: HttpResponse, etag: str) -> HttpResponse:
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = KEPT
    response.headers["Vary"] = "Cookie"
    response.headers["Accept-Ranges"] = "bytes"
    return response


def answer_part(request: HttpRequest, tag: str, size: int, content_type: str, read: ReadPart) -> HttpResponse:
    """As `answer`, for bytes that are too many to be read at once: no more of them are read than are sent.

    To a range that is long a shorter one is answered (§14.2 leaves a server free); whoever asked asks on.
    """
    etag = f'"{tag}"'
    response = HttpResponse(status=304) if _has(request, etag) else part_of(request, size, content_type, read, etag)
    return _kept(response, etag)


def part_of(request: HttpRequest, size: int, content_type: str, read: ReadPart, etag: str = "") -> HttpResponse:
    """Answer with the part of some bytes that is asked for; nothing is said of whether they may be kept."""
    asked = _part_of(request, etag)
    if asked is None:
        response = HttpResponse(read(0, size), content_type=content_type)
    elif (range_ := _range(asked, size)) is None:
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        begin, end = range_[0], min(range_[1], range_[0] + _AT_ONCE)
        headers = {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
        response = HttpResponse(read(begin, end), status=206, content_type=content_type, headers=headers)
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["Accept-Ranges"] = "bytes"
    return response


def answer_stream(
    request: HttpRequest, tag: str, size: int, content_type: str, send: Callable[[int, int], Iterator[bytes]]
) -> HttpResponseBase:
    """Answer with bytes that are too many for one answer to hold, or a part of them, as they are read.

    Parameters
    ----------
    send
        Called with begin and end where bytes are to be sent; whoever asks about them (HEAD) is sent none.
    """
    etag = f'"{tag}"'
    asked = _part_of(request, etag)
    range_ = (0, size) if asked is None else _range(asked, size)
    if range_ is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    begin, end = range_
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        status = 200 if asked is None else 206
        response = StreamingHttpResponse(send(begin, end), status=status, content_type=content_type)
    if asked is not None and request.method != "HEAD":
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    response.headers["Content-Length"] = str(size if request.method == "HEAD" else end - begin)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _has(request: HttpRequest, etag: str) -> bool:
    known = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    return etag in known or known == ["*"]


def _bytes(request: HttpRequest, etag: str, content: bytes, content_type: str) -> HttpResponse:
    size, part = len(content), _part_of(request, etag)
    if part is None:
        return HttpResponse(content, content_type=content_type)
    range_ = _range(part, size)
    if range_ is None:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    begin, end = range_
    headers = {"Content-Range": f"bytes {begin}-{end - 1}/{size}"}
    return HttpResponse(content[begin:end], status=206, content_type=content_type, headers=headers)


def _range(part: tuple[int | None, int | None], size: int) -> tuple[int, int] | None:
    """Begin and end of what is asked for; None where there is nothing of it."""
    first, last = part
    if first is None:
        begin, end = max(size - (last or 0), 0), size
    else:
        begin, end = first, size if last is None else min(last + 1, size)
    return (begin, end) if begin < end else None


def _part_of(request: HttpRequest, etag: str) -> tuple[int | None, int | None] | None:
    """First and last byte asked for; None for all of them, which is also the answer to what is no single range."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not match or request.headers.get("If-Range", etag) != etag or not any(match.groups()):
        return None
    first, last = (int(digits) if digits else None for digits in match.groups())
    return None if first is not None and last is not None and last < first else (first, last)
