"""Who reads a subject, and when a task may be opened."""

from __future__ import annotations

import pytest

from compliance import access, jobs
from compliance.models import AuditEvent, Job
from imaging.signals import timepoint_cleared
from reading import selectors
from reading.assignment import NotEnoughReaders
from reading.blinding import NotOpen
from reading.models import ReadTask
from reading.services.assessing import open_task
from reading.services.assigning import open_reads
from reading.tasks import sweep_reads
from tests.reading.conftest import AT, World, baseline, follow_up
from trials.models import Role, Subject, Timepoint
from trials.services import enrolling, setting_up
from trials.states import QcState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-002")]


def states(subject: Subject) -> dict[tuple[str, int], str]:
    tasks = ReadTask.objects.filter(timepoint__subject=subject)
    return {(t.timepoint.code, t.slot): t.state for t in tasks.select_related("timepoint")}


@pytest.mark.requirement("REQ-REA-001")
def test_a_cleared_baseline_is_given_to_two_different_readers(world: World, subject: Subject) -> None:
    world.clear("BL")

    assert states(subject) == {("BL", 1): "assigned", ("BL", 2): "assigned"}
    assert world.task("BL", 1).reader != world.task("BL", 2).reader
    assert world.timepoint("BL").reading_state == "open"


def test_the_news_of_a_cleared_timepoint_opens_its_reads(world: World, subject: Subject) -> None:
    timepoint = world.timepoint("BL")
    world.receive(timepoint)
    Timepoint.objects.filter(pk=timepoint.pk).update(qc_state=QcState.CLEARED)

    timepoint_cleared.send(sender=Timepoint, timepoint=timepoint, at=AT)
    jobs.drain()

    assert states(subject) == {("BL", 1): "assigned", ("BL", 2): "assigned"}


def test_lost_news_is_made_up_for_by_the_sweep(world: World, subject: Subject) -> None:
    timepoint = world.timepoint("BL")
    world.receive(timepoint)
    Timepoint.objects.filter(pk=timepoint.pk).update(qc_state=QcState.CLEARED)

    sweep_reads()
    jobs.drain()

    assert states(subject) == {("BL", 1): "assigned", ("BL", 2): "assigned"}


def test_opening_reads_twice_changes_nothing(world: World, subject: Subject) -> None:
    timepoint = world.clear("BL")
    before = AuditEvent.objects.count()

    open_reads(timepoint=timepoint, at=AT)

    assert ReadTask.objects.count() == 2
    assert AuditEvent.objects.count() == before


def test_a_later_timepoint_waits_until_the_same_reader_signed_the_earlier(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.clear("W8")
    assert states(subject)["W8", 1] == states(subject)["W8", 2] == "waiting"

    world.read("BL", 1, baseline(30))

    assert states(subject) == {
        ("BL", 1): "submitted",
        ("BL", 2): "assigned",
        ("W8", 1): "assigned",
        ("W8", 2): "waiting",
    }


def test_a_waiting_task_cannot_be_opened_and_is_on_no_list(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.clear("W8")
    task = world.task("W8", 1)

    with pytest.raises(NotOpen):
        open_task(task=task, actor=task.reader, at=AT)

    assert list(selectors.tasks_of(task.reader)) == [world.task("BL", 1)]


def test_another_readers_task_cannot_be_opened(world: World, subject: Subject) -> None:
    world.clear("BL")

    with pytest.raises(access.AccessDenied):
        open_task(task=world.task("BL", 1), actor=world.task("BL", 2).reader, at=AT)


def test_a_scan_that_came_before_its_predecessor_waits_for_it(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.read_by_both("BL", baseline(30))

    world.clear("W16")
    assert states(subject)["W16", 1] == "waiting"

    world.clear("W8")
    world.read_by_both("W8", follow_up(29))
    assert states(subject)["W16", 1] == "assigned"


def test_a_missed_visit_is_waited_for_no_longer(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.read_by_both("BL", baseline(30))
    world.clear("W16")

    enrolling.mark_missed(timepoint=world.timepoint("W8"), reason="Did not come", actor=world.coordinator, at=AT)
    jobs.drain()

    assert states(subject)["W16", 1] == states(subject)["W16", 2] == "assigned"


def test_a_scan_marked_missed_that_comes_after_a_later_one_was_signed_is_not_read(
    world: World, subject: Subject
) -> None:
    world.clear("BL")
    world.read_by_both("BL", baseline(30))
    enrolling.mark_missed(timepoint=world.timepoint("W8"), reason="Did not come", actor=world.coordinator, at=AT)
    world.clear("W16")
    world.read("W16", 1, follow_up(30))

    late = world.clear("W8")

    assert selectors.is_too_late(late)
    assert ("W8", 1) not in states(subject)


def test_without_a_baseline_scan_nothing_is_read(world: World, subject: Subject) -> None:
    enrolling.mark_missed(timepoint=world.timepoint("BL"), reason="Scanner broke", actor=world.coordinator, at=AT)

    world.clear("W8")

    assert states(subject) == {}


def test_images_back_with_quality_control_close_the_read(world: World, subject: Subject) -> None:
    world.clear("BL")
    Timepoint.objects.filter(pk=world.timepoint("BL").pk).update(qc_state=QcState.AWAITING)
    task = world.task("BL", 1)

    with pytest.raises(NotOpen):
        open_task(task=task, actor=task.reader, at=AT)

    assert not selectors.reads_open_for(task.reader).exists()


def test_too_few_readers_hold_a_timepoint_up_until_one_joins(world: World, subject: Subject) -> None:
    membership = world.trial.memberships.get(user=world.people["reader-b"])
    setting_up.end_membership(membership=membership, reason="Left", actor=world.admin, at=AT)
    with pytest.raises(NotEnoughReaders):
        world.clear("BL")
    assert selectors.held_up_for_readers(world.trial) == [world.timepoint("BL")]

    sweep_reads()
    jobs.drain()
    again = Job.objects.get(kind="reading.open_reads", state=Job.State.QUEUED)
    assert again.not_before > again.created_at

    world.join("reader-c", Role.READER)
    sweep_reads()
    Job.objects.update(not_before=AT)
    jobs.drain()
    assert states(subject) == {("BL", 1): "assigned", ("BL", 2): "assigned"}


def test_a_readers_own_sites_subjects_go_to_others(world: World, subject: Subject) -> None:
    world.join("reader-c", Role.READER)
    insider = world.people["reader-a"]
    setting_up.grant_membership(
        trial=world.trial, user=insider, role=Role.SITE_COORDINATOR, site=world.site, actor=world.admin, at=AT
    )

    world.clear("BL")

    assert {world.task("BL", slot).reader.username for slot in (1, 2)} == {"reader-b", "reader-c"}


@pytest.mark.requirement("REQ-REA-001")
def test_the_draw_depends_on_seed_and_subject_alone(world: World) -> None:
    """Whatever is opened first, a subject has the same readers, places and codes."""
    for name in "cdef":
        world.join(f"reader-{name}", Role.READER)
    codes = ["S-01", "S-02", "S-03", "S-04"]
    subjects = {code: world.enrol(code) for code in codes}
    for code in reversed(codes):
        world.clear("BL", subjects[code])
    drawn = {}
    for code, subject in subjects.items():
        tasks = [world.task("BL", slot, subject) for slot in (1, 2)]
        drawn[code] = [(task.reader.username, task.case_code, task.blinded_code) for task in tasks]

    # Computed once from the seed and the key of this test; a change here changes who reads in a running trial.
    assert drawn == {
        "S-01": [
            ("reader-e", "C-NX9ENT", "R-2CCCDA"),
            ("reader-c", "C-44B6ME", "R-872W1C"),
        ],
        "S-02": [
            ("reader-c", "C-FWD2TS", "R-PYANHY"),
            ("reader-a", "C-GN188D", "R-YJRWVQ"),
        ],
        "S-03": [
            ("reader-d", "C-CRR9DB", "R-71PQTW"),
            ("reader-e", "C-H19AAP", "R-Z6ZK8E"),
        ],
        "S-04": [
            ("reader-e", "C-KD2R3K", "R-925WFV"),
            ("reader-d", "C-PHD9J0", "R-60MQPJ"),
        ],
    }
