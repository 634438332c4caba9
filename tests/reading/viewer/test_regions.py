"""A painted region and the lesion that it is: said at either end, by mouse and by keys, and its volume counts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from reading.models import Measurement, ReadTask, SegmentVersion
from reading.models.segment import segments_of
from tests.factories.volumes import archived, ct_slices
from tests.reading.conftest import World
from tests.reading.viewer.conftest import Opener
from tests.reading.viewer.test_choosing import choose
from tests.reading.viewer.test_guided_read import rows, saved
from tests.reading.viewer.test_views import BALL, CHEST, cell, cleared, screen, shows
from tests.support.browser import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def paint(page: Page, times: int = 1) -> None:
    """Paint the ball on its middle slice with a larger brush each time."""
    page.get_by_role("button", name="Brush", exact=True).click()
    for _ in range(times):
        page.get_by_role("button", name="Larger brush").click()
    page.mouse.click(*screen(page, 1, BALL))
    expect(page.locator("[data-of=painted]")).to_contain_text("ml")
    page.get_by_role("button", name="Brush", exact=True).click()


def volumes(task: ReadTask) -> list[Decimal]:
    return [Decimal(m.values["volume_ml"]) for m in Measurement.objects.filter(assessment__task=task)]


def region_of(task: ReadTask) -> SegmentVersion:
    (region,) = segments_of(task)
    return region


def test_a_region_is_a_lesion_whichever_of_the_two_is_asked(world: World, opened: Opener) -> None:
    world.amend(criteria="Volumetric", criteria_parameters={}, tools=["brush"])
    timepoint = world.timepoint("BL", world.enrol())
    archived(timepoint, world.site, CHEST, ct_slices("2.25.5"))
    cleared(timepoint)
    task = world.task("BL", 1)
    with opened(task) as page:
        shows(page, 1, 16)
        row = choose(page, "LIVER")
        volume = row.locator('[name$="-volume_ml"]')
        expect(row.locator("[data-use-region]")).to_be_hidden()
        saved(page)
        paint(page)
        listed = page.get_by_role("region", name="Drawn in this read").locator("li")
        expect(listed).to_have_count(1)
        expect(listed.get_by_role("combobox")).to_have_value("")

        # The lesion's row takes the region in hand, by its key.
        row.locator("[data-label]").click()
        cell(page, 1).focus()
        page.keyboard.press("u")
        expect(volume).to_have_attribute("readonly", "")
        expect(listed.get_by_role("combobox")).to_have_value("1")
        expect(row.locator("[data-regioned]")).to_contain_text("ml")
        shown = volume.input_value()
        expect(page.locator("[data-result]")).to_contain_text("Sum of volumes")
        saved(page)

        # Painted on, the volume follows.
        paint(page, 3)
        until(page, "(was) => document.querySelector('[name$=\"-volume_ml\"]').value > was", shown)
        saved(page)
        more = volume.input_value()
        page.reload()
        expect(volume).to_have_value(more)
        expect(volume).to_have_attribute("readonly", "")

        # The region's row takes it away, and gives it to another lesion.
        other = choose(page, "LUNG")
        saved(page)
        expect(listed.get_by_role("combobox").locator("option")).to_have_text(["no lesion", "T01", "T02"])
        listed.get_by_role("combobox").select_option(label="T02")
        expect(other.locator('[name$="-volume_ml"]')).to_have_value(more)
        expect(volume).to_have_value("")
        saved(page)
        other.get_by_role("button", name="Take the region away from the lesion").click()
        expect(other.locator('[name$="-volume_ml"]')).to_have_value("")
        expect(other.locator("[data-regioned]")).to_be_hidden()
        other.get_by_role("button", name="Use the region in hand").click()
        expect(other.locator('[name$="-volume_ml"]')).to_have_value(more)
        saved(page)
        expect(rows(page)).to_have_count(2)
        until(page, "() => /Saved/.test(document.querySelector('[data-saved]').textContent)")
    assert (region_of(task).lesion, str(region_of(task).volume_ml)) == (2, more)
    assert volumes(task) == [Decimal(more)]
