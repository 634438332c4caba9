"""`manage.py verify_deidentified`: what it finds, what it says, and with which code it ends."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image, ImageDraw, ImageFont

from compliance import confined
from imaging.management.commands import verify_deidentified
from tests.factories import PLANTED, encoded, scan, slice_of
from tests.imaging.test_deidentify_command import RECIPE

pytestmark = pytest.mark.requirement("REQ-DEI-009")

KNOWN = """\
Patient Name,Patient ID,Birth Date,Referring Physician
Quillbrook^Perpetua,MRN55667788,23.11.1947,Zaneveld^Octavian
Roe^Jane,MRN11112222,,
"""
SECRETS = ("Quillbrook", "Perpetua", "MRN55667788", "1947", "Zaneveld", "Octavian", "Roe", "MRN11112222")


@dataclass
class Ended:
    """How the command ended."""

    code: int
    said: str
    report: dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    return tmp_path / "folder"


def run(folder: Path, *arguments: object, known: str = KNOWN) -> Ended:
    """Run the command as a person does; what it says names nobody, whatever it found."""
    table, report = folder.parent / "known.csv", folder.parent / "report.json"
    table.write_text(known, encoding="utf-8")
    said, code = io.StringIO(), 0
    given = (folder, "--known", table, "--report", report, *arguments)
    try:
        call_command("verify_deidentified", *map(str, given), stdout=said, stderr=said)
    except SystemExit as end:
        code = int(end.code or 0)
    except CommandError as problem:
        return Ended(problem.returncode, str(problem), {})
    text = said.getvalue() + report.read_text()
    assert not any(secret in text for secret in SECRETS)
    return Ended(code, said.getvalue(), json.loads(report.read_bytes()))


def test_what_the_other_command_made_is_clean(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    for number, content in enumerate(scan(None, slices=2)):
        (folder / "inner" / f"Quillbrook {number}").write_bytes(content)
    out = tmp_path / "out"
    call_command("deidentify", str(folder), str(out), recipe=tmp_path / "recipe.yaml", stdout=io.StringIO())

    ended = run(out)

    assert (ended.code, ended.report["clean"]) == (0, True)
    assert "2 files, 2 of them instances, searched for 6 identifiers of 2 rows" in ended.said
    assert "0  identifiers found" in ended.said


def test_what_is_left_is_named_by_row_and_column(folder: Path) -> None:
    (folder / "inner" / "IM1").write_bytes(encoded(slice_of(PatientComments="call MRN 55667788")))
    (folder / "inner" / "note.txt").write_bytes(b"Mrs. Roe")

    ended = run(folder)

    assert (ended.code, ended.report["clean"]) == (1, False)
    found = {(one["row"], one["column"]): one["place"] for one in ended.report["found"]}
    assert found == {
        (2, "Patient Name"): "(0010,0010)",
        (2, "Patient ID"): "(0010,0020)",
        (2, "Birth Date"): "(0010,0030)",
        (2, "Referring Physician"): "(0008,0090)",
        (3, "Patient Name"): "text",
    }
    assert {one["missing"] for one in ended.report["unmarked"]} == {
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
    }
    assert "row 2, Patient ID\n               (0010,0020) of inner/IM1\n" in ended.said
    assert "1  instances without PatientIdentityRemoved\n               inner/IM1\n" in ended.said


def test_names_of_files_are_searched_and_hidden(folder: Path) -> None:
    (folder / "Roe_Jane").mkdir()
    (folder / "Roe_Jane" / "MRN11112222.txt").write_bytes(b"nothing")

    ended = run(folder)

    assert ended.code == 1
    assert [(one["row"], one["column"], one["path"], one["place"]) for one in ended.report["found"]] == [
        (3, "Patient Name", "[…]/[…]", "name"),
        (3, "Patient ID", "[…]/[…]", "name"),
    ]


def test_names_in_pixels_are_read_unless_it_is_said_otherwise(folder: Path) -> None:
    picture = Image.new("L", (320, 120), 10)
    ImageDraw.Draw(picture).text((10, 40), "QUILLBROOK, Perpetua", fill=240, font=ImageFont.load_default(size=20))
    shown = slice_of(
        PatientName="A", BitsAllocated=8, BitsStored=8, HighBit=7, Rows=120, Columns=320, PixelData=picture.tobytes()
    )
    shown["PixelData"].VR = "OB"
    (folder / "IM1").write_bytes(encoded(shown))
    known = "name\nQuillbrook^Perpetua\n"

    ended = run(folder, known=known)
    assert [(one["row"], one["place"]) for one in ended.report["found"]] == [(2, "pixels of frame 1")]
    assert ended.report["pixels_read"]

    ended = run(folder, "--no-ocr", known=known)
    assert (ended.report["found"], ended.report["pixels_read"]) == ([], False)


def test_many_places_are_counted_and_some_are_named(folder: Path) -> None:
    for number in range(5):
        (folder / f"note{number}").write_bytes(b"Mrs. Roe")

    assert "5  row 3, Patient Name" in (said := run(folder).said)
    assert "text of note2\n               and 2 more\n" in said


def test_what_cannot_be_searched_is_not_clean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(*_: object, **__: object) -> None:
        raise confined.OverBudget("Reading the file took too long, so it was given up.")

    (folder / "IM1").write_bytes(b"1")
    monkeypatch.setattr(confined, "call", ends)

    ended = run(folder)

    assert (ended.code, ended.report["unread"]) == (1, [{"path": "IM1", "reason": "over_budget"}])


def test_what_is_too_short_is_said(folder: Path) -> None:
    (folder / "IM1").write_bytes(b"nothing at all")

    ended = run(folder, known="name,id\nRoe^Jane,7\n")

    assert (ended.code, ended.report["too_short"]) == (0, [{"row": 2, "column": "id"}])
    assert "row 2, id: too short to be searched for" in ended.said


def test_an_interrupt_is_no_clean_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (folder / "IM1").write_bytes(b"1")
    monkeypatch.setattr(confined, "call", interrupted)

    ended = run(folder)

    assert (ended.code, ended.report["complete"], ended.report["clean"]) == (130, False, False)


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ("", "The list is empty."),
        ("name,birth date\nRoe^Jane,soon\n", "Row 2 of the list, column birth date: it is not certain"),
    ],
)
def test_a_list_that_is_not_understood_ends_with_2(folder: Path, known: str, sentence: str) -> None:
    ended = run(folder, known=known)

    assert (ended.code, ended.said[: len(sentence)]) == (2, sentence)


def test_what_is_not_there_ends_with_2(folder: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "missing").said == "FOLDER is not there."
    (folder / "known.csv").write_text(KNOWN)
    with pytest.raises(CommandError, match="The list lies in FOLDER") as refused:
        call_command("verify_deidentified", str(folder), known=folder / "known.csv", stdout=io.StringIO())
    assert refused.value.returncode == 2


def test_the_codes_are_in_the_help() -> None:
    help_text = verify_deidentified.Command().create_parser("manage.py", "verify_deidentified").format_help()

    assert verify_deidentified.CODES in help_text


def test_the_planted_values_are_in_the_list() -> None:
    assert all(PLANTED[name].replace("19471123", "23.11.1947") in KNOWN for name in ("PatientName", "PatientBirthDate"))
