"""Letters at the edges of pictures: where the patient's right, front and head lie, told only where it is known."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from tests.factories.volumes import CT_BOX, archived, cine, ct_slices, pet_slices
from tests.reading.conftest import World
from tests.reading.viewer.conftest import Opener
from tests.reading.viewer.test_views import BALL, CHEST, CT, LUGANO, PET, STAGE, cell, choose, cleared, screen, shows
from tests.support.browser import PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

EDGES = ("left", "right", "top", "bottom")
FLIPPED, LEANING = (-1, 0, 0, 0, 1, 0), (math.cos(math.radians(30)), math.sin(math.radians(30)), 0, 0, 0, -1)
TABLETS = ((1024, 768), (820, 1180))
#: Words of a viewport that lie over each other; what no finger can hit; letters that it would hit instead of a picture.
OVERLAPS = """() => [...document.querySelectorAll("[data-view]")].flatMap((view) => {
  const words = [...view.querySelectorAll("[data-side], .px-mark-tl, .px-mark-tr, .px-mark-bl, .px-mark-br")];
  const seen = words.map((each) => [each.textContent, each.getBoundingClientRect()]).filter(([, box]) => box.width);
  return seen.flatMap(([text, a], n) => seen.slice(n + 1)
    .filter(([, b]) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
    .map(([other]) => `${text} / ${other}`));
})"""
SMALL = """() => [...document.querySelectorAll(".px-read :is(button, select, a, summary, input:not([type=hidden]))")]
  .filter((each) => each.checkVisibility() && getComputedStyle(each).clipPath === "none")
  .map((each) => [each, (each.matches("[type=radio], [type=checkbox]") && each.closest("label") || each)])
  .map(([each, hit]) => [each.outerHTML.slice(0, 120), hit.getBoundingClientRect()])
  .filter(([, box]) => box.width && (Math.round(box.height) < 40 || Math.round(box.width) < 40))
  .map(([what, box]) => `${what} ${Math.round(box.width)} × ${Math.round(box.height)}`)"""
IN_THE_WAY = """() => [...document.querySelectorAll("[data-view]:not([hidden]) [data-side]")].filter((each) => {
  const box = each.getBoundingClientRect();
  return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest("[data-side]");
}).length"""


def lies(page: Page, place: int, sides: str, words: str) -> None:
    """See the letters at the edges of a viewport (left, right, top, bottom), and what is said of them."""
    for edge, letters in zip(EDGES, sides.split() or [""] * 4, strict=True):
        expect(cell(page, place).locator(f'[data-side="{edge}"]')).to_have_text(letters)
    expect(cell(page, place)).to_have_accessible_description(words)


def open_series(page: Page, orientation: tuple[float, ...] | None) -> None:
    """Show the series that was taken in a direction; None: the one that tells none."""
    told = page.evaluate(f"{STAGE}.manifest.timepoints[0].series.map((each) => each.orientation)")
    wanted = None if orientation is None else pytest.approx(orientation, abs=1e-3)
    page.locator("[data-series]").select_option(value=str(told.index(wanted)))


def flipped() -> Iterator[Dataset]:
    """The CT with its columns stored from the patient's left to the right."""
    for one in ct_slices("2.25.5"):
        one.PixelData = one.pixel_array[:, ::-1].tobytes()
        one.ImageOrientationPatient = list(FLIPPED)
        one.ImagePositionPatient = [-one.ImagePositionPatient[0], *one.ImagePositionPatient[1:]]
        yield one


def leaning() -> Iterator[Dataset]:
    """Slices that stand upright, between coronal and sagittal, from the front backwards."""
    right, into = LEANING[:2], (-LEANING[1], LEANING[0])
    half = (CT_BOX.columns - 1) / 2 * CT_BOX.pixel_mm
    for n, one in enumerate(ct_slices("2.25.5")):
        away = (n - CT_BOX.slices / 2) * CT_BOX.slice_mm
        one.ImageOrientationPatient = [round(each, 6) for each in LEANING]
        one.ImagePositionPatient = [round(-half * a + away * b, 3) for a, b in zip(right, into, strict=True)] + [half]
        yield one


def test_letters_tell_how_the_patient_lies_in_each_picture(world: World, opened: Opener) -> None:
    timepoint = world.timepoint("BL", world.enrol())
    for made in (ct_slices("2.25.5"), flipped(), leaning(), cine()):
        archived(timepoint, world.site, CHEST, made)
    cleared(timepoint)

    with opened(world.task("BL", 1)) as page:
        open_series(page, (1, 0, 0, 0, 1, 0))
        axial = "Left edge: right of the patient. Top edge: front of the patient."
        lies(page, 1, "R L A P", axial)
        page.get_by_role("button", name="Nearer").click()
        lies(page, 1, "R L A P", axial)
        for plane, sides, words in (
            ("Coronal", "R L H F", "Left edge: right of the patient. Top edge: head of the patient."),
            ("Sagittal", "A P H F", "Left edge: front of the patient. Top edge: head of the patient."),
            ("Axial", "R L A P", axial),
            ("As acquired", "R L A P", axial),
        ):
            choose(page, "Plane", plane)
            lies(page, 1, sides, words)

        # Stored the other way round, the ball in the patient's left lies on the picture's left.
        open_series(page, FLIPPED)
        lies(page, 1, "L R A P", "Left edge: left of the patient. Top edge: front of the patient.")
        box = cell(page, 1).bounding_box()
        assert box
        assert screen(page, 1, BALL)[0] < box["x"] + box["width"] / 2

        open_series(page, LEANING)
        lies(page, 1, "RA LP H F", "Left edge: right and front of the patient. Top edge: head of the patient.")
        open_series(page, None)
        lies(page, 1, "", "")


def test_a_read_fits_a_tablet_and_a_phone_and_can_be_done_by_finger(world: World, opened: Opener) -> None:
    world.amend(**{name: LUGANO[name] for name in ("modalities", "series", "window_presets", "hanging")})
    timepoint = world.timepoint("BL", world.enrol())
    archived(timepoint, world.site, CT, ct_slices("2.25.5"))
    archived(timepoint, world.site, PET, pet_slices("2.25.5"))
    cleared(timepoint)
    with opened(world.task("BL", 1)) as page:
        shows(page, 1, 16)
        for place, sides in ((1, "R L A P"), (2, "R L A P"), (3, "R L A P"), (4, "R L H F")):
            for edge, letters in zip(EDGES, sides.split(), strict=True):
                expect(cell(page, place).locator(f'[data-side="{edge}"]')).to_have_text(letters)
        page.get_by_role("button", name="Add target").click()
        fingers = page.context.new_cdp_session(page)
        fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
        for width, height in (*TABLETS, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate(SMALL) == [], (width, height)
            assert page.evaluate(OVERLAPS) == [], (width, height)
            assert page.evaluate(IN_THE_WAY) == 0
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (width, height)
