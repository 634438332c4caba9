"""A coordinator's way from home to an answered query, by keys alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from tests.factories import AT, make_world
from tests.support.browser import browsing, launched_chromium
from tests.support.keys import tab_to
from trials.models import Query
from trials.services import querying

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def test_a_query_is_found_read_and_answered_by_keys_alone(own_disk: Any, live_server: Any) -> None:
    world = make_world()
    query = querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Slices are missing", text="Please.", actor=world.analyst, at=AT
    )
    client = Client()
    client.force_login(world.coordinator)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    with launched_chromium() as browser, browsing(browser, base_url=live_server.url) as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("link", name="Queries to answer")).to_be_visible()
        tab_to(page, "Queries to answer")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="Slices are missing")).to_be_visible()
        tab_to(page, "Read and answer")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Please.", exact=True)).to_be_visible()
        tab_to(page, "Message")
        page.keyboard.type("They are on their way.")
        tab_to(page, "Send answer")
        page.keyboard.press("Enter")
        # The list of open queries is shown again, and has none.
        expect(page.get_by_text("No query fits")).to_be_visible()
        page.goto(reverse("trials:query", args=[query.pk]))
        expect(page.get_by_text("They are on their way.", exact=True)).to_be_visible()
    assert Query.objects.get().state == "answered"
