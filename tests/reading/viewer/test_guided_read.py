"""A reader's work on the phantom with mouse and keyboard: three timepoints measured where the lesions truly are."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from imaging.phantom.subjects import PhantomSubject
from reading.models import MarkVersion, Measurement, ReadTask
from reading.states import ReadState
from tests.reading.conftest import PASSWORD, World
from tests.reading.viewer.conftest import Opener, all_loaded, stage
from tests.reading.viewer.phantoms import Scanned, draw_diameter, on_screen, to_slice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

PHANTOM = PhantomSubject.with_scenario(11, "shrinking")
TARGETS = PHANTOM.lesions[:3]
NODE = PHANTOM.lesions[3]
#: A hand draws to the pixel of the screen; RECIST counts in millimetres.
TOLERANCE_MM = 1.5


def rows(page: Page) -> Locator:
    return page.locator("[data-lesion]:visible")


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_contain_text("Saved")


def add(page: Page, key: str, organ: str) -> Locator:
    """Add a lesion by its key, and say where it is."""
    before = rows(page).count()
    page.keyboard.press(key)
    expect(rows(page)).to_have_count(before + 1)
    row = page.locator("[data-lesion]:has(:focus)")
    row.locator('[name$="-organ"]').select_option(organ)
    return page.locator(f"#{row.get_attribute('id')}")


def point_at(page: Page, row: Locator, n: int, place: tuple[float, float]) -> None:
    """Mark a lesion by a point on a slice."""
    to_slice(page, n)
    row.locator("[data-measure]").click()
    expect(stage(page).locator('[data-tool="point"]')).to_have_attribute("aria-pressed", "true")
    page.mouse.click(*on_screen(page, place))
    expect(row.locator('[name$="-mark"]')).not_to_have_value("")


def sign(page: Page, task: ReadTask, marks: int) -> None:
    """Sign by password; from then on the read shows what was drawn, and takes nothing."""
    saved(page)
    all_loaded(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Read {task.blinded_code} is signed and locked.")).to_be_visible()
    page.goto(f"/reading/tasks/{task.blinded_code}/")
    expect(stage(page)).to_have_attribute("data-marks", str(marks))
    expect(page.locator("[data-measure], [data-tool]")).to_have_count(0)


def check(task: ReadTask, order: int) -> None:
    """The signed read holds the true diameters, each with what the reader saw."""
    task = ReadTask.objects.get(pk=task.pk)
    assert task.state == ReadState.SUBMITTED
    found = Measurement.objects.filter(assessment__task=task, lesion__category="target").order_by("lesion__number")
    for measurement, lesion in zip(found, TARGETS, strict=True):
        assert float(measurement.diameter_mm or 0) == pytest.approx(lesion.longest_diameter_mm(order), abs=TOLERANCE_MM)
        assert measurement.mark
        assert measurement.mark.view["slice"] > 0
        assert measurement.mark.instance == measurement.instance
    assessed = task.signed_content()["assessment"]
    assert len(assessed["marks"]) == MarkVersion.objects.filter(mark__task=task).values("mark").distinct().count()  # type: ignore[index, call-overload]


def test_a_subject_is_read_from_baseline_to_the_second_follow_up(world: World, subject: object, opened: Opener) -> None:
    scan = Scanned(world, PHANTOM, "BL", 0)
    task = world.task("BL", 1)
    with opened(task) as page:
        expect(stage(page)).to_have_attribute("data-marks", "0")
        for lesion, organ in zip(TARGETS, ("LUNG", "LUNG", "LIVER"), strict=True):
            row = add(page, "t", organ)
            to_slice(page, scan.slice_of(lesion))
            row.locator("[data-measure]").click()
            draw_diameter(page, row, scan.ends(lesion))
        point_at(page, add(page, "n", "LYMPH NODE"), scan.slice_of(NODE), scan.ends(NODE)[-1])
        point_at(page, add(page, "n", "PLEURA"), 1, (40, 64))
        expect(page.locator("[data-result]")).to_contain_text("Sum of diameters")
        sign(page, task, marks=5)
    check(task, 0)

    for order, code in ((1, "W8"), (2, "W16")):
        scan_before, scan = scan, Scanned(world, PHANTOM, code, order)
        task = world.task(code, 1)
        with opened(task) as page:
            expect(stage(page)).to_have_attribute("data-marks", "0")
            for n, lesion in enumerate(TARGETS):
                row = rows(page).nth(n)
                # The next lesion: where it was, beside the present timepoint.
                page.keyboard.press("j")
                expect(row).to_have_attribute("aria-current", "true")
                views = page.locator("[data-view]:visible")
                expect(views).to_have_count(2)
                expect(views.first).to_have_attribute("data-slice", str(scan_before.slice_of(lesion)))
                expect(row.locator(".rd-prior")).to_contain_text("mm")
                # The earlier one is a key away, and away by the same key.
                page.keyboard.press("o")
                expect(views).to_have_count(1)
                to_slice(page, scan.slice_of(lesion))
                page.keyboard.press("m")
                draw_diameter(page, row, scan.ends(lesion))
            for n in (3, 4):
                rows(page).nth(n).locator('[name$="-state"]').select_option("PRESENT")
            expect(page.locator("[data-result]")).to_contain_text("From baseline")
            sign(page, task, marks=3)
        check(task, order)
