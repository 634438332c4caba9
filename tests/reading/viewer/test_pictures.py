"""docs/viewer.md shows the pictures that tests take, and no others."""

from __future__ import annotations

import re

from tests.support.installation import ROOT


def test_the_pictures_of_the_page_are_there() -> None:
    shown = set(re.findall(r"\(images/viewer/([\w-]+\.png)\)", (ROOT / "docs" / "viewer.md").read_text()))
    assert shown == {path.name for path in (ROOT / "docs" / "images" / "viewer").glob("*.png")}
