"""A passkey by the browser's own hand: set up on the page, shown at sign-in, with Chromium's virtual authenticator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from compliance.models import Factor
from tests.factories import PASSWORD, make_user
from tests.support.browser import PHONE, browsing, launched_chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.one_database,
    pytest.mark.requires_tool("chromium"),
    pytest.mark.requirement("REQ-ACC-010"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


@pytest.fixture
def house(live_server: Any, settings: Any, tmp_path: Path) -> str:
    """The installation under a name, as passkeys need one, where everybody must have a second factor."""
    settings.PUBLIC_URL = f"http://localhost:{urlsplit(live_server.url).port}"
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.SECOND_FACTOR, settings.KEYS_DIR = "required", tmp_path
    make_user("keeper", full_name="Kay Keeper", is_staff=True)
    return settings.PUBLIC_URL


def with_authenticator(context: BrowserContext) -> Page:
    """A page in a browser that has an authenticator, whose person is always there."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    traits = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    more = {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": traits | more})
    return page


def give_password(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("User name").fill("keeper")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_passkey_is_made_after_the_password_and_opens_the_next_sign_in(house: str, chromium: Browser) -> None:
    with browsing(chromium, base_url=house, viewport=PHONE) as context:
        page = with_authenticator(context)
        give_password(page)
        expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
        page.get_by_role("link", name="Use a passkey instead").click()
        page.get_by_label("Name").fill("My laptop")
        page.get_by_role("button", name="Make a passkey and sign in").click()
        expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
        expect(page.locator("#codes li")).to_have_count(10)
        page.get_by_role("link", name="I have kept them").click()
        expect(page.get_by_role("heading", name="What waits for you")).to_be_visible()

        context.clear_cookies()
        give_password(page)
        expect(page.get_by_role("heading", name="Second step")).to_be_visible()
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("heading", name="What waits for you")).to_be_visible()
        page.goto("/account/")
        expect(page.locator("#factors")).to_contain_text("My laptop")
    key = Factor.objects.get()
    assert (key.kind, key.counter > 0, key.used_at is not None) == ("passkey", True, True)
