"""Bytes that never change: kept by the browser, asked for whole or in part."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from compliance import unchanging

CONTENT = bytes(range(10))


def asked(**headers: str) -> HttpResponse:
    request = RequestFactory().get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return unchanging.answer(request, "tag", lambda: (CONTENT, "application/octet-stream"))


def test_the_whole_is_kept_by_the_persons_browser_alone() -> None:
    whole = asked()
    assert (whole.status_code, whole.content, whole["ETag"]) == (200, CONTENT, '"tag"')
    assert whole["Content-Length"] == "10"
    assert whole["Cache-Control"] == "private, max-age=31536000, immutable"
    assert (whole["Vary"], whole["Accept-Ranges"], whole["Content-Type"]) == (
        "Cookie",
        "bytes",
        "application/octet-stream",
    )


@pytest.mark.parametrize("known", ['"tag"', 'W/"tag"', '"other", "tag"', "*"])
def test_what_the_browser_has_is_not_read_again(known: str) -> None:
    request = RequestFactory().get("/", headers={"If-None-Match": known})
    answer = unchanging.answer(request, "tag", lambda: pytest.fail("it was read"))
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", '"tag"')


@pytest.mark.parametrize(
    ("asked_for", "part", "said"),
    [
        ("bytes=0-3", CONTENT[:4], "bytes 0-3/10"),
        ("bytes=4-", CONTENT[4:], "bytes 4-9/10"),
        ("bytes=8-99", CONTENT[8:], "bytes 8-9/10"),
        ("bytes=-3", CONTENT[7:], "bytes 7-9/10"),
        ("bytes=-99", CONTENT, "bytes 0-9/10"),
    ],
)
def test_a_part(asked_for: str, part: bytes, said: str) -> None:
    answer = asked(range=asked_for)
    assert (answer.status_code, answer.content, answer["Content-Range"]) == (206, part, said)


@pytest.mark.parametrize("asked_for", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_part_that_is_not_there(asked_for: str) -> None:
    answer = asked(range=asked_for)
    assert (answer.status_code, answer.content, answer["Content-Range"]) == (416, b"", "bytes */10")


@pytest.mark.parametrize("asked_for", ["bytes=0-1,4-5", "bytes=5-2", "bytes=-", "lines=1-2", "nonsense"])
def test_what_is_no_single_range_is_answered_whole(asked_for: str) -> None:
    assert (asked(range=asked_for).status_code, asked(range=asked_for).content) == (200, CONTENT)


def test_a_part_of_something_else_is_answered_whole() -> None:
    assert asked(range="bytes=0-3", if_range='"other"').status_code == 200
    assert asked(range="bytes=0-3", if_range='"tag"').status_code == 206
