"""A reader's own mark and that of the reference over the same picture, once the case is signed."""

from __future__ import annotations

import math
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from compliance.models import User
from compliance.signing import Intent
from reading import blinding
from reading.models import ReadTask
from reading.services import cases, qualifying
from reading.services.assessing import open_task, submit_read
from reading.services.entries import AssessmentEntry, LesionEntry, MarkEntry
from reading.services.marking import put_mark
from tests.reading.conftest import AT, PASSWORD, World
from tests.reading.viewer.conftest import Opener, stage
from tests.reading.viewer.test_replay import GRID, LESION, LONG, SHORT, SLICE, put_phantom
from tests.support.pictures import take
from trials.models import Role, Timepoint
from trials.states import QcState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.requires_tool("chromium")]


def draw_and_sign(task: ReadTask, long: float) -> None:
    """Draw both axes of the lesion, the long one of this length, and sign what they measure."""
    open_task(task=task, actor=task.reader, at=AT)
    picture = blinding.blinded_task(task).series[0].slices[SLICE - 1]
    (x, y, _), z = LESION.centre_mm, float(GRID.z_mm[SLICE - 1])
    ends = [(size / 2 * sign, turn) for size, turn in ((long, 0), (SHORT, math.pi / 2)) for sign in (-1, 1)]
    points = tuple(
        (x + away * math.cos(LESION.turn + turn), y + away * math.sin(LESION.turn + turn), z) for away, turn in ends
    )
    entry = MarkEntry("bidirectional", picture.instance_key, picture.frame, points, {}, "viewer 1.0")
    put = put_mark(task=task, key=uuid4(), expected=None, entry=entry, actor=task.reader, at=AT)
    target = LesionEntry(None, "target", "LUNG", state="MEASURED", mark=put.mark.key)
    signed = AssessmentEntry(version=0, lesions=(target,))
    submit_read(task=task, entry=signed, signature=Intent(PASSWORD), actor=task.reader, at=AT)


@pytest.fixture
def signed(world: World) -> ReadTask:
    """A reader's signed read of a case, whose long axis is 4 mm shorter than the expert's."""
    world.amend(qualification={"statement": "I know RECIST 1.1, and how nodes are measured.", "test_cases": 1})
    manager = world.join("manager", Role.READING_MANAGER)
    site = {"site": world.site, "reference_date": AT.date()}
    case = cases.add_case(**site, code="CASE-1", kind="test", actor=manager, at=AT)
    timepoint = Timepoint.objects.get(subject=case.subject, code="BL")
    world.receive(timepoint, slices=GRID.slices)
    put_phantom(timepoint)
    Timepoint.objects.filter(pk=timepoint.pk).update(qc_state=QcState.CLEARED)
    reference = cases.ask_reference(case=case, expert=world.people["judge"], actor=manager, at=AT)
    draw_and_sign(reference.tasks().get(), LONG)
    reference.refresh_from_db()
    cases.approve_reference(reference=reference, signature=Intent(PASSWORD), actor=manager, at=AT)
    reader = User.objects.get(username="reader-a")
    attempt = qualifying.begin(trial=world.trial, signature=Intent(PASSWORD), actor=reader, at=AT)
    task = attempt.cases.get().tasks().get()
    draw_and_sign(task, LONG - 4)
    return ReadTask.every.select_related("reader").get(pk=task.pk)


def test_a_reader_sees_the_own_mark_and_the_references_on_one_picture(signed: ReadTask, visited: Opener) -> None:
    with visited(signed.reader, f"/reading/qualification/reads/{signed.blinded_code}/") as page:
        page.get_by_role("button", name=f"Show slice {SLICE}, reference, lesion T01").click()
        expect(stage(page)).to_have_attribute("data-slice", str(SLICE))
        drawn = page.locator("[data-view]:visible svg").first
        expect(drawn).to_contain_text(f"{LONG} × {SHORT} mm")
        expect(drawn).to_contain_text(f"{LONG - 4:.1f} × {SHORT} mm")
        expect(drawn).to_contain_text("Reference T01")
        expect(page.locator("#points tbody tr")).to_have_count(2)
        take(page, "reading", "reference")
