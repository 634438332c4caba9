"""A subject of the phantom in the archive, and a reader's hand that draws where its lesions truly are."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pydicom
from playwright.sync_api import Locator, Page, expect

from compliance import storage
from imaging.dicom.geometry import Plane, plane_of
from imaging.models import Instance
from imaging.phantom.canvas import Grid
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import Lesion, PhantomSubject
from tests.reading.conftest import World
from tests.reading.viewer.conftest import drag, stage

#: Coarse, so that three scans are made in a moment; the slices reach from the lungs' tips into the liver.
GRID = Grid(rows=128, slices=41, top_mm=65.0)


class Scanned:
    """A scan of the phantom at a timepoint, ready to be read."""

    def __init__(self, world: World, phantom: PhantomSubject, code: str, order: int) -> None:
        self.phantom, self.order = phantom, order
        self.planes: list[Plane] = []
        world.clear(code, slices=GRID.slices)
        rows = Instance.objects.filter(series__imaging_study__timepoint=world.timepoint(code)).order_by("number")
        scan = ct_series(phantom, order, study_date=dt.date(2026, 1, 1), grid=GRID)
        for row, dataset in zip(rows, reversed(list(scan)), strict=True):
            self.planes.append(self._replace(row, dataset))

    def _replace(self, row: Instance, dataset: pydicom.Dataset) -> Plane:
        """Put a slice of the phantom, from feet to head, where a plain picture was."""
        plane, file, key = plane_of(dataset), io.BytesIO(), f"{row.archive_key}.phantom"
        assert plane
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
        sha256 = storage.put(storage.ARCHIVE, key, file.getvalue())
        Instance.objects.filter(pk=row.pk).update(
            archive_key=key, sha256=sha256, rows=plane.rows, columns=plane.columns, position_mm=plane.offset_mm
        )
        return plane

    def slice_of(self, lesion: Lesion) -> int:
        """The slice on which a lesion is largest, from 1."""
        depth = self.phantom.lesion_centre_mm(lesion, self.order)[2]
        return int(np.argmin([abs(plane.position[2] - depth) for plane in self.planes])) + 1

    def ends(self, lesion: Lesion) -> list[tuple[float, float]]:
        """The ends of its longest diameter and of its short axis, and its centre: column and row."""
        plane = self.planes[self.slice_of(lesion) - 1]
        centre = np.asarray(self.phantom.lesion_centre_mm(lesion, self.order))
        along = np.array([np.cos(lesion.turn), np.sin(lesion.turn), 0])
        across = np.array([-along[1], along[0], 0])
        long, short = lesion.diameters_mm[self.order]
        places = [centre - along * long / 2, centre + along * long / 2]
        places += [centre - across * short / 2, centre + across * short / 2, centre]
        return [(float(column), float(row)) for column, row in plane.to_pixels(places)]


def present(page: Page) -> Locator:
    """The viewport of the present timepoint."""
    return page.locator("[data-view]:visible").last


def to_slice(page: Page, n: int) -> None:
    """Go there by keys."""
    present(page).focus()
    page.keyboard.press("Home")
    for key, times in zip(("PageDown", "ArrowDown"), divmod(n - 1, 10), strict=True):
        for _ in range(times):
            page.keyboard.press(key)
    expect(present(page)).to_have_attribute("data-slice", str(n))
    expect(present(page)).not_to_have_attribute("data-waiting", "")


def on_screen(page: Page, place: tuple[float, float]) -> tuple[float, float]:
    """Where a pixel (column and row, its centre) of the present timepoint lies on the screen."""
    box = present(page).locator("[data-picture]").bounding_box()
    assert box
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    return left + (place[0] + 0.5) * side / GRID.rows, top + (place[1] + 0.5) * side / GRID.rows


def draw_diameter(page: Page, row: Locator, ends: list[tuple[float, float]]) -> None:
    """Measure a lesion's longest diameter with the mouse; its tool is in hand."""
    expect(stage(page).locator('[data-tool="bidirectional"]')).to_have_attribute("aria-pressed", "true")
    drag(page, on_screen(page, ends[0]), on_screen(page, ends[1]))
    expect(row.locator('[name$="-mark"]')).not_to_have_value("")
    expect(row.locator('[name$="-diameter_mm"]')).not_to_have_value("")
