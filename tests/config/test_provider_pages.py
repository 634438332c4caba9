"""Sign-in and signature by an identity provider in a browser, which leads from one server to the other and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from compliance import identities, provider
from compliance.models import PolicyAcceptance, User
from tests.factories import AT
from tests.support.browser import browsing, launched_chromium
from tests.support.identity_provider import running, use

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.one_database,
    pytest.mark.requires_tool("chromium"),
    pytest.mark.requirement("REQ-SIG-012"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


def test_a_person_signs_in_there_and_signs_by_signing_in_once_more(
    live_server: Any, settings: Any, tmp_path: Path, chromium: Browser
) -> None:
    settings.PUBLIC_URL = f"http://localhost:{urlsplit(live_server.url).port}"
    settings.ALLOWED_HOSTS, settings.KEYS_DIR = ["localhost"], tmp_path
    user = User.objects.create(username="ada", full_name="Ada Adams")
    with running() as there, browsing(chromium, base_url=settings.PUBLIC_URL) as context:
        use(settings, there)
        provider.forget()
        identities.link(user=user, subject=there.subject, actor=None, reason="Known.", at=AT)
        page = context.new_page()
        page.goto("/account/signature/")
        page.get_by_role("link", name="Sign in with Example Hospital").click()
        expect(page.get_by_role("heading", name="My signature")).to_be_visible()
        page.get_by_role("button", name="Sign and accept").click()
        expect(page.get_by_role("heading", name="Your signature")).to_be_visible()
        assert not PolicyAcceptance.objects.exists()
        page.get_by_role("link", name="Show who I am").click()
        expect(page.get_by_text("has just seen that it is you")).to_be_visible()
        page.get_by_role("button", name="Sign").click()
        expect(page.get_by_text("You have accepted the e-signature policy")).to_be_visible()
    assert PolicyAcceptance.objects.get().user == user
