"""The page on which a held film is watched: it goes on only once all of it was played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import expect

from imaging.models import PixelReview
from imaging.states import PixelState
from tests.factories import make_world
from tests.factories.films import FRAMES, film
from tests.house.test_accessibility import AXE, RUN
from tests.imaging.services.delivery import by_scanner
from tests.support.browser import DESKTOP, browsing, launched_chromium

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def test_a_film_goes_on_once_all_of_it_was_played(own_disk: Path, live_server: Any) -> None:
    world = make_world()
    by_scanner(world, [film()])
    look = PixelReview.objects.get()
    client = Client()
    client.force_login(world.analyst, backend="django.contrib.auth.backends.ModelBackend")
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}

    with launched_chromium() as browser, browsing(browser, base_url=live_server.url, viewport=DESKTOP) as context:
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(f"/imaging/pixels/{look.pk}/")
        player, goes_on = page.locator("[data-film]"), page.get_by_role("button", name="Watched: it goes on")
        expect(player).to_have_attribute("data-state", "ready")
        expect(goes_on).to_be_disabled()
        page.evaluate(AXE)
        assert page.evaluate(RUN) == []
        # Whoever jumps to the end has seen the end alone.
        page.locator("video").focus()
        page.keyboard.press("End")
        expect(player).to_have_attribute("data-frame", str(FRAMES))
        expect(player.locator("[data-film-place]")).to_have_text(f"Frame {FRAMES} / {FRAMES}, 1.92 s")
        page.keyboard.press("c")
        expect(goes_on).to_be_disabled()
        page.locator("video").focus()
        page.keyboard.press(" ")
        expect(goes_on).to_be_enabled()
        expect(page.get_by_text("Once all of it was played")).to_be_hidden()
        page.keyboard.press("c")
        expect(page).to_have_url(f"{live_server.url}/imaging/trials/{world.trial.pk}/pixels/")
        page.wait_for_load_state("networkidle")
    connection.close()

    look.refresh_from_db()
    assert (look.state, look.decided) == (PixelState.DECIDED, {"blank": [], "kept": []})
