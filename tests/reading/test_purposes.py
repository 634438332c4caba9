"""Reads for another purpose than the endpoint: their reader works on them as on any, and no result knows of them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from compliance import access, audit, jobs
from compliance.signing import Intent
from reading import blinding, pages, pages_progress, selectors
from reading.exports.snapshot import snapshot
from reading.models import Lesion, ReadTask
from reading.services.assessing import open_task, submit_read
from reading.services.locking import lock_trial, readiness
from reading.services.measuring import variability_report
from reading.states import Purpose, ReadState
from reading.worklists import of_readers
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Subject

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-014")]

SLOT = 21
OTHER = [Purpose.ELIGIBILITY, Purpose.PROGRESSION, Purpose.QUALIFICATION]


@pytest.fixture
def subject(world: World) -> Subject:
    subject = world.enrol()
    world.clear("BL")
    return subject


def given(world: World, purpose: Purpose, code: str = "BL") -> ReadTask:
    """Give reader 1 a read of the timepoint for another purpose, beside the one for the endpoint."""
    timepoint, first = world.timepoint(code), world.task("BL", 1)
    task = ReadTask(
        timepoint=timepoint,
        reader=first.reader,
        slot=SLOT,
        charter=first.charter,
        blinded_code=blinding.read_code(timepoint, SLOT),
        case_code=blinding.case_code(timepoint.subject, f"reader {SLOT}"),
        order=timepoint.order,
        purpose=purpose,
        state=ReadState.ASSIGNED,
        created_at=AT,
    )
    return audit.save(task, action="readtask.assigned", actor=None, at=AT)


def signed(task: ReadTask) -> ReadTask:
    open_task(task=task, actor=task.reader, at=AT)
    submit_read(task=task, entry=baseline(44), signature=Intent(PASSWORD), actor=task.reader, at=AT)
    jobs.drain()
    return task


@pytest.mark.parametrize("purpose", [Purpose.ELIGIBILITY, Purpose.PROGRESSION])
def test_its_reader_finds_it_beside_the_other_reads(world: World, subject: Subject, purpose: Purpose) -> None:
    task = given(world, purpose)

    assert task in selectors.tasks_of(task.reader)
    assert task in selectors.reads_open_for(task.reader)
    assert task.blinded_code in {row.code for row in pages.worklist_of(task.reader).open}
    (waiting,) = of_readers(task.reader, None, AT)
    assert waiting.count == 2


@pytest.mark.parametrize("purpose", OTHER)
def test_its_page_opens_and_shows_its_pictures(
    client: Client, world: World, subject: Subject, purpose: Purpose
) -> None:
    world.receive(world.timepoint("BL"))
    world.clear("BL")
    task = given(world, purpose)
    client.force_login(task.reader)

    assert client.get(reverse("reading:task", args=[task.blinded_code])).status_code == 200
    (series, *_) = blinding.blinded_task(task).series
    address = reverse("reading:task_pixels", args=[task.blinded_code, series.key, 1])
    assert client.get(address).status_code == 200
    assert access.may(task.reader, "reading.read", task)


@pytest.mark.parametrize("purpose", OTHER)
def test_no_result_and_no_statistic_knows_of_it(world: World, subject: Subject, purpose: Purpose) -> None:
    for code, entry in (("BL", baseline(30, 20)), ("W8", follow_up(20, 12)), ("W16", follow_up(18, 10))):
        world.clear(code)
        world.read_by_both(code, entry)
    before = selectors.subject_result(subject), variability_report(world.trial)

    task = signed(given(world, purpose))

    assert selectors.subject_result(subject) == before[0]
    assert variability_report(world.trial) == before[1]
    assert {row.reader.username: row.total for row in pages_progress.workload(world.trial)} == {
        "reader-a": 3,
        "reader-b": 3,
    }
    trial = lock_trial(trial=world.trial, signature=Intent(PASSWORD), actor=world.admin, at=AT)
    assert task.blinded_code not in str(snapshot(trial))


def test_it_does_not_make_its_timepoint_read(world: World, subject: Subject) -> None:
    signed(given(world, Purpose.ELIGIBILITY))

    assert not selectors.is_read_by_all(world.timepoint("BL"))
    assert world.task("BL", 1).state == ReadState.ASSIGNED
    assert world.task("BL", 2).state == ReadState.ASSIGNED


def test_lesions_are_numbered_for_each_purpose_by_itself(world: World, subject: Subject) -> None:
    signed(given(world, Purpose.ELIGIBILITY))
    world.read("BL", 1, baseline(30, 20))

    own = Lesion.every.filter(reader=world.task("BL", 1).reader, subject=subject)
    assert [(one.purpose, one.label) for one in own.order_by("purpose", "number")] == [
        ("eligibility", "T01"),
        ("eligibility", "NT02"),
        ("endpoint", "T01"),
        ("endpoint", "T02"),
        ("endpoint", "NT03"),
    ]
    assert {one.purpose for one in Lesion.objects.all()} == {"endpoint"}


def test_a_read_on_a_clock_does_not_wait_for_earlier_timepoints(world: World, subject: Subject) -> None:
    world.clear("W8")
    task = given(world, Purpose.PROGRESSION, "W8")

    open_task(task=task, actor=task.reader, at=AT)

    assert task.state == ReadState.READING


def test_the_lock_locks_what_was_signed_for_another_purpose(world: World, subject: Subject) -> None:
    for code, entry in (("BL", baseline(30, 20)), ("W8", follow_up(20, 12)), ("W16", follow_up(18, 10))):
        world.clear(code)
        world.read_by_both(code, entry)
    task = signed(given(world, Purpose.QUALIFICATION))

    assert readiness(world.trial) == ()
    lock_trial(trial=world.trial, signature=Intent(PASSWORD), actor=world.admin, at=AT)

    task.refresh_from_db()
    assert task.state == ReadState.LOCKED
