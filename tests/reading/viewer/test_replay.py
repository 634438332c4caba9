"""What a reader saw when a mark was drawn, shown to an auditor and to an adjudicator in the same viewport again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from compliance.models import User
from reading import blinding
from reading.models import Adjudication, ReadTask
from reading.services.assessing import open_task
from reading.services.entries import AssessmentEntry, LesionEntry, MarkEntry
from reading.services.marking import put_mark
from tests.reading.conftest import AT, World, follow_up
from tests.reading.viewer.conftest import SLICES, Opener, all_loaded, put_in_place, stage
from trials.models import Role, Subject

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]

TOLD = "document.querySelector('[data-stack]').stage.view()"
#: The square of every slice, 32 × 16 mm, measured from edge to edge: patient LPS, mm, with the slice's own height.
CROSS = ((-24.0, -8.0), (8.0, -8.0), (-8.0, -16.0), (-8.0, 0.0))


def draw(task: ReadTask, slice_number: int, view: dict[str, Any], wide: float = 0.0) -> Any:
    """Let the reader draw a long and a short axis on a slice, having looked at it as `view` says."""
    picture = blinding.blinded_task(task).series[0].slices[slice_number - 1]
    height = -30.0 + 5 * (slice_number - 1)
    points = tuple((x + (wide if x > 0 else 0), y, height) for x, y in CROSS)
    entry = MarkEntry("bidirectional", picture.instance_key, picture.frame, points, view, "viewer 1.0")
    return put_mark(task=task, key=uuid4(), expected=None, entry=entry, actor=task.reader, at=AT).mark.key


def measured(world: World, code: str, slot: int, entry: Any) -> ReadTask:
    """Open a read, draw, and sign what `entry` makes of it."""
    task = world.task(code, slot)
    open_task(task=task, actor=task.reader, at=AT)
    return world.read(code, slot, entry(task))


def baseline_of(key: Any) -> AssessmentEntry:
    target = LesionEntry(None, "target", "LIVER", state="MEASURED", mark=key)
    return AssessmentEntry(version=0, lesions=(target,))


@pytest.fixture
def auditor(world: World) -> User:
    return world.join("auditor", Role.AUDITOR)


def test_an_auditor_sees_the_viewport_that_the_reader_had(
    world: World, subject: Subject, auditor: User, visited: Opener, opened: Opener
) -> None:
    world.clear("BL", slices=SLICES)
    put_in_place(world, "BL")
    task = world.task("BL", 1)
    with opened(task) as page:
        page.locator("[data-view]:visible").focus()
        for key in ("2", "+", "+", "Shift+ArrowLeft", "ArrowDown", "ArrowDown", "ArrowDown"):
            page.keyboard.press(key)
        expect(stage(page)).to_have_attribute("data-slice", "9")
        saw = page.evaluate(TOLD)
    assert (saw["slice"], saw["zoom"]) == (9, 1.5625)
    measured(world, "BL", 1, lambda task: baseline_of(draw(task, 9, saw)))

    with visited(auditor, f"/reading/replays/{task.blinded_code}/") as page:
        assert page.evaluate(TOLD) != saw
        page.get_by_role("button", name="Show what the reader saw: T01, slice 9").click()
        expect(page.locator("[data-seen]")).to_contain_text("As the reader saw it: slice 9")
        assert page.evaluate(TOLD) == saw
        all_loaded(page)


def test_an_adjudicator_sees_each_sides_marks_on_its_own_side(world: World, subject: Subject, visited: Opener) -> None:
    view = {
        "preset": "Lung",
        "window": [-600, 1500],
        "zoom": 2.0,
        "pan": [4, 0],
        "inverted": False,
        "slice": 3,
        "layout": "1x1",
        "timepoints": [0],
        "plane": "stack",
    }
    world.clear("BL", slices=SLICES)
    put_in_place(world, "BL")
    for slot, slice_number in ((1, 3), (2, 5)):
        measured(world, "BL", slot, lambda task, n=slice_number: baseline_of(draw(task, n, view | {"slice": n})))
    for code in ("W8", "W16"):
        world.clear(code)
        world.read_by_both(code, follow_up(32, nontarget=""), follow_up(60, nontarget=""))
    case = Adjudication.objects.get()

    with visited(case.adjudicator, f"/reading/adjudications/{case.blinded_code}/") as page:
        left, right = page.locator(".px-side").nth(0), page.locator(".px-side").nth(1)
        slices = {1: 3, 2: 5}
        first, second = slices[case.left_slot], slices[3 - case.left_slot]
        left.get_by_role("button", name="T01 at Timepoint 1 as its reader saw it").click()
        for side in (left, right):
            expect(side.locator("[data-view]")).to_have_attribute("data-slice", str(first))
        expect(left.locator("svg g[data-annotation-uid]")).not_to_have_count(0)
        right.get_by_role("button", name="T01 at Timepoint 1 as its reader saw it").click()
        for side in (left, right):
            expect(side.locator("[data-view]")).to_have_attribute("data-slice", str(second))
