"""Lists for spreadsheets: CSV with the mark by which they know UTF-8, and no cell that they would compute."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(STARTS_A_FORMULA) else text


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV below their header (RFC 4180); a missing value is empty, a text harmless."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(header)
    for row in rows:
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row])
    return target.getvalue()


def download(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """Answer a request with rows as a file of this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    content = as_csv(header, rows).encode("utf-8-sig")
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)
