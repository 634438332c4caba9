"""A new edition of the profile is taken from the standard's text, here from a small one made by the test."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from imaging.deid import profile

pytestmark = pytest.mark.requirement("REQ-DEI-002")

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "read_part15.py"))
COLUMNS = [
    "Attribute Name", "Tag", "Retd. (from PS3.6)", "In Std. Comp. IOD (from PS3.3)", "Basic Prof.",
    "Rtn. Safe Priv. Opt.", "Rtn. UIDs Opt.", "Rtn. Dev. Id. Opt.", "Rtn. Inst. Id. Opt.", "Rtn. Pat. Chars. Opt.",
    "Rtn. Long. Full Dates Opt.", "Rtn. Long. Modif. Dates Opt.", "Clean Desc. Opt.", "Clean Struct. Cont. Opt.",
    "Clean Graph. Opt.",
]  # fmt: skip
NO_OPTION = [""] * 10
ATTRIBUTES = [
    ["Study Date", "(0008,0020)", "N", "Y", "Z", "", "", "", "", "", "K", "C", "", "", ""],
    ["Patient's\u200b Name", "(0010,0010)", "N", "Y", "Z", *NO_OPTION],
    ["Name of the Future's Attribute", "(0010,FF01)", "N", "Y", "X/Z/D", "", "", "", "", "K", "", "", "C", "", ""],
    ["Overlay Data", "(60xx,3000)", "N", "Y", "X", *NO_OPTION[:-1], "C"],
    ["Private Attributes", "(gggg,eeee) where gggg is odd", "N", "N", "X", "C", *NO_OPTION[1:]],
]
PRIVATE_COLUMNS = ["Data Element", "Private Creator", "VR", "VM", "Meaning"]
PRIVATE = [
    ["(7053,xx00)", "Philips PET Private Group", "DS", "1", "SUV Factor"],
    ["(2001,xx7d)", "Philips Imaging DD 001", "OW/OB", "1", "Frame Pixel Data"],
]


def table(label: str, columns: list[str], rows: list[list[str]]) -> str:
    def line(kind: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f"<{kind}><para>{escape(cell)}</para></{kind}>" for cell in cells) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return f'<table label="{label}"><thead>{line("th", columns)}</thead><tbody>{body}</tbody></table>'


def part15(attributes: list[list[str]] = ATTRIBUTES, columns: list[str] = COLUMNS) -> str:
    tables = table("E.1-1", columns, attributes) + table("E.3.10-1", PRIVATE_COLUMNS, PRIVATE)
    return f'<book xmlns="http://docbook.org/ns/docbook"><chapter>{tables}</chapter></book>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("profile.csv", "safe_private.csv"):
        shutil.copy(Path(profile.__file__).parent / name, tmp_path)
    return tmp_path


def read(folder: Path, document: str) -> None:
    (folder / "part15.xml").write_text(document, encoding="utf-8")
    SCRIPT["main"]([str(folder / "part15.xml"), str(folder)])


def rows_of(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def test_both_tables_are_written_and_the_differences_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read(folder, part15())
    told = capsys.readouterr().out
    assert rows_of(folder / "profile.csv")[1:] == [
        "00080020,StudyDate,Z,,,,,,K,C,,,",
        "00100010,PatientName,Z,,,,,,,,,,",
        "0010FF01,NameOfTheFutureAttribute,X/Z/D,,,,,K,,,C,,",
        "60xx3000,OverlayData,X,,,,,,,,,,C",
        "ggggeeee,PrivateAttributes,X,C,,,,,,,,,",
    ]
    assert "  new -> 0010FF01,NameOfTheFutureAttribute,X/Z/D,,,,,K,,,C,,\n" in told
    assert "  00100020,PatientID,Z/D,,,,,,,,,, -> gone\n" in told
    assert "00080020" not in told  # as it was
    assert [line for line in rows_of(folder / "safe_private.csv") if line.endswith(",E.3.10-1")] == [
        "Philips Imaging DD 001,2001,xx7D,OB or OW,1,Frame Pixel Data,E.3.10-1",
        "Philips PET Private Group,7053,xx00,DS,1,SUV Factor,E.3.10-1",
    ]


def test_comments_and_rows_of_other_sources_stay(folder: Path) -> None:
    def others(name: str, start: str) -> list[str]:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith("#") or (start and start in line and "TCIA" in line)]

    before = [others("profile.csv", ""), others("safe_private.csv", "GEMS_PETD_01")]
    read(folder, part15())
    assert [others("profile.csv", ""), others("safe_private.csv", "GEMS_PETD_01")] == before
    assert len(before[1]) > 8


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (part15(columns=[*COLUMNS[:5], *reversed(COLUMNS[5:])]), "Table E.1-1 has other columns than it had"),
        (part15([["Study Date", "(0008,0020)", "N", "Y", "Q", *NO_OPTION]]), "that this script cannot read"),
        (part15([["Study Date", "(0008,0020)", "N", "Y", "Z", "Z", *NO_OPTION[1:]]]), "that this script cannot read"),
        (part15([ATTRIBUTES[0][:-1]]), "has a row of 14 cells"),
        (part15([ATTRIBUTES[0], ATTRIBUTES[0]]), "Rows for profile.csv repeat each other"),
        (part15().replace('"E.3.10-1"', '"E.3.10-2"'), "The document has 0 tables E.3.10-1, not one"),
    ],
    ids=["columns", "action", "option", "cells", "repeated", "missing"],
)
def test_a_table_that_is_not_as_expected_changes_nothing(folder: Path, document: str, sentence: str) -> None:
    before = {name: (folder / name).read_bytes() for name in ("profile.csv", "safe_private.csv")}
    with pytest.raises(SystemExit, match=re.escape(sentence)):
        read(folder, document)
    assert before == {name: (folder / name).read_bytes() for name in before}
