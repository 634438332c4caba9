"""The viewer on the pages of QC and of the site: a finding leads to its slice, the timepoint before stands beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from imaging.models import QcReview, Series
from tests.factories import World, make_world, scan
from tests.imaging.services.delivery import by_scanner
from tests.imaging.test_findings_page import blank_at
from tests.reading.viewer.conftest import Opener, chromium, stage, visited  # noqa: F401  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


@pytest.fixture
def world(own_disk: Path) -> World:
    """A subject with two scans; in the second one a slice shows nothing."""
    world = make_world()
    by_scanner(world, scan("N-001", scan_number=7, day=-5))
    by_scanner(world, blank_at(3, 5, day=61))
    return world


def test_a_finding_goes_to_its_slice_beside_the_scan_before(world: World, visited: Opener) -> None:  # noqa: F811
    review = QcReview.objects.get(timepoint__code="W8")
    with visited(world.analyst, reverse("imaging:review", args=[review.pk])) as page:
        expect(page.locator("[data-view]:visible")).to_have_count(2)
        expect(page.locator("[data-view] [data-name]")).to_have_text(["Baseline", "Week 8"])
        page.get_by_role("link", name="Show slice 3").first.click()
        expect(stage(page)).to_have_attribute("data-slice", "3")
        expect(page.locator("[data-view]").last).to_be_focused()
        expect(page.get_by_role("button", name="Length")).to_be_visible()
        expect(page.get_by_role("button", name="Long and short axis")).to_have_count(0)
        for image in page.locator(".px-thumb").all():
            expect(image).to_have_js_property("complete", True)
            expect(image).not_to_have_js_property("naturalWidth", 0)


def test_a_coordinator_looks_at_the_own_images_and_measures_nothing(world: World, visited: Opener) -> None:  # noqa: F811
    timepoint = world.timepoint("N-001", "W8")
    with visited(world.coordinator, reverse("imaging:timepoint", args=[timepoint.pk])) as page:
        expect(page.locator("[data-view]:visible")).to_have_count(1)
        expect(page.get_by_role("button", name="Length")).to_have_count(0)
        page.locator("[data-view]").focus()
        page.keyboard.press("End")
        expect(stage(page)).to_have_attribute("data-slice", "5")


def test_who_may_not_look_at_images_gets_the_page_without_them(world: World) -> None:
    timepoint, client = world.timepoint("N-001", "W8"), Client()
    client.force_login(world.administrator, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("imaging:timepoint", args=[timepoint.pk])).content.decode()
    assert "data-stack" not in page
    assert reverse("imaging:series_thumbnail", args=[Series.objects.latest("pk").pk]) not in page
