"""Tables E.1-1 and E.3.10-1 of PS3.15: what is asked of each attribute, and which private ones are safe."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

EDITION = "2026d"

# One action for each combination of the table: the one that stays valid when the attribute's type in the object is
# unknown, and of those the one that says least. An empty value is valid for types 2 and 3; a dummy value for every
# type, so a combination with D takes D. PS3.15 §E.3.1 gives the reading order.
RESOLVED = {
    "X": "X",
    "Z": "Z",
    "D": "D",
    "U": "U",
    "X/Z": "Z",
    "X/D": "D",
    "Z/D": "D",
    "X/Z/D": "D",
    "X/Z/U*": "U",
}


@dataclass(frozen=True)
class Row:
    """One row of Table E.1-1.

    Attributes
    ----------
    tag
        Eight hexadecimal digits, `x` standing for any.
    basic
        The action of the Basic Profile as printed, such as `X/Z/D`.
    options
        Action by option, where the option's column is filled: `K` keep or `C` clean.
    """

    tag: str
    keyword: str
    basic: str
    options: Mapping[str, str]


@dataclass(frozen=True)
class SafePrivate:
    """A private attribute that is known not to identify anybody.

    Attributes
    ----------
    vr
        As in the dictionary of standard attributes: one VR, or `OB or OW`.
    vm
        Such as `1`, `3-4` or `1-n`.
    source
        Where it is documented: `E.3.10-1` for the standard's own table.
    """

    vr: str
    vm: str
    meaning: str
    source: str


@cache
def safe_private() -> Mapping[tuple[str, int, int], SafePrivate]:
    """Return the safe private attributes by creator, group and the low byte of the element.

    The creator is matched whole, once trailing spaces are stripped; the block that it reserves does not matter
    (PS3.5 §7.8.1, PS3.15 §E.3.10). A row without VR is left out: what has no VR cannot be checked.
    """
    return {
        (line["creator"], int(line["group"], 16), int(line["element"].removeprefix("xx"), 16)): SafePrivate(
            line["vr"], line["vm"], line["meaning"], line["source"]
        )
        for line in read_table("safe_private.csv")
        if line["vr"]
    }


@cache
def rows() -> tuple[Row, ...]:
    """Return every row of the table, in the order of tags; the last one stands for private attributes."""
    fixed = ("tag", "keyword", "basic")
    return tuple(
        Row(
            tag=line["tag"],
            keyword=line["keyword"],
            basic=line["basic"],
            options={name: action for name, action in line.items() if action and name not in fixed},
        )
        for line in read_table("profile.csv")
    )


@cache
def allowed() -> Mapping[int, str]:
    """Return the reason for keeping each unlisted attribute whose VR could carry anything, by tag."""
    return {int(line["tag"], 16): line["reason"] for line in read_table("allowed.csv")}


@cache
def younger() -> Mapping[int, str]:
    """Return the VR of each listed attribute that pydicom's dictionary does not have, by tag."""
    return {int(line["tag"], 16): line["vr"] for line in read_table("younger.csv")}


@cache
def listed() -> Mapping[int, Row]:
    """Return the rows by tag. Repeating groups and private attributes are left out: the engine drops them whole."""
    return {int(row.tag, 16): row for row in rows() if not set(row.tag) & {"x", "g"}}


@cache
def option_names() -> frozenset[str]:
    """Return the names of the table's option columns."""
    return frozenset(name for row in rows() for name in row.options)


def read_table(name: str) -> list[dict[str, str]]:
    """Read a CSV file of this package; lines that begin with `#` are comments."""
    with (Path(__file__).parent / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))
