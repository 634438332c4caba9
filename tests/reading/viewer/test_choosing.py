"""Choosing targets in a baseline: the count beside them, kept by the server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from reading.models import MarkVersion, ReadTask
from tests.reading.viewer.conftest import LEFT, TOP, WIDE, Opener, drag, middle, stage
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


def test_what_is_measured_before_its_organ_is_chosen_is_kept(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        page.keyboard.press("t")
        row = page.locator("[data-lesion]:visible")
        row.get_by_role("button", name="Measure lesion").click()
        drag(page, middle(page, LEFT, TOP), middle(page, LEFT + WIDE, TOP))
        expect(row.locator('[name$="-diameter_mm"]')).to_have_value("32.0")
        counts(page, "1 of 5 targets: 1 without an organ yet")
        saved(page)
        expect(page.locator("[data-drawn]")).to_be_hidden()

        page.reload()
        expect(row.locator('[name$="-diameter_mm"]')).to_have_value("32.0")
        expect(row.locator("[data-label]")).to_have_text("T01")
        expect(row.locator("[data-hints]")).to_have_text("Choose the organ before you sign.")
        expect(page.locator(".rd-open")).to_contain_text("Lesion T01: the organ is not chosen yet.")
        row.locator('[name$="-organ"]').select_option("LIVER")
        counts(page, "1 of 5 targets: 1 in the liver")
        expect(row.locator("[data-hints]")).to_have_text("")
        saved(page)


def test_what_belongs_to_no_lesion_is_listed_and_can_become_one(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        page.keyboard.press("l")
        drag(page, middle(page, LEFT, TOP), middle(page, LEFT + WIDE, TOP))
        listed = page.get_by_role("region", name="Drawn in this read").locator("li")
        expect(listed).to_contain_text("Length 32.0 mm, slice 6")
        page.reload()  # also where nothing of the page is left but the mark
        listed.get_by_role("button", name="Add target from Length 32.0 mm").click()
        row = page.locator("[data-lesion]:visible")
        expect(row.locator('[name$="-diameter_mm"]')).to_have_value("32.0")
        expect(listed).to_have_count(0)
        row.locator('[name$="-organ"]').select_option("LUNG")
        saved(page)
        # A lesion that goes takes its measurement along.
        row.locator("[data-remove]").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        counts(page, "0 of 5 targets")
        expect(stage(page)).to_have_attribute("data-sending", "0")
        expect(page.locator("[data-drawn]")).to_be_hidden()
        saved(page)
    assert [mark.removed for mark in MarkVersion.objects.order_by("number")] == [False, True]
