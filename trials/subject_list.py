"""Reading a list of subjects from a CSV or XLSX file from outside: cells as text, each with what is wrong with it.

Made to run in a child process that may be killed (`compliance.confined`): plain values in and out. A file that cannot
be understood at all is refused as a whole; a cell that cannot, is named, and the reading goes on.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from compliance.errors import HouseError

MOST_BYTES = 5 << 20
MOST_ROWS = 5000
#: A spreadsheet may be formatted further down than its list goes, but not without end.
_LAST_ROW = 20_000
_MOST_COLUMNS = 20
_MOST_LETTERS = 200
#: A workbook: entries of the ZIP, bytes that come out of it, and bytes out per byte in.
_MOST_ENTRIES, _MOST_INFLATED, _MOST_RATIO, _RATIO_FROM = 500, 64 << 20, 100, 1 << 20

#: What a column is called here, by what it may be called in a list.
COLUMNS = {
    "site": "site",
    "site code": "site",
    "subject": "subject",
    "subject code": "subject",
    "arm": "arm",
    "day 1": "day_1",
    "reference date": "day_1",
}
REQUIRED = ("site", "subject", "day_1")
TEMPLATE = "site;subject;day 1\r\n"

#: What spreadsheets take for a formula (CWE-1236).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_ISO_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class UnreadableList(HouseError):
    """The file is no list that can be read; nothing of it is used."""

    code = "list_unreadable"
    status = 422


class ListTooLarge(HouseError):
    """The file holds or inflates to more than a list of subjects does."""

    code = "list_too_large"
    status = 413


class _Formula:
    """A cell that holds a formula."""


def read(content: bytes) -> dict[str, Any]:
    """Read a list of subjects.

    Parameters
    ----------
    content
        The file: CSV (comma, semicolon or tab; UTF-8, UTF-16 with its mark, or Windows-1252) or XLSX.

    Returns
    -------
    dict
        `notes`: sentences on how the file was read. `columns`: which of `COLUMNS` it has. `rows`: for each row with
        anything in it `row` (its number), a text for each column (a date as ISO 8601), and `problems`, pairs of a
        cell and a sentence.

    Raises
    ------
    UnreadableList, ListTooLarge
    """
    if len(content) > MOST_BYTES:
        raise ListTooLarge(f"The list is larger than {MOST_BYTES >> 20} MB. Leave only the columns that are asked for.")
    if content.startswith(_OLD_EXCEL):
        raise UnreadableList("The file is an old or a protected Excel file. Save it as .xlsx without a password.")
    notes: list[str] = []
    table = _workbook(content, notes) if content.startswith(b"PK\x03\x04") else _text_table(content, notes)
    numbered = ((row, cells) for row, cells in table if any(map(_is_filled, cells)))
    first = next(numbered, None)
    if first is None:
        raise UnreadableList("The file holds no rows. Fill in the template and choose it again.")
    columns = _columns(*first)
    rows: list[dict[str, Any]] = []
    for row, cells in numbered:
        if len(rows) == MOST_ROWS:
            raise ListTooLarge(f"The list has more than {MOST_ROWS:,} subjects. Divide it.")
        rows.append(_read_row(row, cells, columns))
    if not rows:
        raise UnreadableList("The list has a header and no subjects below it. Fill it in and choose it again.")
    return {"notes": notes, "columns": sorted(columns), "rows": rows}


def _columns(row: int, cells: Sequence[Any]) -> dict[str, int]:
    """Where each column is, from the header."""
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        name = " ".join(cell.lower().replace("_", " ").split()) if isinstance(cell, str) else cell
        if not _is_filled(cell):
            continue
        if name not in COLUMNS:
            raise UnreadableList(
                f"The column in {_cell(place, row)} is not known here. The first row names the columns: "
                "site, subject, day 1, and arm where there is one. Visit dates follow from day 1 and the charter."
            )
        if COLUMNS[name] in found:
            raise UnreadableList(f"The column in {_cell(place, row)} is there twice. Remove one of them.")
        found[COLUMNS[name]] = place
    if missing := [name.replace("_", " ") for name in REQUIRED if name not in found]:
        raise UnreadableList(
            f"The first row does not name a column {' and a column '.join(missing)}. See the template."
        )
    return found


def _read_row(row: int, cells: Sequence[Any], columns: dict[str, int]) -> dict[str, Any]:
    answer: dict[str, Any] = {"row": row, "problems": []}
    for name, place in columns.items():
        value = cells[place] if place < len(cells) else None
        try:
            answer[name] = _date(value) if name == "day_1" else _code(value)
            if not answer[name] and name in REQUIRED:
                raise ValueError("This is missing.")
        except ValueError as problem:
            answer[name] = value[:_MOST_LETTERS] if isinstance(value, str) else ""
            answer["problems"].append([_cell(place, row), str(problem)])
    for place, cell in enumerate(cells):
        if _is_filled(cell) and place not in columns.values():
            answer["problems"].append([_cell(place, row), "This stands in no column of the list. Remove it."])
    return answer


def _is_filled(cell: Any) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _code(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, _Formula):
        raise ValueError("This is a formula. Save the list with values only.")
    if not isinstance(value, str):
        raise ValueError("This is stored as a number or date, so zeros in front may be lost. Format the cell as text.")
    if value.startswith(_FORMULA_STARTS) or value.strip().startswith(_FORMULA_STARTS):
        raise ValueError("This begins as a formula does (= + - @). Codes begin with a letter or digit.")
    text = value.strip()
    if len(text) > _MOST_LETTERS or any(not letter.isprintable() for letter in text):
        raise ValueError("This is too long for a code, or holds characters that cannot be seen.")
    return text


def _date(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, _Formula):
        raise ValueError("This is a formula. Save the list with values only.")
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise ValueError("This is a time of day. Give a date only.")
        return value.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if not isinstance(value, str):
        raise ValueError("This is a number and no date. Format the cell as a date, or write it as 2026-01-31.")
    match = _ISO_DATE.fullmatch(value.strip())
    if match is None:
        raise ValueError("It is not certain which date this is. Write it as year-month-day, such as 2026-01-31.")
    try:
        return dt.date(*map(int, match.groups())).isoformat()
    except ValueError:
        raise ValueError("There is no such day in the calendar.") from None


def _cell(place: int, row: int) -> str:
    """Name a cell as spreadsheets do."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


# --- CSV ------------------------------------------------------------------------------------------------------


def _text_table(content: bytes, notes: list[str]) -> Iterator[tuple[int, Sequence[Any]]]:
    text = _decoded(content, notes)
    if text[:4].lower() == "sep=":
        # What Excel writes in front so that it understands itself.
        delimiter, text = text[4:5], text.partition("\n")[2]
    else:
        head = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(";,\t", key=head.count)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, cells in enumerate(rows, start=1):
            if number > _LAST_ROW:
                raise ListTooLarge(f"The list goes on below row {_LAST_ROW:,}. Remove what is below it, or divide it.")
            yield number, cells[: _MOST_COLUMNS + 1]
    except (csv.Error, TypeError):
        raise UnreadableList("The file is not a table in CSV. Save the list as CSV or .xlsx again.") from None


def _decoded(content: bytes, notes: list[str]) -> str:
    try:
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        notes.append(
            "The file is not in UTF-8, so it was read as Windows-1252. Check letters with accents, or save it as UTF-8."
        )
    if "\0" in text or "\ufffd" in text:
        raise UnreadableList("The file is no text and no Excel file. Save the list as CSV or .xlsx.")
    return text


# --- XLSX -----------------------------------------------------------------------------------------------------


def _workbook(content: bytes, notes: list[str]) -> Iterator[tuple[int, Sequence[Any]]]:
    from defusedxml import DefusedXmlException

    try:
        _refuse_unsafe(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from _sheet_rows(content, notes)
    except (HouseError, MemoryError):
        raise
    except Exception as problem:
        # What a library does not understand of a file from outside, it says in many ways.
        if any(isinstance(one, DefusedXmlException) for one in (problem, problem.__cause__)):
            raise UnreadableList("The workbook holds entities, as harmful files do. Save the list anew.") from None
        raise UnreadableList("The workbook is damaged, or is no Excel file. Save the list as .xlsx again.") from None


def _refuse_unsafe(content: bytes) -> None:
    """Look at the ZIP's directory before anything is inflated; no entry gives more than it says there."""
    entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    inflated = sum(entry.file_size for entry in entries)
    if len(entries) > _MOST_ENTRIES or inflated > _MOST_INFLATED:
        raise ListTooLarge("The workbook holds far more than a list of subjects. Copy the list into a new one.")
    if any(e.file_size > _RATIO_FROM and e.file_size > _MOST_RATIO * max(e.compress_size, 1) for e in entries):
        raise ListTooLarge("A part of the workbook unpacks to far more than lists do. It is refused.")
    names = [entry.filename.lower() for entry in entries]
    if any(name.startswith("xl/externallinks/") for name in names):
        raise UnreadableList("The workbook is linked to other files. Copy the list, as values, into a new one.")
    if any(name.endswith("vbaproject.bin") for name in names):
        raise UnreadableList("The workbook holds macros. Save the list as .xlsx without them.")


def _sheet_rows(content: bytes, notes: list[str]) -> Iterator[tuple[int, Sequence[Any]]]:
    import openpyxl

    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("defusedxml is not installed")
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not visible:
        raise UnreadableList("The workbook has no visible sheet. Show the sheet with the list.")
    if len(book.worksheets) > 1:
        notes.append("The workbook has several sheets; the first one that is shown was read.")
    sheet = visible[0]
    _refuse_hidden_and_merged(sheet)
    # How large the sheet says it is need not be true.
    sheet.reset_dimensions()
    for number, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS + 1), start=1):
        if number > _LAST_ROW:
            raise ListTooLarge(f"The sheet goes on below row {_LAST_ROW:,}. Remove the rows below the list.")
        yield number, [_Formula() if cell.data_type == "f" else cell.value for cell in cells]


def _refuse_hidden_and_merged(sheet: Any) -> None:
    """Refuse what a person does not see, and what one cell says for several; reading row by row tells neither."""
    from defusedxml.ElementTree import iterparse

    # The library gives this stream to itself alone.
    with sheet._get_source() as source:
        for _, element in iterparse(source):
            name = element.tag.rpartition("}")[2]
            if name == "row" and element.get("hidden") in ("1", "true") and any(map(len, element)):
                raise UnreadableList(
                    f"Row {element.get('r', '?')[:7]} of the sheet is hidden, perhaps by a filter. Show or delete it."
                )
            if name == "mergeCell":
                raise UnreadableList(
                    f"The cells {element.get('ref', '?')[:20]} are merged. Divide them and fill in each row."
                )
            if name == "row":
                element.clear()
