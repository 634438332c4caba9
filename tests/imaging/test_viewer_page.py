"""The viewer on the pages of QC and of the site: a finding leads to its slice, the timepoint before stands beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from imaging.models import QcReview, Series
from imaging.phantom.canvas import Grid
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.factories import PLANTED, World, make_world
from tests.factories.scans import encoded
from tests.factories.world import REFERENCE
from tests.imaging.services.delivery import by_scanner
from tests.reading.viewer.conftest import Opener, chromium, stage, visited  # noqa: F401  # fixtures
from tests.support.pictures import take
from trials.schedule import date_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


#: A phantom of few slices, and the one of its second scan that shows nothing.
PHANTOM, GRID, BLANK = PhantomSubject.with_scenario(12, "growing"), Grid(rows=128, slices=8, top_mm=60), 3


def scan_of(timepoint: int, day: int, blank: int = 0) -> list[bytes]:
    """A scan of the phantom as files; slice `blank`, counted from the feet, holds air alone."""
    files = []
    named = {"ClinicalTrialSubjectID": "N-001"}
    date = date_of(day, REFERENCE)
    for dataset in ct_series(PHANTOM, timepoint, study_date=date, identity=PLANTED, trial=named, grid=GRID):
        if dataset.InstanceNumber == GRID.slices + 1 - blank:
            dataset.PixelData = bytes(len(dataset.PixelData))
        files.append(encoded(dataset))
    return files


@pytest.fixture
def world(own_disk: Path) -> World:
    """A subject with two scans."""
    world = make_world()
    by_scanner(world, scan_of(0, day=-5))
    by_scanner(world, scan_of(1, day=61, blank=BLANK))
    return world


def test_a_finding_goes_to_its_slice_beside_the_scan_before(world: World, visited: Opener) -> None:  # noqa: F811
    review = QcReview.objects.get(timepoint__code="W8")
    with visited(world.analyst, reverse("imaging:review", args=[review.pk])) as page:
        expect(page.locator("[data-view]:visible")).to_have_count(2)
        expect(page.locator("[data-view] [data-name]")).to_have_text(["Baseline", "Week 8"])
        page.get_by_role("link", name=f"Show slice {BLANK}").first.click()
        expect(stage(page)).to_have_attribute("data-slice", str(BLANK))
        expect(page.locator("[data-view]").last).to_be_focused()
        expect(page.get_by_role("button", name="Length")).to_be_visible()
        expect(page.get_by_role("button", name="Long and short axis")).to_have_count(0)
        for image in page.locator(".px-thumb").all():
            expect(image).to_have_js_property("complete", True)
            expect(image).not_to_have_js_property("naturalWidth", 0)
        take(page, "viewer", "qc")


def test_a_coordinator_looks_at_the_own_images_and_measures_nothing(world: World, visited: Opener) -> None:  # noqa: F811
    timepoint = world.timepoint("N-001", "W8")
    with visited(world.coordinator, reverse("imaging:timepoint", args=[timepoint.pk])) as page:
        expect(page.locator("[data-view]:visible")).to_have_count(1)
        expect(page.get_by_role("button", name="Length")).to_have_count(0)
        page.locator("[data-view]").focus()
        page.keyboard.press("End")
        expect(stage(page)).to_have_attribute("data-slice", str(GRID.slices))


def test_who_may_not_look_at_images_gets_the_page_without_them(world: World) -> None:
    timepoint, client = world.timepoint("N-001", "W8"), Client()
    client.force_login(world.administrator, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("imaging:timepoint", args=[timepoint.pk])).content.decode()
    assert "data-stack" not in page
    assert reverse("imaging:series_thumbnail", args=[Series.objects.latest("pk").pk]) not in page
