"""A form goes once, however often it is pressed, and without a connection nothing that was typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Request, Route, expect

from compliance.models import AuditEvent
from tests.factories import make_world
from tests.support.browser import browsing, launched_chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.requires_tool("chromium"),
    pytest.mark.one_database,
]


def test_pressed_twice_a_form_goes_once_and_offline_it_stays_as_it_was_typed(own_disk: Any, live_server: Any) -> None:
    world = make_world()
    client = Client()
    client.force_login(world.founder)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    address, sent, held = f"/trials/accounts/{world.coordinator.pk}/", list[Request](), list[Route]()

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request)
            held.append(route)
        else:
            route.continue_()

    with launched_chromium() as browser, browsing(browser, base_url=live_server.url) as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(address)
        reason, close = page.get_by_label("Reason"), page.get_by_role("button", name="Close the account")
        reason.fill("Left the hospital")
        context.set_offline(True)
        close.click()
        expect(page.get_by_text("There is no connection, so nothing was sent.")).to_be_visible()
        expect(reason).to_have_value("Left the hospital")
        context.set_offline(False)
        # Without a network, a server on the same machine is reached all the same.
        context.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false })")
        page.reload()
        reason.fill("Left the hospital")

        context.route("**" + address, hold)
        # Not by the button itself, which waits until the page that was asked for is there.
        box = close.bounding_box()
        assert box is not None
        for _ in range(2):
            page.mouse.click(box["x"] + 5, box["y"] + 5)
            page.wait_for_timeout(200)
        assert len(sent) == 1
        held[0].continue_()
        expect(page.get_by_text("is closed; the person is signed out everywhere")).to_be_visible()
    assert AuditEvent.objects.filter(action__in=("account.closed", "account.reopened")).count() == 1
