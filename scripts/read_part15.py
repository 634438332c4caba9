"""Take a new edition of the de-identification profile from the standard's own text.

    python scripts/read_part15.py part15.xml [imaging/deid]

Reads Tables E.1-1 and E.3.10-1 from the DocBook of PS3.15, writes their rows into profile.csv and safe_private.csv, and
prints each row that is new, gone or changed. Comments stay, and so do rows of safe_private.csv from other sources. A
table that is not as expected changes nothing. What is left for a person: the comments, EDITION in profile.py, the
counts and the digest in tests/imaging/deid/test_profile.py, each compared with a second source.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import parse
from pydicom.datadict import dictionary_has_tag, keyword_for_tag

_DOCBOOK = "{http://docbook.org/ns/docbook}"
_LEADING = ("Attribute Name", "Tag", "Retd. (from PS3.6)", "In Std. Comp. IOD (from PS3.3)", "Basic Prof.")
_OPTIONS = {
    "Rtn. Safe Priv. Opt.": "retain_safe_private",
    "Rtn. UIDs Opt.": "retain_uids",
    "Rtn. Dev. Id. Opt.": "retain_device_identity",
    "Rtn. Inst. Id. Opt.": "retain_institution_identity",
    "Rtn. Pat. Chars. Opt.": "retain_patient_characteristics",
    "Rtn. Long. Full Dates Opt.": "retain_longitudinal_full_dates",
    "Rtn. Long. Modif. Dates Opt.": "retain_longitudinal_modified_dates",
    "Clean Desc. Opt.": "clean_descriptors",
    "Clean Struct. Cont. Opt.": "clean_structured_content",
    "Clean Graph. Opt.": "clean_graphics",
}
_SAFE_PRIVATE = ("Data Element", "Private Creator", "VR", "VM", "Meaning")
_BASIC = {"X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"}
_STANDARD = "E.3.10-1"


class UnexpectedTable(Exception):
    """The document does not hold the table as this script knows it; the text says where."""


def profile(root: Element) -> list[list[str]]:
    """Rows of profile.csv, in the order of tags, from Table E.1-1."""
    rows = []
    for cells in _table(root, "E.1-1", (*_LEADING, *_OPTIONS)):
        name, printed, basic, options = cells[0], cells[1], cells[4], cells[5:]
        tag = "ggggeeee" if printed.endswith("odd") else re.sub(r"[(,)]", "", printed).upper().replace("X", "x")
        if not re.fullmatch(r"[0-9A-Fx]{8}|ggggeeee", tag) or basic not in _BASIC or not set(options) <= {"", "K", "C"}:
            raise UnexpectedTable(f"Table E.1-1 has a row that this script cannot read: {cells}")
        rows.append([tag, _keyword(tag, name), basic, *options])
    return sorted(rows)


def safe_private(root: Element) -> list[list[str]]:
    """Rows of safe_private.csv, in the order of creators, from Table E.3.10-1."""
    rows = []
    for cells in _table(root, _STANDARD, _SAFE_PRIVATE):
        element, creator, vr, vm, meaning = cells
        found = re.fullmatch(r"\(([0-9A-Fa-f]{4}),xx([0-9A-Fa-f]{2})\)", element)
        if not found or not creator or not re.fullmatch(r"([A-Z]{2}(/[A-Z]{2})*)?", vr):
            raise UnexpectedTable(f"Table E.3.10-1 has a row that this script cannot read: {cells}")
        # "OW/OB" is "OB or OW" in the dictionary of standard attributes.
        vrs = " or ".join(sorted(vr.split("/")))
        rows.append([creator, found[1].upper(), f"xx{found[2].upper()}", vrs, vm, meaning, _STANDARD])
    return sorted(rows, key=lambda row: (row[0].lower(), *row))


def _table(root: Element, label: str, columns: tuple[str, ...]) -> Iterator[list[str]]:
    tables = [table for table in root.iter(f"{_DOCBOOK}table") if table.get("label") == label]
    if len(tables) != 1:
        raise UnexpectedTable(f"The document has {len(tables)} tables {label}, not one.")
    (table,) = tables
    header = tuple(_text(cell) for cell in table.iter(f"{_DOCBOOK}th"))
    if header != columns:
        raise UnexpectedTable(f"Table {label} has other columns than it had: {header}")
    for body in table.iter(f"{_DOCBOOK}tbody"):
        for row in body.iter(f"{_DOCBOOK}tr"):
            cells = [_text(cell) for cell in row.iter(f"{_DOCBOOK}td")]
            if len(cells) != len(columns):
                raise UnexpectedTable(f"Table {label} has a row of {len(cells)} cells: {cells}")
            yield cells


def _text(cell: Element) -> str:
    return " ".join("".join(cell.itertext()).replace("\u200b", "").split())


def _keyword(tag: str, name: str) -> str:
    """The attribute's keyword; for one younger than our dictionary, its name with what a keyword lacks left out."""
    if re.fullmatch(r"[0-9A-F]{8}", tag) and dictionary_has_tag(int(tag, 16)):
        return keyword_for_tag(int(tag, 16))
    return "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name.replace("'s", "")))


def _merged(path: Path, key: int, rows: list[list[str]]) -> str:
    """Return a file's text with rows under its comments, those of other sources kept, and print what differs."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    header, *old = csv.reader(line for line in lines if not line.startswith("#"))
    kept = [row for row in old if header[-1] == "source" and row[-1] != _STANDARD]
    before = {tuple(row[:key]): row for row in old if row not in kept}
    after = {tuple(row[:key]): row for row in rows}
    if len(after) != len(rows):
        raise UnexpectedTable(f"Rows for {path.name} repeat each other.")
    print(f"{path.name}: {len(rows)} rows")
    for which in sorted(before.keys() | after.keys()):
        if before.get(which) != after.get(which):
            print(f"  {','.join(before.get(which, ['new']))} -> {','.join(after.get(which, ['gone']))}")
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows, *kept])
    return "".join(line for line in lines if line.startswith("#")) + text.getvalue()


def main(arguments: list[str]) -> None:
    if not 1 <= len(arguments) <= 2:
        sys.exit(__doc__)
    folder = Path(arguments[1] if len(arguments) == 2 else "imaging/deid")
    attributes, private = folder / "profile.csv", folder / "safe_private.csv"
    root = parse(arguments[0]).getroot()
    try:
        made = {attributes: _merged(attributes, 1, profile(root)), private: _merged(private, 3, safe_private(root))}
    except UnexpectedTable as problem:
        sys.exit(str(problem))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
