"""The stack of a read as its reader meets it: first picture, scrolling, windows, two timepoints side by side."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from reading.models import ReadTask
from tests.reading.viewer.conftest import LEFT, SLICES, TOP, Opener, drag, middle, stage
from tests.support.browser import PHONE, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

NO_WEBGL = """const of = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind.startsWith("webgl") ? null : of.call(this, kind, ...more);
};"""


def at(page: Page, slice_: int) -> None:
    """See this slice drawn, and said."""
    expect(stage(page)).to_have_attribute("data-slice", str(slice_))
    expect(page.locator("[data-position]")).to_contain_text(f"Slice {slice_} / {SLICES}")
    expect(page.locator("[data-slider]")).to_have_value(str(slice_))


def test_a_reader_scrolls_by_wheel_keys_slider_and_drag(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        at(page, 6)  # images open in the middle
        expect(stage(page)).to_have_attribute("data-loaded", f"{SLICES}/{SLICES}")

        page.mouse.move(*middle(page, 5, 5))
        for _ in range(2):
            page.mouse.wheel(0, 40)
        at(page, 8)
        page.mouse.wheel(0, -4000)
        at(page, 1)
        page.locator("[data-view]:visible").focus()
        for key, slice_ in (("ArrowDown", 2), ("End", SLICES), ("ArrowUp", 11), ("PageUp", 1), ("PageDown", 11)):
            page.keyboard.press(key)
            at(page, slice_)
        page.locator("[data-slider]").fill("3")
        at(page, 3)
        x, y = middle(page, 5, 5)
        drag(page, (x, y), (x, y + 36))
        at(page, 7)


def test_keys_typed_into_a_field_stay_there(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        comment = page.get_by_label("Comment")
        comment.fill("liver")
        for key in ("ArrowLeft", "l", "Home", "2", "Delete"):
            comment.press(key)
        expect(comment).to_have_value("2ivelr")
        at(page, 6)
        expect(page.locator("[data-tool][aria-pressed=true]")).to_have_count(0)


def test_the_charters_windows_are_the_only_ones(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        names = page.locator("[data-preset]")
        first, second = names.nth(0).get_attribute("data-preset"), names.nth(1).get_attribute("data-preset")
        window = page.locator("[data-view]:visible [data-window]")
        expect(window).to_contain_text(f"{first} C")
        page.keyboard.press("2")
        expect(window).to_contain_text(f"{second} C")
        expect(names.nth(1)).to_have_attribute("aria-pressed", "true")

        before = page.evaluate("document.querySelector('[data-stack]').stage.view().window")
        x, y = middle(page, 5, 5)
        for button in ("left", "middle", "right"):
            drag(page, (x, y), (x + 30, y + 5), button)
        assert page.evaluate("document.querySelector('[data-stack]').stage.view().window") == before


def test_pictures_are_brought_nearer_moved_and_put_back(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        told = "document.querySelector('[data-stack]').stage.view()"
        at_first = page.evaluate(told)
        assert (at_first["zoom"], at_first["pan"], at_first["inverted"]) == (1, [0, 0], False)
        page.locator("[data-view]:visible").focus()
        page.keyboard.press("+")
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("v")
        changed = page.evaluate(told)
        assert (changed["zoom"], changed["inverted"]) == (1.25, True)
        assert changed["pan"][0] > 0
        assert changed["pan"][1] == 0
        x, y = middle(page, 30, 30)
        drag(page, (x, y), (x + 40, y), "middle")
        assert page.evaluate(told)["pan"][0] > changed["pan"][0]
        drag(page, (x, y), (x, y + 60), "right")
        assert page.evaluate(told)["zoom"] != 1.25
        page.keyboard.press("r")
        assert page.evaluate(told) == at_first


def test_without_a_graphics_card_the_processor_draws(task: ReadTask, opened: Opener) -> None:
    with opened(task, script=NO_WEBGL) as page:
        at(page, 6)
        page.keyboard.press("ArrowDown")
        at(page, 7)
        page.keyboard.press("p")
        page.mouse.click(*middle(page, LEFT, TOP))
        expect(page.locator("[data-view]:visible .svg-layer text")).to_contain_text("156 HU")


def test_on_a_phone_one_finger_scrolls_and_two_zoom(task: ReadTask, opened: Opener) -> None:
    with opened(task, viewport=PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        x, y = middle(page, 32, 32)
        device = page.context.new_cdp_session(page)

        def touch(kind: str, *fingers: tuple[float, float]) -> None:
            points = [{"x": left, "y": top, "id": n} for n, (left, top) in enumerate(fingers)]
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", (x, y))
        for way in range(0, 41, 5):
            touch("touchMove", (x, y + way))
        touch("touchEnd")
        expect(stage(page)).not_to_have_attribute("data-slice", "6")

        touch("touchStart", (x - 40, y), (x + 40, y))
        for way in range(0, 41, 5):
            touch("touchMove", (x - 40 - way, y), (x + 40 + way, y))
        touch("touchEnd")
        until(page, "document.querySelector('[data-stack]').stage.view().zoom > 1.5")
