"""Calendars as programs read them: iCalendar (RFC 5545), all-day spans only.

Lines end with CRLF and are folded at 75 octets, never inside a character; texts are escaped; an event keeps its
identifier as long as what it is about exists.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Octets of a line before it is folded (§3.1).
_LINE = 75
_PRODUCT = "-//Parallax//Imaging core lab//EN"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts from one day to another, both included.

    Attributes
    ----------
    uid
        The same in each calendar that tells of it, and of nothing else.
    """

    uid: str
    first: dt.date
    last: dt.date
    summary: str
    description: str = ""
    url: str = ""


def calendar(name: str, spans: Iterable[Span], *, at: dt.datetime, refresh_hours: int = 6) -> bytes:
    """Return a calendar of spans as it stood at a moment.

    `refresh_hours` asks a program to look again after so long (RFC 7986 §5.7, and the older X-PUBLISHED-TTL).
    """
    again = f"PT{refresh_hours}H"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODUCT}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{_text(name)}",
        f"X-WR-CALNAME:{_text(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{again}",
        f"X-PUBLISHED-TTL:{again}",
    ]
    for span in spans:
        lines += _event(span, at)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line)).encode()


def _event(span: Span, at: dt.datetime) -> list[str]:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{span.uid}",
        f"DTSTAMP:{at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{span.first:%Y%m%d}",
        # The day after the last one (§3.6.1).
        f"DTEND;VALUE=DATE:{span.last + dt.timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_text(span.summary)}",
    ]
    if span.description:
        lines.append(f"DESCRIPTION:{_text(span.description)}")
    if span.url:
        lines.append(f"URL:{span.url}")
    return [*lines, "TRANSP:TRANSPARENT", "END:VEVENT"]


def _text(value: str) -> str:
    """Escape a text (§3.3.11); what no text may hold is left out."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    plain = "".join(sign for sign in value if sign in "\n\t" or unicodedata.category(sign) != "Cc")
    for sign, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        plain = plain.replace(sign, escaped)
    return plain


def _folded(line: str) -> Iterator[str]:
    """Split a line so that each part has at most 75 octets; each further part begins with a blank."""
    part, size = "", 0
    for sign in line:
        octets = len(sign.encode())
        if size + octets > _LINE:
            yield part
            part, size = " ", 1
        part, size = part + sign, size + octets
    yield part
