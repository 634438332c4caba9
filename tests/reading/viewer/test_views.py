"""Layouts, planes, fusion, links, cine and painting, as a reader meets them on the read page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from reading.models import LinkVersion, ReadTask, SegmentVersion
from reading.services.assigning import open_reads
from tests.factories.volumes import BALL, BALL_BQML, BALL_HU, SUV_FACTOR, archived, cine, ct_slices, pet_slices
from tests.reading.conftest import AT, World, baseline
from tests.reading.viewer.conftest import Opener
from trials.charter import RECIST_TEMPLATE, find_template
from trials.models import Timepoint
from trials.states import QcState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

LUGANO = find_template("lugano-2014").content
PET, CT = (series["label"] for series in LUGANO["series"][:2])
CHEST = RECIST_TEMPLATE["series"][0]["label"]
#: Writes down each slice that the first viewport shows from now on.
RECORD = """() => {
  const cell = document.querySelector("[data-view]");
  let last = cell.dataset.slice;
  document.body.dataset.seen = "";
  const record = () => {
    if (cell.dataset.slice !== last) document.body.dataset.seen += ` ${cell.dataset.slice}`;
    last = cell.dataset.slice;
  };
  new MutationObserver(record).observe(cell, {attributeFilter: ["data-slice"]});
}"""
STAGE = "document.querySelector('[data-stack]').stage"


def cleared(timepoint: Timepoint) -> None:
    """Let what was archived be read."""
    Timepoint.objects.filter(pk=timepoint.pk).update(qc_state=QcState.CLEARED)
    open_reads(timepoint=Timepoint.objects.get(pk=timepoint.pk), at=AT)


def cell(page: Page, place: int) -> Locator:
    """The viewport in a place of the layout, from 1."""
    return page.locator("[data-view]").nth(place - 1)


def screen(page: Page, place: int, point: tuple[float, float, float]) -> tuple[float, float]:
    """Where a point of the patient lies on the screen, in the viewport of a place."""
    box = cell(page, place).bounding_box()
    assert box
    x, y = page.evaluate(f"([n, point]) => {STAGE}.cells[n].camera.toScreen(point)", [place - 1, list(point)])
    return box["x"] + x, box["y"] + y


def shows(page: Page, place: int, slice_: int) -> None:
    """See a slice or plane drawn in a place of the layout."""
    expect(cell(page, place)).to_have_attribute("data-slice", str(slice_))
    expect(cell(page, place)).not_to_have_attribute("data-waiting", re.compile(".*"))


def stored(page: Page) -> Any:
    """Wait until links that change meanwhile are stored."""
    return page.expect_response(lambda answer: answer.request.method == "PUT" and answer.url.endswith("/links/"))


def choose(page: Page, what: str, label: str) -> None:
    page.get_by_role("combobox", name=what, exact=True).select_option(label=label)


def test_a_pet_ct_opens_as_its_charter_says_and_its_values_are_true_in_every_plane(
    world: World, opened: Opener
) -> None:
    world.amend(**{name: LUGANO[name] for name in ("modalities", "series", "window_presets", "hanging")})
    timepoint = world.timepoint("BL", world.enrol())
    archived(timepoint, world.site, CT, ct_slices("2.25.5"))
    archived(timepoint, world.site, PET, pet_slices("2.25.5"))
    cleared(timepoint)
    with opened(world.task("BL", 1)) as page:
        expect(page.get_by_role("combobox", name="Layout", exact=True)).to_have_value("PET/CT")
        names = [CT, PET, f"{PET} · axial, over {CT}", f"{PET} · coronal, MIP"]
        for place, name in enumerate(names, 1):
            expect(cell(page, place).locator("[data-name]")).to_have_text(f"Timepoint 1 · {name}")
        expect(cell(page, 4).locator("[data-place]")).to_have_text("Turned 0°")
        for place, window in ((1, "Soft tissue C 50 W 400"), (2, "SUV 0 to 5 C 2.5 W 5"), (3, "SUV 0 to 10 C 5 W 10")):
            expect(cell(page, place).locator("[data-window]")).to_have_text(window)
        shows(page, 1, 16)
        shows(page, 3, 16)  # the CT's planes: both stand in the middle, where the ball is

        # The fusion tells both values under the pointer, PET in SUV.
        page.mouse.move(*screen(page, 3, BALL))
        expect(cell(page, 3).locator("[data-value]")).to_have_text(f"SUV {BALL_BQML * SUV_FACTOR:.2f}  {BALL_HU} HU")

        # Planes through the CT: a point taken in one brings the others to it, and the ball's value is there.
        choose(page, "Layout", "Two rows of two")
        for place, plane in ((2, "Coronal"), (3, "Sagittal"), (4, "Axial")):
            cell(page, place).focus()
            page.locator("[data-series]").select_option(label=CT)
            choose(page, "Plane", plane)
            expect(cell(page, place).locator("canvas[data-plane]")).to_be_visible()
            expect(cell(page, place)).not_to_have_attribute("data-waiting", re.compile(".*"))
        page.mouse.click(*screen(page, 4, (BALL[0], BALL[1], 0)))
        expect(cell(page, 2).locator("svg[data-lines] line").first).to_be_attached()
        for place, away in ((2, (0, 0, 9)), (3, (0, 9, 0))):
            x, y = screen(page, place, BALL)
            page.mouse.move(x, y)
            expect(cell(page, place).locator("[data-value]")).to_have_text(f"{BALL_HU} HU")
            outside = tuple(a + 2 * b for a, b in zip(BALL, away, strict=True))
            page.mouse.move(*screen(page, place, outside))
            expect(cell(page, place).locator("[data-value]")).to_have_text("0 HU")


def test_timepoints_side_by_side_follow_each_other_from_where_the_reader_linked_them(
    world: World, opened: Opener
) -> None:
    world.amend(hanging=RECIST_TEMPLATE["hanging"])
    subject = world.enrol()
    for code, space, shift in (("BL", "2.25.5", 0.0), ("W8", "2.25.6", 300.0)):
        timepoint = world.timepoint(code, subject)
        archived(timepoint, world.site, CHEST, ct_slices(space, shift_mm=shift))
        cleared(timepoint)
        if code == "BL":
            world.read("BL", 1, baseline(40), subject)
    task = world.task("W8", 1, subject)
    with opened(task) as page:
        expect(page.get_by_role("combobox", name="Layout", exact=True)).to_have_value("Beside the previous")
        expect(cell(page, 1).locator("[data-name]")).to_have_text("Timepoint 1")
        expect(cell(page, 2).locator("[data-name]")).to_have_text("Timepoint 2")
        shows(page, 1, 16)
        shows(page, 2, 16)
        cell(page, 2).focus()
        page.keyboard.press("ArrowDown")  # two spaces: until linked, both begin at the same place
        shows(page, 2, 17)
        shows(page, 1, 17)

        page.get_by_role("button", name="In step").click()
        cell(page, 2).focus()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        shows(page, 2, 20)
        shows(page, 1, 17)
        with stored(page):
            page.get_by_role("button", name="Link here").click()
        expect(page.get_by_role("button", name="Unlink")).to_be_enabled()
        cell(page, 1).focus()
        page.keyboard.press("ArrowUp")
        shows(page, 1, 16)
        shows(page, 2, 19)

        page.reload()  # the link is kept with the read
        expect(page.get_by_role("button", name="Unlink")).to_be_enabled()
        shows(page, 2, 16)
        cell(page, 2).focus()
        page.keyboard.press("ArrowUp")
        shows(page, 2, 15)
        shows(page, 1, 12)
        with stored(page):
            page.get_by_role("button", name="Unlink").click()
        expect(page.get_by_role("button", name="Unlink")).to_be_disabled()
    told = [version.links for version in LinkVersion.objects.filter(task=task).order_by("number")]
    assert [[link.get("offset") for link in links] for links in told] == [[[0.0, 0.0, -309.0]], []]


def test_a_clip_plays_and_what_the_brush_painted_has_the_volume_that_the_house_computes(
    world: World, opened: Opener
) -> None:
    world.amend(tools=["brush"])
    timepoint = world.timepoint("BL", world.enrol())
    archived(timepoint, world.site, CHEST, ct_slices("2.25.5"))
    archived(timepoint, world.site, CHEST, cine())
    cleared(timepoint)
    task: ReadTask = world.task("BL", 1)
    with opened(task) as page:
        choose_series(page, rows=48)
        expect(cell(page, 1)).to_have_attribute("data-slice", re.compile("."))
        cell(page, 1).focus()
        page.keyboard.press("Home")
        shows(page, 1, 1)
        page.evaluate(RECORD)
        page.keyboard.press("k")
        # It comes round, and leaves none out.
        expect(page.locator("body")).to_have_attribute("data-seen", re.compile(r"^ 2 3 4 5 6 1 2\b"))
        page.keyboard.press("k")
        expect(page.locator("[data-do=play]")).to_have_attribute("aria-pressed", "false")
        choose(page, "Plane", "Axial")
        expect(cell(page, 1).locator("[data-place]")).to_have_text("Colour pictures cannot be cut in other planes.")
        choose(page, "Plane", "As acquired")

        choose_series(page, rows=64)
        cell(page, 1).focus()
        page.keyboard.press("Home")
        for _ in range(15):
            page.keyboard.press("ArrowDown")
        shows(page, 1, 16)
        page.get_by_role("button", name="Brush", exact=True).click()
        page.get_by_role("spinbutton", name="Only from").fill("100")
        page.get_by_role("spinbutton", name="Only from").press("Enter")
        for _ in range(4):
            page.get_by_role("button", name="Larger brush").click()
        page.mouse.click(*screen(page, 1, BALL))
        painted = page.locator("[data-of=painted]")
        expect(painted).to_have_text(re.compile(r"^[\d.]+ ml, \d+ voxels$"))
        version = SegmentVersion.objects.get()
        # The ball's disc through its middle, and nothing of the body around it: 12 mm³ a voxel.
        assert abs(version.voxels * 4 - 3.1416 * 12**2) < 3 * 4 * 12
        assert float(version.volume_ml) == round(version.voxels * 0.012, 3)
        expect(painted).to_have_text(f"{version.volume_ml:.2f} ml, {version.voxels} voxels")
        page.get_by_role("button", name="Undo").click()
        expect(painted).to_have_text("0.00 ml, 0 voxels")
        page.get_by_role("button", name="Redo").click()
        expect(painted).to_have_text(f"{version.volume_ml:.2f} ml, {version.voxels} voxels")
        page.reload()
        expect(painted).to_have_text(f"{version.volume_ml:.2f} ml, {version.voxels} voxels", use_inner_text=False)


def choose_series(page: Page, *, rows: int) -> None:
    """Show the series whose pictures have so many rows."""
    every = f"{STAGE}.manifest.timepoints[0].series.map((s) => ({{label: s.label, rows: s.rows}}))"
    told: list[dict[str, Any]] = page.evaluate(every)
    page.locator("[data-series]").select_option(label=next(one["label"] for one in told if one["rows"] == rows))
