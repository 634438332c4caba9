"""What a reader saw when a mark was drawn, shown to an auditor and to an adjudicator in the same viewport again.

The images are a phantom's, so that the marks lie on a lesion of known size; pictures of docs/viewer.md are taken here.
"""

from __future__ import annotations

import datetime as dt
import io
import math
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from compliance import storage
from compliance.models import User
from imaging.models import Instance
from imaging.phantom.canvas import Grid
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from reading import blinding
from reading.models import Adjudication
from reading.services.assessing import open_task
from reading.services.entries import AssessmentEntry, LesionEntry, MarkEntry
from reading.services.marking import put_mark
from tests.reading.conftest import AT, World, follow_up
from tests.reading.viewer.conftest import Opener, stage
from tests.support.pictures import take
from trials.models import Role, Subject, Timepoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

TOLD = "document.querySelector('[data-stack]').stage.view()"
PHANTOM = PhantomSubject.with_scenario(12, "growing")
LESION = PHANTOM.lesions[0]
GRID = Grid(rows=160, slices=12, top_mm=72)
#: Slices are counted from the feet; the lesion's centre lies on this one.
SLICE = min(range(GRID.slices), key=lambda n: abs(GRID.z_mm[n] - LESION.centre_mm[2])) + 1
LONG, SHORT = LESION.diameters_mm[0]


def scanned(world: World, code: str) -> None:
    """Receive and clear a scan of the phantom."""
    world.clear(code, slices=GRID.slices)
    put_phantom(world.timepoint(code))


def put_phantom(timepoint: Timepoint) -> None:
    """Put the phantom's pictures in place of those of a timepoint."""
    pictures = Instance.objects.filter(series__imaging_study__timepoint=timepoint).order_by("number")
    scan = sorted(ct_series(PHANTOM, 0, study_date=dt.date(2026, 1, 5), grid=GRID), key=lambda one: one.SliceLocation)
    for picture, dataset in zip(pictures, scan, strict=True):
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        key = f"{picture.archive_key}.phantom"
        sha256 = storage.put(storage.ARCHIVE, key, buffer.getvalue())
        Instance.objects.filter(pk=picture.pk).update(
            archive_key=key, sha256=sha256, rows=GRID.rows, columns=GRID.rows, position_mm=dataset.SliceLocation
        )


def drawn(world: World, slot: int, view: dict[str, Any], long: float = LONG) -> None:
    """Let a reader draw both axes of the lesion, having looked at it as `view` says, and sign what they measure."""
    task = world.task("BL", slot)
    open_task(task=task, actor=task.reader, at=AT)
    picture = blinding.blinded_task(task).series[0].slices[SLICE - 1]
    (x, y, _), z = LESION.centre_mm, float(GRID.z_mm[SLICE - 1])
    ends = [(size / 2 * sign, turn) for size, turn in ((long, 0), (SHORT, math.pi / 2)) for sign in (-1, 1)]
    points = tuple(
        (x + away * math.cos(LESION.turn + turn), y + away * math.sin(LESION.turn + turn), z) for away, turn in ends
    )
    entry = MarkEntry("bidirectional", picture.instance_key, picture.frame, points, view, "viewer 1.0")
    put = put_mark(task=task, key=uuid4(), expected=None, entry=entry, actor=task.reader, at=AT)
    target = LesionEntry(None, "target", "LUNG", state="MEASURED", mark=put.mark.key)
    world.read("BL", slot, AssessmentEntry(version=0, lesions=(target,)))


@pytest.fixture
def auditor(world: World) -> User:
    return world.join("auditor", Role.AUDITOR)


def test_an_auditor_sees_the_viewport_that_the_reader_had(
    world: World, subject: Subject, auditor: User, visited: Opener, opened: Opener
) -> None:
    scanned(world, "BL")
    task = world.task("BL", 1)
    with opened(task) as page:
        page.locator("[data-view]:visible").focus()
        for key in ("2", "+", "+", "Shift+ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
        expect(stage(page)).to_have_attribute("data-slice", str(SLICE))
        saw = page.evaluate(TOLD)
    assert (saw["slice"], saw["preset"], saw["zoom"]) == (SLICE, "Lung", 1.5625)
    assert saw["pan"] != [0, 0]
    drawn(world, 1, saw)

    with visited(auditor, f"/reading/replays/{task.blinded_code}/") as page:
        for key in ("3", "-", "Home"):
            page.keyboard.press(key)
        expect(stage(page)).to_have_attribute("data-slice", "1")
        page.get_by_role("button", name=f"Show what the reader saw: T01, slice {SLICE}").click()
        expect(page.locator("[data-seen]")).to_contain_text(f"As the reader saw it: slice {SLICE}")
        assert page.evaluate(TOLD) == saw
        expect(page.locator("[data-view]:visible svg").first).to_contain_text(f"{LONG} × {SHORT} mm")
        take(page, "viewer", "replay")


def test_an_adjudicator_sees_each_sides_marks_on_its_own_side(world: World, subject: Subject, visited: Opener) -> None:
    scanned(world, "BL")
    sizes, zooms = {1: LONG, 2: LONG - 4}, {1: 1.5, 2: 3.0}
    for slot in (1, 2):
        view = {"preset": "Lung", "window": [-600, 1500], "zoom": zooms[slot], "pan": [20, 0], "inverted": False}
        drawn(world, slot, view | {"slice": SLICE, "layout": "1x1", "timepoints": [0], "plane": "stack"}, sizes[slot])
    for code in ("W8", "W16"):
        world.clear(code)
        world.read_by_both(code, follow_up(32, nontarget=""), follow_up(60, nontarget=""))
    case = Adjudication.objects.get()

    with visited(case.adjudicator, f"/reading/adjudications/{case.blinded_code}/") as page:
        sides = page.locator(".px-side")
        shown = (case.left_slot, 3 - case.left_slot)
        for place, slot in enumerate(shown):
            side, other = sides.nth(place), sides.nth(1 - place)
            side.get_by_role("button", name="T01 at Timepoint 1 as its reader saw it").click()
            expect(side.locator("[data-view]")).to_have_attribute("data-slice", str(SLICE))
            expect(other.locator("[data-view]")).to_have_attribute("data-slice", str(SLICE))
            expect(side.locator("[data-view] svg").first).to_contain_text(f"{sizes[slot]:.1f} × {SHORT} mm")
            expect(side.locator("[data-view] svg").first).not_to_contain_text(f"{sizes[shown[1 - place]]:.1f} ×")
            zoom = "(n) => document.querySelector('[data-stack]').stage.views[n].view.standing.zoom"
            assert page.evaluate(zoom, place) == zooms[slot]
        expect(page.locator("#cause")).to_have_count(0)
        take(page, "viewer", "adjudication")
