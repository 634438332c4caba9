"""The whole body from any side: turned by hand, by keys and by itself, and kept with what is drawn beside it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from reading.models import MarkVersion
from tests.factories.volumes import archived, ct_slices, pet_slices
from tests.reading.conftest import World
from tests.reading.viewer.conftest import Opener, drag
from tests.reading.viewer.test_views import BALL, CT, LUGANO, PET, STAGE, cell, choose, cleared, screen, shows
from tests.support.browser import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

MIP = 4


def turned(page: Page, degrees: int) -> None:
    """The body is turned so far, and drawn so."""
    expect(cell(page, MIP).locator("[data-place]")).to_have_text(f"Turned {degrees}°")
    expect(cell(page, MIP).locator("canvas[data-plane]")).to_have_attribute("data-drawn", str(degrees // 3 + 1))


def centre(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_body_turns_and_a_click_leads_to_what_shines(world: World, opened: Opener) -> None:
    world.amend(**{name: LUGANO[name] for name in ("modalities", "series", "window_presets", "hanging")})
    timepoint = world.timepoint("BL", world.enrol())
    archived(timepoint, world.site, CT, ct_slices("2.25.5"))
    archived(timepoint, world.site, PET, pet_slices("2.25.5"))
    cleared(timepoint)
    with opened(world.task("BL", 1)) as page:
        shows(page, 1, 16)
        turned(page, 0)
        body = cell(page, MIP)
        body.focus()
        for key, degrees in (("ArrowRight", 3), ("PageDown", 33), ("ArrowLeft", 30), ("Home", 0), ("ArrowUp", 357)):
            page.keyboard.press(key)
            turned(page, degrees)
        page.keyboard.press("ArrowDown")
        turned(page, 0)
        # No picture moves when the hand comes to another one.
        place = body.bounding_box()
        cell(page, 1).focus()
        expect(page.get_by_role("combobox", name="Slab")).to_be_disabled()
        assert body.bounding_box() == place
        body.focus()
        expect(page.get_by_role("combobox", name="Slab")).to_be_enabled()
        assert body.bounding_box() == place

        # The others stay where they are; a drag to the left turns the body to the left.
        shows(page, 1, 16)
        x, y = centre(body)
        drag(page, (x, y), (x - 50, y))
        turned(page, 30)

        # What is drawn beside it keeps how it was turned.
        cell(page, 1).focus()
        page.keyboard.press("Home")
        shows(page, 1, 1)
        page.keyboard.press("l")
        x, y = centre(cell(page, 1))
        drag(page, (x - 30, y), (x + 30, y))
        until(page, f"{STAGE}.marks().length === 1")
        (mark,) = page.evaluate(f"{STAGE}.marks()")
        assert mark["view"]["cells"][MIP - 1] == {
            "timepoint": 0,
            "series": PET,
            "preset": "SUV 0 to 5",
            "plane": "coronal",
            "map": "inverse",
            "slab": "all",
            "degrees": 30,
        }

        # A click takes the brightest point behind it, and the planes go there.
        page.mouse.click(*screen(page, MIP, BALL))
        shows(page, 1, 16)
        body.focus()
        page.keyboard.press("r")
        turned(page, 0)

        # By itself it turns only for those who have not asked for less motion.
        page.keyboard.press("k")
        expect(page.locator("[data-problem]")).to_contain_text("This device asks for less motion")
        page.emulate_media(reduced_motion="no-preference")
        page.keyboard.press("k")
        expect(body.locator("canvas[data-plane]")).to_have_attribute("data-drawn", re.compile(r"^([4-9]|[1-9]\d+)$"))
        page.emulate_media(reduced_motion="reduce")
        expect(page.locator("[data-do=play]")).to_have_attribute("aria-pressed", "false")

        choose(page, "Layout", "One picture")
        page.evaluate(f"(mark) => {STAGE}.show(mark)", mark)
        turned(page, 30)
        shows(page, 1, 1)
        assert page.evaluate(f"{STAGE}.view({STAGE}.cells[0])") == mark["view"]
    assert MarkVersion.objects.get().view["cells"][MIP - 1]["degrees"] == 30
