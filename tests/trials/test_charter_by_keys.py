"""A draft of the charter gets another visit by keys alone; a mistake is told, found and mended."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.factories import AT, make_world
from tests.support.browser import browsing, launched_chromium
from tests.support.keys import tab_to
from trials.models import ImagingCharter
from trials.services import setting_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def type_in(page: Page, **fields: str) -> None:
    """Fill in fields that follow each other, from the one that has the focus."""
    for name, text in fields.items():
        expect(page.locator(f'[name="schedule-3-{name}"]')).to_be_focused()
        page.keyboard.type(text)
        page.keyboard.press("Tab")


def test_a_visit_is_added_and_a_mistake_mended_by_keys_alone(own_disk: Any, live_server: Any) -> None:
    world = make_world()
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)
    client = Client()
    client.force_login(world.administrator)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    with launched_chromium() as browser, browsing(browser, base_url=live_server.url) as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(reverse("trials:charter_edit", args=[draft.pk]), wait_until="networkidle")
        tab_to(page, "Visits")
        page.keyboard.press("Enter")
        tab_to(page, "Add visit")
        page.keyboard.press("Enter")
        type_in(page, code="W24", name="Week 24", day="soon", window_before="7", window_after="7")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")

        expect(page.locator("[data-focus]")).to_be_focused()
        expect(page.locator('[name="schedule-3-day"]')).to_have_value("soon")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Schedule, visit 4, study day")).to_be_focused()
        page.keyboard.press("Enter")
        for _ in range(4):
            tab_to(page, "Study day")
        expect(page.locator('[name="schedule-3-day"]')).to_be_focused()
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type("169")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The draft is saved")).to_be_visible()
        expect(page.get_by_role("cell", name="Week 24", exact=True)).to_be_visible()
    assert [visit.day for visit in ImagingCharter.objects.get(pk=draft.pk).terms.schedule] == [-7, 57, 113, 169]
