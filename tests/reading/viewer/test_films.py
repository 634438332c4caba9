"""A film on the read page: played, stopped and gone through frame by frame, by mouse and by keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from reading.models import ReadTask
from tests.factories.films import FRAMES, filmed
from tests.house.test_accessibility import AXE, RUN
from tests.reading.conftest import World
from tests.reading.viewer.conftest import Opener

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


@pytest.fixture
def task(world: World, subject: object) -> ReadTask:
    """A baseline with slices and a film."""
    filmed(world.timepoint("BL"), world.site, "Endoscopy")
    world.clear("BL")
    return world.task("BL", 1)


def test_a_film_is_gone_through_frame_by_frame_and_played(task: ReadTask, opened: Opener) -> None:
    with opened(task) as page:
        film = page.locator("[data-film]")
        expect(film).to_have_attribute("data-state", "ready", timeout=60_000)
        page.get_by_text(f"ES series, {FRAMES} frames, 2 s, 12 a second").click()
        video, place = film.locator("video"), film.locator("[data-film-place]")
        expect(place).to_have_text(f"Frame 1 / {FRAMES}, 0.00 s")
        page.evaluate(AXE)
        assert page.evaluate(RUN) == []

        film.get_by_role("button", name="One frame on").click()
        expect(place).to_have_text(f"Frame 2 / {FRAMES}, 0.08 s")
        video.focus()
        for key, frame in (
            (".", 3),
            ("ArrowRight", 4),
            (",", 3),
            ("End", FRAMES),
            ("Home", 1),
            ("PageDown", 13),
            ("PageUp", 1),
        ):
            page.keyboard.press(key)
            expect(film).to_have_attribute("data-frame", str(frame))

        film.get_by_role("combobox", name="Speed").select_option("2")
        video.focus()
        page.keyboard.press(" ")
        expect(film.get_by_role("button", name="Stop")).to_be_visible()
        expect(film).to_have_attribute("data-frame", str(FRAMES), timeout=60_000)
        expect(film.get_by_role("button", name="Play")).to_be_visible()
        assert page.evaluate("document.querySelector('[data-film] video').playbackRate") == 2


def test_a_film_that_the_browser_cannot_play_says_so(world: World, subject: object, opened: Opener) -> None:
    filmed(world.timepoint("BL"), world.site, "Endoscopy", "hevc")
    world.clear("BL")
    with opened(world.task("BL", 1)) as page:
        film = page.locator("[data-film]")
        expect(film).to_have_attribute("data-state", "cannot", timeout=60_000)
        page.get_by_text("ES series").click()
        expect(film.get_by_role("alert")).to_have_text(re.compile("This browser cannot play"))
        expect(film.get_by_role("button", name="Play")).to_be_disabled()
