"""Lists for spreadsheets: as they are read, and nothing in them is computed."""

from __future__ import annotations

import csv
import io

import pytest

from compliance.spreadsheets import as_csv, download

pytestmark = pytest.mark.requirement("REQ-LOC-009")


def test_rows_come_back_as_they_were():
    rows = [["a, b", 'say "x"', 3, None, 1.5], ["two\nlines", "", -4, None, 0]]
    read = list(csv.reader(io.StringIO(as_csv(["one", "two", "three", "four", "five"], rows), newline="")))
    assert read == [
        ["one", "two", "three", "four", "five"],
        ["a, b", 'say "x"', "3", "", "1.5"],
        ["two\nlines", "", "-4", "", "0"],
    ]


def test_a_text_that_a_spreadsheet_would_compute_is_made_harmless_and_a_number_is_not():
    assert as_csv(["=h"], [["=1+1", "+1", "-1", "@x", "\tx", -1]]).splitlines()[1] == "'=1+1,'+1,'-1,'@x,'\tx,-1"


def test_a_download_has_its_name_and_the_mark_of_utf_8():
    answer = download("list.csv", ["ä"], [])
    assert answer.content == b"\xef\xbb\xbf\xc3\xa4\r\n"
    assert answer["Content-Disposition"] == 'attachment; filename="list.csv"'
