"""Marks that a reader draws on pictures: by mouse, by finger and by keys alone; moved, taken away, shown again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from reading.models import ReadTask
from tests.reading.viewer.conftest import HIGH, LEFT, SPACING, TOP, WIDE, Opener, drag, middle, stage
from tests.support.browser import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

MARKS = "document.querySelector('[data-stack]').stage.marks()"
#: One screen pixel in mm is what a mouse can err by at either end.
NEAR_MM = 0.5


def marks(page: Page, many: int) -> Any:
    """Wait until so many marks are kept, and return them."""
    until(page, f"{MARKS}.length === {many}")
    return page.evaluate(MARKS)


def take(page: Page, key: str) -> None:
    """Take a tool by its key."""
    page.keyboard.press(key)
    expect(page.locator(f"[data-tool][data-key={key}]")).to_have_attribute("aria-pressed", "true")


def span(mark: Any, a: int = 0, b: int = 1) -> float:
    return math.dist(mark["points"][a], mark["points"][b])


def test_a_length_lies_where_it_was_drawn_and_follows_its_handle(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        take(page, "l")
        start, end = middle(page, LEFT, TOP), middle(page, LEFT + WIDE, TOP)
        drag(page, start, end)
        (mark,) = marks(page, 1)

        assert mark["tool"] == "length"
        expected = [-64 + SPACING * LEFT, -64 + SPACING * TOP, -5.0]  # the sixth slice
        assert mark["points"][0] == pytest.approx(expected, abs=NEAR_MM)
        assert span(mark) == pytest.approx(WIDE * SPACING, abs=NEAR_MM)
        expect(page.locator("[data-tool][aria-pressed=true]")).to_have_count(0)  # one mark, and the hand scrolls again

        drag(page, end, middle(page, LEFT + 2 * WIDE, TOP))
        until(page, f"{MARKS}[0].version === 2")
        (moved,) = marks(page, 1)
        assert moved["key"] == mark["key"]
        assert span(moved) == pytest.approx(2 * WIDE * SPACING, abs=NEAR_MM)


def test_axes_are_drawn_by_keys_alone(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        take(page, "b")
        expect(page.locator("[data-view]:visible")).to_be_focused()
        page.keyboard.press("Enter")
        cross = page.locator(".rd-cross")
        expect(cross).to_be_attached()
        far = {"long": ("ArrowLeft", 12, "ArrowRight"), "short": ("ArrowUp", 5, "ArrowDown")}
        for there, steps, back in far.values():
            for key in [there] * steps + ["Enter"] + [back] * 2 * steps + ["Enter"] + [there] * steps:
                page.keyboard.press(f"Shift+{key}" if key != "Enter" else key)
        (mark,) = marks(page, 1)

        expect(cross).to_have_count(0)
        assert mark["tool"] == "bidirectional"
        assert span(mark) / span(mark, 2, 3) == pytest.approx(12 / 5, abs=0.01)
        expect(stage(page)).to_have_attribute("data-slice", "6")  # the arrows moved the cross, not the stack


def test_regions_tell_what_is_in_them(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        take(page, "e")
        centre, corner = (LEFT + WIDE / 2, TOP + HIGH / 2), (LEFT + WIDE - 2, TOP + HIGH - 2)
        drag(page, middle(page, *centre), middle(page, *corner))
        marks(page, 1)
        words = page.locator("[data-view]:visible .svg-layer text")
        expect(words).to_contain_text("155.0 ± 0.0 HU")  # 50 HU, the sixth slice's 5, the square's 100

        take(page, "p")
        page.mouse.click(*middle(page, 5, 5))
        marks(page, 2)
        expect(words.last).to_contain_text("55 HU")


def test_escape_leaves_nothing_and_delete_takes_a_mark_away(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        page.evaluate(
            "() => { window.told = document.querySelector('[data-stack]').stage.measure('length')"
            ".then(() => 'drawn', (problem) => problem.message); }"
        )
        expect(page.locator("[data-tool=length]")).to_have_attribute("aria-pressed", "true")
        page.mouse.move(*middle(page, 10, 10))
        page.mouse.down()
        page.mouse.move(*middle(page, 20, 20))
        page.keyboard.press("Escape")
        page.mouse.up()
        assert page.evaluate("window.told") == "The measurement was not finished."
        marks(page, 0)
        expect(page.locator("[data-view]:visible .svg-layer line")).to_have_count(0)

        page.locator("[data-view]:visible").focus()
        take(page, "l")
        drag(page, middle(page, 10, 10), middle(page, 30, 10))
        marks(page, 1)
        page.mouse.click(*middle(page, 20, 10))
        page.keyboard.press("Delete")
        marks(page, 0)


def test_a_mark_brings_back_what_its_reader_saw(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        page.locator("[data-view]:visible").focus()
        for key in ("2", "+", "+", "Shift+ArrowRight", "v", "PageUp"):
            page.keyboard.press(key)
        expect(stage(page)).to_have_attribute("data-slice", "1")
        take(page, "l")
        drag(page, middle(page, 30, 30), middle(page, 40, 30))
        (mark,) = marks(page, 1)
        told = "document.querySelector('[data-stack]').stage.view()"
        seen = page.evaluate(told)
        assert mark["view"] == seen

        page.locator("[data-view]:visible").focus()
        for key in ("1", "r", "End"):
            page.keyboard.press(key)
        expect(stage(page)).to_have_attribute("data-slice", "12")
        assert page.evaluate(told) != seen
        page.evaluate("(mark) => document.querySelector('[data-stack]').stage.show(mark)", mark)
        assert page.evaluate(told) == seen


def test_nothing_is_measured_before_the_picture_is_there(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        expect(stage(page)).to_have_attribute("data-loaded", "12/12")
        # As if the next picture were still on its way: it is asked for, and another is drawn.
        page.evaluate("document.querySelector('[data-stack]').stage.active.n += 1")
        take(page, "l")
        drag(page, middle(page, 10, 10), middle(page, 30, 10))
        expect(page.locator("[data-problem]")).to_have_text(
            "The picture is still on its way. Measure when it is complete."
        )
        marks(page, 0)
