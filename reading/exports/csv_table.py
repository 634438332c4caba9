"""A table as CSV bytes: UTF-8, one line end, RFC 4180 quoting, and no cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from compliance.spreadsheets import harmless


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it means, and the kind of its values.

    Attributes
    ----------
    kind
        code, text, integer, decimal, date, flag (Y or empty) or json. Only a text is free to hold anything.
    unit
        Unit of the values, if they have one.
    sdtm
        The SDTM variable of the same meaning, if there is one.
    """

    name: str
    meaning: str
    kind: str = "code"
    unit: str = ""
    sdtm: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One file of rows, with what each row is and which columns together name it."""

    name: str
    title: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def file_name(self) -> str:
        """Name of the file in the package."""
        return f"{self.name}.csv"


def cell(value: object, kind: str) -> str:
    """Return one value as the text of its cell.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; its own line ends become
    line feeds. Nothing is rounded, a missing value is empty.
    """
    if value is None:
        return ""
    if kind == "flag":
        return "Y" if value else ""
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.date):
        return value.isoformat()
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    return harmless(text) if kind == "text" else text


def write(table: Table, rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table's rows as CSV, its header first."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    for row in rows:
        writer.writerow(cell(value, column.kind) for value, column in zip(row, table.columns, strict=True))
    return target.getvalue().encode()
