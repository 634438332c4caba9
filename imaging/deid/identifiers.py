"""A list of what is known of people, to be searched for in what must not name them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from compliance.errors import HouseError

NAME, NUMBER, DATE, PHONE, ADDRESS, EMAIL, TEXT = "name", "number", "date", "phone", "address", "email", "text"

# What a column holds, by a word of its header; the first that fits.
_KINDS = (
    (EMAIL, r"e-?mail"),
    (PHONE, r"phones?|tel|telephones?|mobile|fax|callback"),
    (DATE, r"dates?|dob|birth|birthday|birthdate|born"),
    (ADDRESS, r"address|street|city|town|place|hospital|institution|clinic"),
    (NUMBER, r"id|ids|mrn|number|numbers|no|nr|accession|acc|pid|ssn|serial|zip|postcode|postal"),
    (NAME, r"names?|surname|family|given|first|last|middle|maiden|physician|doctor|operator|patient|person"),
    (TEXT, r"text|other|word|words"),
)
_VALUES = frozenset({"identifier", "identifiers", "value", "values", "known"})
_KIND_COLUMNS = frozenset({"kind", "type"})
_DATES = (
    re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"),
    re.compile(r"(?P<year>\d{4})[-./](?P<month>\d\d?)[-./](?P<day>\d\d?)"),
    re.compile(r"(?P<day>\d\d?)[-.](?P<month>\d\d?)[-.](?P<year>\d{4})"),
)


class UnreadableList(HouseError):
    """The list of identifiers is not understood, so nothing was searched."""

    code = "list_unreadable"
    status = 422


class Identifier(NamedTuple):
    """One thing that is known of somebody.

    Attributes
    ----------
    row, column
        Where it stands in the list: the number of its row, the header's being 1, and the name of its column.
    value
        Its text; a date as ISO 8601.
    """

    row: int
    column: str
    kind: str
    value: str


@dataclass(frozen=True)
class Known:
    """The identifiers of a list, and the places of those that are too short to be searched for."""

    identifiers: tuple[Identifier, ...] = field(repr=False)
    too_short: tuple[tuple[int, str], ...]


def read_list(content: bytes) -> Known:
    """Read a list of identifiers.

    The first row names the columns. Either `identifier` (or `value`) holds one in each row, and `kind` may say what it
    is, or there is a column for each thing that is known of a person, whose name says what it is. A cell may hold
    several values, parted by a vertical bar. Values of no known kind are told by their form.

    Parameters
    ----------
    content
        CSV (comma, semicolon or tab) in UTF-8, UTF-16 with its mark, or Windows-1252.

    Raises
    ------
    UnreadableList
        The sentence names the row, and never the value.
    """
    rows = _rows(content)
    header = next(rows, None)
    if header is None:
        raise UnreadableList("The list is empty. Its first row names the columns, each other one holds identifiers.")
    names = [name.strip() for name in header[1]]
    words = [" ".join(re.split(r"[\W_]+", name.lower())).strip() for name in names]
    kinds = [_kind_of_column(word) for word in words]
    if not any(kinds) and not _VALUES.intersection(words):
        raise UnreadableList(
            "No column of the list has a name that is known here. Call it identifier, or by what it holds: "
            "name, patient id, birth date, phone, address, e-mail."
        )
    said = next((place for place, word in enumerate(words) if word in _KIND_COLUMNS), None)
    found: list[Identifier] = []
    too_short: list[tuple[int, str]] = []
    for row, cells in rows:
        if len(cells) > len(names):
            raise UnreadableList(f"Row {row} of the list has more cells than the first row names columns.")
        for place, cell in enumerate(cells):
            if place == said:
                continue
            kind, column = kinds[place] or _kind_of_row(row, cells, said), names[place] or f"column {place + 1}"
            for value in filter(None, (part.strip() for part in cell.split("|"))):
                one = _identifier(row, column, kind, value)
                if _is_searchable(one):
                    found.append(one)
                else:
                    too_short.append((row, column))
    if not found:
        raise UnreadableList("The list holds no identifier that can be searched for.")
    return Known(tuple(found), tuple(too_short))


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Numbers and cells of the rows that hold anything."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as problem:
        raise UnreadableList(f"Row {reader.line_num} of the list is not written as CSV: check its quotes.") from problem


def _kind_of_column(words: str) -> str:
    for kind, pattern in _KINDS:
        if re.search(rf"\b(?:{pattern})\b", words):
            return kind
    return ""


def _kind_of_row(row: int, cells: Sequence[str], said: int | None) -> str:
    text = cells[said].strip().lower() if said is not None and said < len(cells) else ""
    kind = _kind_of_column(" ".join(re.split(r"[\W_]+", text)))
    if text and not kind:
        raise UnreadableList(
            f"Row {row} of the list has a kind that is not known: "
            "write name, number, date, phone, address, email or text, or leave it empty."
        )
    return kind


def _identifier(row: int, column: str, kind: str, value: str) -> Identifier:
    date = _date(value)
    if kind == DATE and date is None:
        raise UnreadableList(
            f"Row {row} of the list, column {column}: it is not certain which date this is. "
            "Write it as year-month-day, such as 1947-11-23."
        )
    kind = kind or (DATE if date else _guessed(value))
    return Identifier(row, column, kind, date if kind == DATE and date else value)


def _guessed(value: str) -> str:
    if "@" in value:
        return EMAIL
    digits = sum(letter.isdigit() for letter in value)
    if digits >= 7 and re.fullmatch(r"\+?[\d\s().\-/]+", value) and not value.isdigit():
        return PHONE
    if digits and not re.search(r"\s", value):
        return NUMBER
    return ADDRESS if digits else NAME


def _date(value: str) -> str | None:
    for form in _DATES:
        if match := form.fullmatch(value):
            try:
                return dt.date(*(int(match[part]) for part in ("year", "month", "day"))).isoformat()
            except ValueError:
                return None
    return None


def _is_searchable(one: Identifier) -> bool:
    letters = [letter for letter in one.value if letter.isalnum()]
    wide = any(ord(letter) > 0x2E7F for letter in letters)
    return len(letters) >= (1 if wide else 4 if one.value.isdigit() else 2)
