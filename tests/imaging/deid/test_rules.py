"""What becomes of an element by its tag and VR alone."""

from __future__ import annotations

import pytest

from imaging.deid.rules import Unlisted, verdict

pytestmark = pytest.mark.requirement("REQ-DEI-002")


@pytest.mark.parametrize(
    ("tag", "declared", "listed", "shifted", "expected"),
    [
        (0x00091001, "LO", "K", True, ("", "private")),
        (0x00080000, "UL", None, True, ("", "group")),
        (0x00020010, "UI", None, True, ("", "group")),
        (0x60003000, "OW", "K", True, ("", "group")),
        (0x50020010, "US", None, True, ("", "group")),
        (0x00189FFE, "LO", None, True, ("", "unknown")),
        (0x00200013, "LO", "K", True, ("IS", "disguised")),
        (0x00200013, "DS", None, True, ("IS", "K")),
        (0x00200013, "UN", None, True, ("IS", "K")),
        (0x00100010, "PN", "Z", True, ("PN", "Z")),
        (0x00080100, "SH", None, True, ("SH", "code")),
        (0x00080100, "SH", "X", True, ("SH", "X")),
        (0x00181160, "SH", None, True, ("SH", "C")),  # Filter Type is in allowed.csv
        (0x00402016, "LO", None, True, ("LO", "X")),  # free text
        (0x00321060, None, None, True, ("LO", "X")),  # about the request
        (0x00280106, None, None, True, ("US or SS", "K")),
        (0x00143080, "OB", None, True, ("OB", "X")),  # bytes may hold anything
        (0x00181078, "DT", None, True, ("DT", "C")),
        (0x00181078, "DT", None, False, ("DT", "X")),
        (0x00081155, "UI", None, True, ("UI", "U")),
        (0x0008010C, "UI", None, True, ("UI", "K")),  # a coding scheme's UID says whose codes they are
    ],
)
def test_first_rule_that_matches(
    tag: int, declared: str | None, listed: str | None, shifted: bool, expected: tuple[str, str]
) -> None:
    assert verdict(tag, declared, listed, Unlisted(temporal="C" if shifted else "X")) == expected


def test_the_recipe_decides_on_what_no_table_names() -> None:
    assert verdict(0x00081155, "UI", None, Unlisted(uid="K")) == ("UI", "K")
    assert verdict(0x00181078, "DT", None, Unlisted(temporal="K")) == ("DT", "K")
    assert verdict(0x0040A160, "UT", None, Unlisted()) == ("UT", "X")
    assert verdict(0x0040A160, "UT", None, Unlisted(content="C")) == ("UT", "C")
