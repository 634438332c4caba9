"""Reading lists of subjects: what is understood, and the sentence for everything else."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from compliance import confined
from compliance.errors import HouseError
from tests.trials import lists
from tests.trials.lists import DAY_1, HEADER, as_csv, as_xlsx
from trials.subject_list import MOST_BYTES, MOST_ROWS, ListTooLarge, UnreadableList, read

pytestmark = pytest.mark.requirement("REQ-SUB-005")

ROW = ("NORTH", "N-101", "2026-01-05")
READ = {"row": 2, "site": "NORTH", "subject": "N-101", "day_1": "2026-01-05", "problems": []}


def problems(content: bytes) -> list[list[str]]:
    """What is wrong with the cells of the first row of a list."""
    found: list[list[str]] = read(content)["rows"][0]["problems"]
    return found


# --- what is understood -------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_with_any_delimiter(delimiter: str) -> None:
    assert read(as_csv(ROW, delimiter=delimiter)) == {
        "notes": [],
        "columns": ["day_1", "site", "subject"],
        "rows": [READ],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_in_the_encodings_of_spreadsheets(encoding: str) -> None:
    text = as_csv((*ROW, "Größe"), header=(*HEADER, "arm")).decode()

    found = read(text.encode(encoding))

    assert (found["rows"][0]["arm"], found["notes"]) == ("Größe", [])


def test_another_encoding_is_said_plainly() -> None:
    found = read(as_csv((*ROW, "Größe"), header=(*HEADER, "arm")).decode().encode("cp1252"))

    assert found["rows"][0]["arm"] == "Größe"
    assert found["notes"] == [
        "The file is not in UTF-8, so it was read as Windows-1252. Check letters with accents, or save it as UTF-8."
    ]


def test_csv_that_says_its_delimiter_as_excel_does() -> None:
    assert read(b"sep=,\r\n" + as_csv(ROW, delimiter=","))["rows"][0]["subject"] == "N-101"


def test_xlsx_with_dates_as_dates() -> None:
    for day_1 in (DAY_1, dt.datetime(2026, 1, 5), "2026-01-05"):  # noqa: DTZ001 - a cell has no zone
        assert read(as_xlsx(("NORTH", "N-101", day_1)))["rows"] == [READ]


def test_columns_in_any_order_under_any_of_their_names() -> None:
    found = read(as_csv(("2026-01-05", " N-101 ", "NORTH"), header=("Reference_Date", "Subject  code", "SITE")))

    assert found["rows"] == [READ]


def test_empty_rows_are_passed_over_and_rows_keep_their_numbers() -> None:
    found = read(b"\r\n" + as_csv(("", " ", ""), ROW) + b";;\r\n")

    assert [row["row"] for row in found["rows"]] == [4]


def test_the_first_sheet_that_is_shown_is_read() -> None:
    book = Workbook()
    book.active.sheet_state = "hidden"
    book.active.append(("secret",))
    for row in (HEADER, ROW):
        shown = book["List"] if "List" in book.sheetnames else book.create_sheet("List")
        shown.append(row)

    found = read(lists.saved(book))

    assert found["rows"] == [READ]
    assert found["notes"] == ["The workbook has several sheets; the first one that is shown was read."]


def test_the_largest_list_is_read() -> None:
    rows = [("NORTH", f"N-{number:05}", "2026-01-05") for number in range(MOST_ROWS)]

    for content in (as_csv(*rows), as_xlsx(*rows)):
        assert len(read(content)["rows"]) == MOST_ROWS


# --- cells --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["=1+1", "+49", "-1", "@SUM(A1)", " =1+1", '=HYPERLINK("//x")'])
def test_text_that_begins_as_a_formula_is_no_code(value: str) -> None:
    quoted = '"' + value.replace('"', '""') + '"'
    expected = [["B2", "This begins as a formula does (= + - @). Codes begin with a letter or digit."]]

    assert problems(as_csv(("NORTH", quoted, "2026-01-05"))) == expected


@pytest.mark.parametrize("value", ["\tN-101", "\rN-101"])
def test_nor_does_a_code_begin_with_what_hides_one(value: str) -> None:
    ((cell, sentence),) = problems(as_csv(("NORTH", f'"{value}"', "2026-01-05")))

    assert (cell, sentence[:31]) == ("B2", "This begins as a formula does (")


def test_formulas_of_a_workbook_are_refused_wherever_they_stand() -> None:
    assert problems(as_xlsx(("NORTH", '=CONCAT("N-","101")', "=TODAY()"))) == [
        ["B2", "This is a formula. Save the list with values only."],
        ["C2", "This is a formula. Save the list with values only."],
    ]


@pytest.mark.parametrize("value", [101, 101.0, True, DAY_1])
def test_a_code_that_is_no_text_may_have_lost_its_zeros(value: Any) -> None:
    ((cell, sentence),) = problems(as_xlsx(("NORTH", value, DAY_1)))

    assert cell == "B2"
    assert sentence == "This is stored as a number or date, so zeros in front may be lost. Format the cell as text."


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("05/01/2026", "It is not certain which date this is."),
        ("5.1.2026", "It is not certain which date this is."),
        ("31/12/2026", "It is not certain which date this is."),
        ("2026-1-5", "It is not certain which date this is."),
        ("20260105", "It is not certain which date this is."),
        ("2026-02-30", "There is no such day in the calendar."),
        (46027, "This is a number and no date."),
        (dt.datetime(2026, 1, 5, 14, 30), "This is a time of day."),  # noqa: DTZ001 - a cell has no zone
        (None, "This is missing."),
    ],
)
def test_a_date_that_is_not_certain_is_refused(value: Any, sentence: str) -> None:
    ((cell, said),) = problems(as_xlsx(("NORTH", "N-101", value)))

    assert (cell, said.startswith(sentence)) == ("C2", True)


def test_what_is_missing_beside_and_unseen_is_named_cell_by_cell() -> None:
    row = ("", "N\u200b101", "2026-01-05", "x" * 300, "", "note")
    sentences = dict(problems(as_csv(row, header=(*HEADER, "arm"))))

    assert sentences == {
        "A2": "This is missing.",
        "B2": "This is too long for a code, or holds characters that cannot be seen.",
        "D2": "This is too long for a code, or holds characters that cannot be seen.",
        "F2": "This stands in no column of the list. Remove it.",
    }


# --- files --------------------------------------------------------------------------------------------------


def merged(sheet: Worksheet) -> None:
    sheet.merge_cells("A2:A3")


def hidden(sheet: Worksheet) -> None:
    sheet.row_dimensions[3].hidden = True


def nothing_shown() -> bytes:
    book = Workbook()
    book.create_sheet("other").append(HEADER)
    book["other"].sheet_state = "hidden"
    content = lists.saved(book)
    return lists.altered(content, {"xl/workbook.xml": _hide_all(content)})


def _hide_all(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("xl/workbook.xml").replace(b'state="visible"', b'state="hidden"')


TWO = (ROW, ("NORTH", "N-102", "2026-01-05"))
#: Content; the type of the refusal, and what it says.
REFUSED: dict[str, tuple[Any, type[HouseError], str]] = {
    "nothing": (b"", UnreadableList, "The file holds no rows."),
    "a header alone": (as_csv(), UnreadableList, "The list has a header and no subjects below it."),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(64), UnreadableList, "The file is no text and no Excel file."),
    "an old Excel file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), UnreadableList, "an old or a protected"),
    "an open quote": (as_csv(('"NORTH', "N-101", "2026-01-05")), UnreadableList, "The file is not a table in CSV."),
    "an unknown column": (as_csv(ROW, header=("site", "subject", "W8")), UnreadableList, "The column in C1 is not"),
    "a column twice": (
        as_csv(ROW, header=("site", "Site", "day 1")),
        UnreadableList,
        "The column in B1 is there twice",
    ),
    "a column missing": (as_csv(ROW[:2], header=HEADER[:2]), UnreadableList, "does not name a column day 1."),
    "a number as a column": (as_xlsx(ROW, header=("site", "subject", 1)), UnreadableList, "The column in C1 is not"),
    "merged cells": (as_xlsx(*TWO, change=merged), UnreadableList, "The cells A2:A3 are merged."),
    "a hidden row": (as_xlsx(*TWO, change=hidden), UnreadableList, "Row 3 of the sheet is hidden"),
    "no visible sheet": (nothing_shown(), UnreadableList, "The workbook has no visible sheet."),
    "links to other files": (
        lists.altered(as_xlsx(ROW), {"xl/externalLinks/externalLink1.xml": b"<externalLink/>"}),
        UnreadableList,
        "The workbook is linked to other files.",
    ),
    "macros": (lists.altered(as_xlsx(ROW), {"xl/vbaProject.bin": b"x"}), UnreadableList, "The workbook holds macros."),
    "entities of entities": (lists.laughs(), UnreadableList, "The workbook holds entities"),
    "an entity that is a file": (lists.reads_a_file(), UnreadableList, "The workbook holds entities"),
    "a ZIP cut short": (as_xlsx(ROW)[:-30], UnreadableList, "The workbook is damaged"),
    "a ZIP of something else": (lists.altered(as_xlsx(), {"[Content_Types].xml": b"<x/>"}), UnreadableList, "damaged"),
    "no XML": (lists.altered(as_xlsx(), {lists.SHEET: b"<worksheet"}), UnreadableList, "The workbook is damaged"),
    "too many bytes": (bytes(MOST_BYTES + 1), ListTooLarge, "The list is larger than 5 MB."),
    "too many subjects": (as_csv(*[ROW] * (MOST_ROWS + 1)), ListTooLarge, "more than 5,000 subjects"),
    "too many empty rows": (as_csv(ROW) + b"\r\n" * 20_000 + b"x", ListTooLarge, "goes on below row 20,000"),
    "a bomb": (lists.bomb(), ListTooLarge, "unpacks to far more than lists do"),
    "a row far below": (lists.far_row(), ListTooLarge, "goes on below row 20,000"),
    "many parts": (
        lists.altered(as_xlsx(ROW), {f"xl/media/{n}": b"" for n in range(600)}),
        ListTooLarge,
        "holds far more than a list of subjects",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_no_list_gets_its_sentence(what: str) -> None:
    content, kind, sentence = REFUSED[what]

    with pytest.raises(kind) as refused:
        read(content)

    assert sentence in refused.value.message


def test_a_million_rows_are_refused_by_their_size_in_the_child() -> None:
    with pytest.raises(confined.Refused, match="holds far more than a list of subjects") as refused:
        confined.call("trials.subject_list:read", lists.million_rows())

    assert refused.value.status == 413


@pytest.mark.parametrize("what", ["entities of entities", "a bomb", "a row far below"])
def test_a_hostile_file_ends_no_child_and_takes_no_time(what: str) -> None:
    content, *_ = REFUSED[what]
    began = time.monotonic()

    for _ in range(3):
        with pytest.raises(confined.Refused):
            confined.call("trials.subject_list:read", content)

    assert confined.call("trials.subject_list:read", as_csv(ROW))["rows"] == [READ]
    assert time.monotonic() - began < 60
