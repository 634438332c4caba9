"""Dates as people write them in text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

_MONTHS = (
    *("jan january januar janvier enero gennaio", "feb february februar février febrero febbraio"),
    *("mar march märz mars marzo mrz", "apr april avril abril aprile", "may mai mayo maggio"),
    *("jun june juni juin junio giugno", "jul july juli juillet julio luglio", "aug august août agosto"),
    *("sep sept september septembre septiembre settembre", "oct october oktober okt octobre octubre ottobre"),
    *("nov november novembre noviembre", "dec december dezember dez décembre diciembre dicembre"),
)
_NUMBER_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_MONTH = "(?P<month>" + "|".join(sorted(_NUMBER_OF, key=lambda name: -len(name))) + r")\.?"
_YEAR, _DAY = r"(?P<year>(?:19|20)\d\d)", r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|\.)?"
_FORMS = (
    # A time of day may follow without a space, and more digits after that.
    re.compile(
        r"(?<![\w.])(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?=\d{4,6}\b|[\W_T]|$)"
    ),
    re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)([-./])(?P<month>0?[1-9]|1[0-2])\2(?P<day>0?[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(rf"(?<!\w){_DAY}[\s-]*(?:de\s+)?{_MONTH}[\s,-]*(?:de\s+)?{_YEAR}(?!\d)", re.IGNORECASE),
    re.compile(rf"(?<!\w){_MONTH}[\s-]*{_DAY}[\s,-]+{_YEAR}(?!\d)", re.IGNORECASE),
    re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)[年년]\s?(?P<month>\d{1,2})[月월]\s?(?P<day>\d{1,2})[日일]"),
)
_NUMBERS = re.compile(r"(?<![\d./-])(\d\d?)([-./])(\d\d?)\2((?:19|20)\d\d)(?!\d)")
# Not certain enough to be shifted, and not vague enough to stay.
_VAGUE = (
    re.compile(r"(?<![\d./-])(?:0[1-9]|[12]\d|3[01])([-./])(?:0[1-9]|[12]\d|3[01])\1\d\d(?![\d./-])"),
    re.compile(rf"(?<!\w){_MONTH}[\s,-]*{_YEAR}(?!\d)", re.IGNORECASE),
)


def dates_in(text: str) -> Iterator[tuple[int, int, str | None]]:
    """Start and end of each date, and the day itself as DA; None where two days, or a whole month, may be meant."""
    if not any(letter.isdigit() for letter in text):
        return
    taken: list[tuple[int, int]] = []
    for start, end, day in _all(text):
        if not any(start < there and here < end for here, there in taken):
            taken.append((start, end))
            yield start, end, day


def _all(text: str) -> Iterator[tuple[int, int, str | None]]:
    for form in _FORMS:
        for match in form.finditer(text):
            month = _NUMBER_OF.get(match["month"].lower()) or int(match["month"])
            if day := _day(int(match["year"]), month, int(match["day"])):
                yield *match.span(), day
    for match in _NUMBERS.finditer(text):
        one, other, year = int(match[1]), int(match[3]), int(match[4])
        days = {_day(year, other, one)} if match[2] == "." else {_day(year, other, one), _day(year, one, other)}
        if days := days - {None}:
            yield *match.span(), days.pop() if len(days) == 1 else None
    for form in _VAGUE:
        yield from ((*match.span(), None) for match in form.finditer(text))


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).strftime("%Y%m%d")
    except ValueError:
        return None
