"""In a browser, an auditor clicks from an endpoint value back to the delivery that its images came with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from compliance.models import AuditEvent, User
from imaging.models import Instance
from tests.house.crowd import make_read_trial
from tests.house.test_accessibility import AXE, RUN
from tests.support.browser import DESKTOP, PHONE, browsing, launched_chromium

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    pytest.mark.requires_tool("chromium"),
    pytest.mark.requirement("REQ-SIG-030"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched_chromium() as browser:
        yield browser


def looked_at(page: Page, name: str) -> None:
    """No page goes beyond the edge of a phone or has a serious fault; where pictures are asked for, they are kept."""
    for width, height in (PHONE, DESKTOP):
        page.set_viewport_size({"width": width, "height": height})
        if kept := os.environ.get("PARALLAX_TEST_PICTURES"):
            page.screenshot(path=f"{kept}/{name}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.evaluate(AXE)
    assert not page.evaluate(RUN), name


def test_an_auditor_clicks_from_an_endpoint_value_to_the_upload(
    own_disk: Any, live_server: Any, monkeypatch: pytest.MonkeyPatch, chromium: Browser
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    world = make_read_trial()
    subject = world.subjects["NX-4711"]
    client = Client()
    client.force_login(User.objects.get(username="auditor"))
    with browsing(chromium, base_url=live_server.url) as context:
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(f"/reading/trials/{world.trial.pk}/progress/")
        page.get_by_role("link", name=subject.code, exact=True).click()
        page.get_by_role("link", name="Endpoint values").click()
        looked_at(page, "values")
        page.locator("#values tbody tr").nth(1).get_by_role("link").first.click()

        expect(page.get_by_role("heading", name="From value to upload")).to_be_visible()
        page.get_by_role("button", name="Verify now").click()
        expect(page.locator("#verified")).to_contain_text("all hold")
        expect(page.get_by_text("Does not hold")).to_have_count(0)
        looked_at(page, "walk")
        walk = page.url

        page.get_by_role("link", name="Replay: Read").first.click()
        expect(page.locator("[data-digest]")).to_be_visible()
        page.goto(walk)
        page.get_by_role("link", name="Round: Quality control").first.click()
        expect(page.get_by_role("heading", name="Quality control")).to_be_visible()
        looked_at(page, "round")
        page.goto(walk)
        page.get_by_role("link", name="Form: Transfer form").click()
        expect(page.locator(".px-signed").first).to_be_visible()
        looked_at(page, "form")
        page.goto(walk)
        page.get_by_role("link", name="Attribute by attribute: De-identification").click()
        expect(page.get_by_role("heading", name="Recipes")).to_be_visible()
        looked_at(page, "deidentification")
        page.goto(walk)
        page.locator("summary", has_text="with their digests").click()
        image = Instance.objects.filter(series__imaging_study__timepoint__subject=subject, received__isnull=False)
        raw = image.filter(series__imaging_study__timepoint__code="W8").select_related("received")[0].received
        expect(page.get_by_text(raw.file_sha256)).to_be_visible()
        page.get_by_role("link", name="Delivery: Raw upload").click()
        assert str(raw.transfer.public_id) in page.url
        expect(page.get_by_role("heading", name="Originals")).to_be_visible()
        looked_at(page, "delivery")

        for path, name in (("signatures", "signatures"), ("access", "access"), ("audit", "audit")):
            page.goto(f"/trials/{world.trial.pk}/{name}/")
            looked_at(page, path)
    assert AuditEvent.objects.filter(action="signatures.verified", actor__username="auditor").exists()
