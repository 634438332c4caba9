"""Choosing targets in a baseline: the count beside them, kept by the server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from reading.models import ReadTask
from tests.reading.viewer.conftest import Opener
from tests.reading.viewer.test_guided_read import rows, saved

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def choose(page: Page, organ: str) -> Locator:
    """Add a target by its key and say where it is; Enter leads back to the pictures."""
    before = rows(page).count()
    page.keyboard.press("t")
    expect(rows(page)).to_have_count(before + 1)
    row = page.locator(f"#{page.locator('[data-lesion]:has(:focus)').get_attribute('id')}")
    row.locator('[name$="-organ"]').select_option(organ)
    page.keyboard.press("Enter")
    expect(page.locator("[data-view]:visible")).to_be_focused()
    return row


def counts(page: Page, words: str, *hints: str) -> None:
    """The count says so, and hints where one more would break the rule."""
    expect(page.locator("[data-room] b")).to_have_text(words)
    expect(page.locator("[data-room] .rd-room-hint")).to_have_text(list(hints))


def test_targets_are_counted_while_they_are_chosen(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        counts(page, "0 of 5 targets")
        expect(page.get_by_role("status").filter(has_text="0 of 5 targets")).to_have_count(1)
        expect(page.get_by_role("button", name="Add target")).to_have_accessible_description("0 of 5 targets")
        choose(page, "LIVER")
        counts(page, "1 of 5 targets: 1 in the liver")
        row = choose(page, "LIVER")
        counts(page, "2 of 5 targets: 2 in the liver (2 at most)", "One more in the liver would be too many.")
        row.locator('[name$="-organ"]').select_option("LUNG")
        counts(page, "2 of 5 targets: 1 in the liver, 1 in the lung")
        row.locator('[name$="-organ"]').select_option("LIVER")
        row = choose(page, "LIVER")
        counts(
            page,
            "3 of 5 targets: 3 in the liver (2 at most)",
            "3 targets are in the liver, and 2 may be. Remove one.",
        )
        row.locator("[data-remove]").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        counts(page, "2 of 5 targets: 2 in the liver (2 at most)", "One more in the liver would be too many.")
        saved(page)
        page.reload()
        counts(page, "2 of 5 targets: 2 in the liver (2 at most)", "One more in the liver would be too many.")
