"""The page of a delivery in a real browser: it follows the delivery by itself until nothing is left to do."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import expect

from compliance import jobs
from imaging.services.receiving import index_spool, origin_of, receive_instance
from tests.factories import AT, make_world, scan
from tests.imaging.services.delivery import by_coordinator
from tests.support.browser import PHONE, browsing, launched_chromium

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def test_it_shows_each_step_without_being_loaded_again(own_disk: Any, live_server: Any) -> None:
    world = make_world()
    transfer = by_coordinator(world, [], world.timepoint("N-001", "BL"))
    receive_instance(scan("N-001", slices=1)[0], origin=origin_of(transfer), at=AT)
    client = Client()
    client.force_login(world.coordinator, backend="django.contrib.auth.backends.ModelBackend")
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}

    with launched_chromium() as browser, browsing(browser, base_url=live_server.url, viewport=PHONE) as context:
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        loads: list[str] = []
        page.on("load", lambda loaded: loads.append(loaded.url))
        page.goto(f"/imaging/transfers/{transfer.public_id}/")
        steps = page.locator(".px-steps > li")
        expect(steps).to_contain_text(["Received", "Indexed", "Matched", "De-identified", "Checked"])
        counts = page.locator(".px-steps > li > span")
        expect(counts).to_have_text(["1 image", *["0 of 1 image"] * 4])

        index_spool(at=AT)
        expect(counts).to_have_text(["1 image", "1 image", *["0 of 1 image"] * 3])

        jobs.drain()
        expect(page.locator("[data-settled=yes]")).to_be_attached()
        expect(counts).to_have_text(["1 image"] * 5)
        expect(page.get_by_role("link", name="N-001 · Baseline")).to_be_visible()
        assert loads == [page.url]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        # While Playwright's loop runs, this thread has a connection of its own.
        connection.close()
