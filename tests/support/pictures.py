"""Pictures of the documentation, taken by the tests that play what they show.

With PARALLAX_DOC_PICTURES=1 they are taken anew; what they show is asserted by the test itself.
"""

from __future__ import annotations

import os

from playwright.sync_api import Page

from tests.support.installation import ROOT


def take(page: Page, folder: str, name: str) -> None:
    """Take what a page shows as the picture of this name of docs/<folder>.md."""
    assert f"(images/{folder}/{name}.png)" in (ROOT / "docs" / f"{folder}.md").read_text()
    kept = ROOT / "docs" / "images" if os.environ.get("PARALLAX_DOC_PICTURES") else ROOT / "build" / "screenshots"
    (kept / folder).mkdir(parents=True, exist_ok=True)
    page.screenshot(path=kept / folder / f"{name}.png")
