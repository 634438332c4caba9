"""Lists of subjects as people and others make them."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

HEADER = ("site", "subject", "day 1")
DAY_1 = dt.date(2026, 1, 5)


def as_csv(*rows: Iterable[str], header: Iterable[str] = HEADER, delimiter: str = ";") -> bytes:
    """A list as CSV in UTF-8."""
    return "".join(delimiter.join(row) + "\r\n" for row in (header, *rows)).encode()


def as_xlsx(
    *rows: Iterable[Any], header: Iterable[Any] = HEADER, change: Callable[[Worksheet], Any] | None = None
) -> bytes:
    """A list as a workbook; `change` may spoil its sheet."""
    book = Workbook()
    sheet = book.active
    for row in (header, *rows):
        sheet.append(list(row))
    if change:
        change(sheet)
    return saved(book)


def saved(book: Workbook) -> bytes:
    """A workbook as a file."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def altered(content: bytes, parts: Mapping[str, bytes]) -> bytes:
    """A workbook with parts replaced or added."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part)
    return buffer.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
_ROWS = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData></worksheet>'


def sheet_of(rows: bytes, before: bytes = b"") -> bytes:
    """A workbook whose sheet has these rows as XML."""
    return altered(as_xlsx(), {SHEET: b'<?xml version="1.0"?>' + before + _ROWS % rows})


def laughs() -> bytes:
    """A workbook whose sheet defines entities of entities."""
    entities = b"".join(b'<!ENTITY l%d "%b">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    dtd = b'<!DOCTYPE worksheet [<!ENTITY l0 "lol">' + entities + b"]>"
    return sheet_of(b'<row r="1"><c r="A1" t="inlineStr"><is><t>&l9;</t></is></c></row>', dtd)


def reads_a_file() -> bytes:
    """A workbook whose sheet names a file of the machine as an entity."""
    dtd = b'<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    return sheet_of(b'<row r="1"><c r="A1" t="inlineStr"><is><t>&x;</t></is></c></row>', dtd)


def bomb() -> bytes:
    """A workbook with a part of zeros, a thousand times as large as it looks."""
    return altered(as_xlsx(), {"xl/media/image1.png": bytes(48 << 20)})


def million_rows() -> bytes:
    """A workbook of a million rows."""
    row = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>N</t></is></c></row>'
    return sheet_of(b"".join(row % (n, n) for n in range(1, 1_000_001)))


def far_row() -> bytes:
    """A workbook whose second row is said to be far beyond the last that there can be."""
    head = b"".join(
        b'<c r="%c1" t="inlineStr"><is><t>%b</t></is></c>' % (65 + place, name.encode())
        for place, name in enumerate(HEADER)
    )
    far = b'<row r="999999999"><c r="A999999999" t="inlineStr"><is><t>NORTH</t></is></c></row>'
    return sheet_of(b'<row r="1">' + head + b"</row>" + far)
