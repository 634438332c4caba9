"""Calendars as RFC 5545 has them: lines, folds, escapes, and spans of days."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.ical import Span, calendar

AT = dt.datetime(2026, 3, 2, 10, 5, 6, tzinfo=dt.timezone(dt.timedelta(hours=1)))


def span(**other: object) -> Span:
    days = {"first": dt.date(2026, 2, 27), "last": dt.date(2026, 3, 1)}
    return Span(**{"uid": "one", "summary": "Scan", **days, **other})  # type: ignore[arg-type]


def unfolded(content: bytes) -> list[str]:
    """Content lines, as a program joins them again (§3.1)."""
    return content.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def unescaped(text: str) -> str:
    """A text as a program reads it (§3.3.11)."""
    plain, signs = "", iter(text)
    for sign in signs:
        plain += {"n": "\n", "N": "\n"}.get(following := next(signs), following) if sign == "\\" else sign
    return plain


def value(content: bytes, name: str) -> str:
    return next(line.removeprefix(name + ":") for line in unfolded(content) if line.startswith(name + ":"))


def test_a_calendar_is_written_as_the_standard_has_it():
    spans = [span(description="Planned", url="https://example.org/1"), span(uid="two")]
    assert calendar("PLX-1", spans, at=AT).decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Parallax//Imaging core lab//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:PLX-1",
        "X-WR-CALNAME:PLX-1",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        "X-PUBLISHED-TTL:PT6H",
        "BEGIN:VEVENT",
        "UID:one",
        # UTC, whatever the zone of the moment.
        "DTSTAMP:20260302T090506Z",
        "DTSTART;VALUE=DATE:20260227",
        # The end is the day after the last one.
        "DTEND;VALUE=DATE:20260302",
        "SUMMARY:Scan",
        "DESCRIPTION:Planned",
        "URL:https://example.org/1",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "UID:two",
        "DTSTAMP:20260302T090506Z",
        "DTSTART;VALUE=DATE:20260227",
        "DTEND;VALUE=DATE:20260302",
        "SUMMARY:Scan",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a, b; c", r"a\, b\; c"),
        ("back\\slash", r"back\\slash"),
        ("two\nlines\r\nand\rthree", r"two\nlines\nand\nthree"),
        ("END:VEVENT\r\nBEGIN:VEVENT", r"END:VEVENT\nBEGIN:VEVENT"),
        ("bell\x07 and\x00 nul", "bell and nul"),
    ],
)
def test_what_would_be_read_as_structure_is_escaped(text, written):
    assert value(calendar("n", [span(summary=text)], at=AT), "SUMMARY") == written


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200))
def test_lines_are_folded_at_75_octets_inside_no_character_and_read_back_as_they_were(text):
    content = calendar("n", [span(summary=text)], at=AT)
    for line in content.split(b"\r\n"):
        assert len(line) <= 75
        line.decode()
    assert unescaped(value(content, "SUMMARY")) == text


def test_a_line_of_75_octets_is_not_folded_and_one_of_76_is():
    for length, lines in ((67, 1), (68, 2)):
        content = calendar("n", [span(summary="x" * length)], at=AT)
        parts = content[content.index(b"SUMMARY") : content.index(b"TRANSP")].removesuffix(b"\r\n").split(b"\r\n")
        assert [len(part) for part in parts] == [75, 2][:lines]
