"""Marks of earlier timepoints on a follow-up: they are looked at, and no hand moves them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Request, expect

from compliance.signing import Intent
from reading import blinding
from reading.models import MarkVersion, ReadTask
from reading.services.assessing import open_task, submit_read
from reading.services.entries import MarkEntry
from reading.services.marking import put_mark
from tests.reading.conftest import AT, PASSWORD, World, baseline
from tests.reading.viewer.conftest import SLICES, Opener, drag, put_in_place, stage
from tests.support.browser import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

STAGE = "document.querySelector('[data-stack]').stage"
#: On the sixth of twelve slices, on which pictures open.
SLICE, LINE = 6, ((-30.0, -10.0, -5.0), (10.0, -10.0, -5.0))


@pytest.fixture
def follow_up(world: World, subject: object) -> ReadTask:
    """A follow-up whose baseline was signed with a line on its sixth slice."""
    for code in ("BL", "W8"):
        world.clear(code, slices=SLICES)
        put_in_place(world, code)
    task = world.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)
    picture = blinding.blinded_task(task).series[0].slices[SLICE - 1]
    drawn = MarkEntry("length", picture.instance_key, picture.frame, LINE)
    put_mark(task=task, key=uuid4(), expected=None, entry=drawn, actor=task.reader, at=AT)
    submit_read(task=task, entry=baseline(40), signature=Intent(PASSWORD), actor=task.reader, at=AT)
    return world.task("W8", 1)


def screen(page: Page, point: tuple[float, float, float]) -> tuple[float, float]:
    """Where a point of the earlier timepoint lies on the screen."""
    box = page.locator("[data-view]").first.bounding_box()
    assert box
    x, y = page.evaluate(f"(point) => {STAGE}.cells[0].view.toScreen(point)", list(point))
    return box["x"] + x, box["y"] + y


def test_a_signed_mark_stays_where_it_is(follow_up: ReadTask, opened: Opener) -> None:
    with opened(follow_up) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if is_a_mark(request) else None)
        until(page, f"{STAGE}.marks().length === 1")
        before: Any = page.evaluate(f"{STAGE}.marks()")
        page.keyboard.press("c")
        earlier = page.locator("[data-view]:visible").first
        expect(earlier).to_have_attribute("data-slice", str(SLICE))
        line = earlier.locator(".svg-layer line").first
        expect(line).to_be_attached()
        drawn = line.evaluate("(line) => line.outerHTML")

        # By its end, and by the line itself: nothing moves, neither the mark nor the stack under it.
        middle = tuple((a + b) / 2 for a, b in zip(*LINE, strict=True))
        for place in (LINE[1], middle):
            x, y = screen(page, place)  # type: ignore[arg-type]
            page.mouse.move(x, y)
            cursor = "() => getComputedStyle(document.querySelector('[data-view] canvas')).cursor"
            assert page.evaluate(cursor) == "not-allowed"
            drag(page, (x, y), (x + 20, y + 60))
            expect(page.locator("[data-problem]")).to_have_text(
                "This mark is signed with its timepoint and stays as it is."
            )
            assert line.evaluate("(line) => line.outerHTML") == drawn
            assert page.evaluate(f"{STAGE}.marks()") == before
            expect(earlier).to_have_attribute("data-slice", str(SLICE))
        earlier.focus()
        page.keyboard.press("Delete")

        # With a tool in hand too: what is measured is the present timepoint.
        page.keyboard.press("l")
        x, y = screen(page, (-40.0, 30.0, -5.0))
        drag(page, (x, y), (x + 60, y))
        expect(page.locator("[data-problem]")).to_have_text(
            "The earlier timepoint is signed. Measure on the present one."
        )
        page.keyboard.press("Escape")
        # Beside the mark the stack is dragged as ever.
        drag(page, (x, y), (x, y + 40))
        expect(earlier).not_to_have_attribute("data-slice", str(SLICE))
        assert page.evaluate(f"{STAGE}.marks()") == before
        assert asked == []
        expect(stage(page)).to_have_attribute("data-marks", "0")
    assert MarkVersion.objects.count() == 1


def is_a_mark(request: Request) -> bool:
    return request.method == "PUT" and "/marks/" in request.url
