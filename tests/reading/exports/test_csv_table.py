"""Cells mean the same in every program that opens them, and a spreadsheet computes none of them."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.exports.csv_table import Column, Table, cell, write

pytestmark = pytest.mark.requirement("REQ-LOC-009")

NOTES = Table(
    "notes", "Notes", "One note", ("number",), (Column("number", "n", "integer"), Column("text", "t", "text"))
)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "text", ""),
        (True, "flag", "Y"),
        (False, "flag", ""),
        (True, "code", "Y"),
        (False, "code", "N"),
        (Decimal("30.50"), "decimal", "30.50"),
        (Decimal("1E+2"), "decimal", "100"),
        (Decimal("-38.023018"), "decimal", "-38.023018"),
        (dt.date(2031, 4, 1), "date", "2031-04-01"),
        (-7, "integer", "-7"),
        ("NON-CR/NON-PD", "code", "NON-CR/NON-PD"),
        ("two\r\nlines\rhere", "text", "two\nlines\nhere"),
    ],
)
def test_a_value_has_one_text(value, kind, expected):
    assert cell(value, kind) == expected


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_text_that_a_spreadsheet_would_compute_is_neutralised(start):
    """OWASP, CSV injection: cells that begin with = + - @, tab or carriage return."""
    assert cell(f"{start}1+1", "text").startswith("'")


def test_lines_end_alike_and_quotes_are_doubled():
    data = write(NOTES, [(1, 'say "no", twice'), (2, "naïve – 5 µm")])
    assert data == 'number,text\n1,"say ""no"", twice"\n2,naïve – 5 µm\n'.encode()


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="zip"):
        write(NOTES, [(1,)])


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")), max_size=5))
def test_what_was_written_is_read_back(texts):
    rows = list(csv.reader(io.StringIO(write(NOTES, enumerate(texts)).decode(), newline="")))
    assert [row[1].removeprefix("'") for row in rows[1:]] == [text.removeprefix("'") for text in texts]
