"""Assigning: who reads a subject, and which of the reader's tasks may be opened."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance
from reading import blinding, selectors
from reading.assignment import drawn_order
from reading.models import Handover, ReadTask
from reading.services.drawing import readers_drawn
from reading.states import REAL_TIME, ReadState
from trials.models import ImagingCharter, Subject, Timepoint
from trials.states import QcState, ReadingState, TrialState


class NoCharter(HouseError):
    """The trial has no charter in force, so nobody knows how to read."""

    code = "no_charter"
    status = 409


def open_reads(*, timepoint: Timepoint, at: dt.datetime) -> tuple[ReadTask, ...]:
    """Give a cleared timepoint to the subject's readers; calling again changes nothing.

    The subject's readers are drawn by the trial's seed, from pools, in pairs and evenly where the charter says so;
    what the draw knew is kept, so that it replays, and the subject keeps its readers. A task waits until the reader
    has signed the timepoints before it. Other cleared timepoints of the subject that were held up are opened too.

    Returns
    -------
    tuple of ReadTask
        The subject's tasks, by timepoint and place in the pair; empty while no baseline scan can come.

    Raises
    ------
    reading.assignment.NotEnoughReaders
        The trial has too few readers for the subject; nothing is opened.
    NoCharter
    """
    with transaction.atomic():
        subject = locked(timepoint.subject_id)
        if subject.trial.state != TrialState.LOCKED:
            _open_cleared(subject, at)
            release_waiting(subject, at)
    return tuple(ReadTask.objects.filter(timepoint__subject=subject).order_by("order", "slot"))


def resume(subject: Subject, at: dt.datetime) -> None:
    """Go on with a locked subject after a read was opened again: what had come too late is given out."""
    _open_cleared(subject, at)
    release_waiting(subject, at)


def locked(subject_id: int) -> Subject:
    """Lock a subject's row: whatever changes the standing of a subject's reads goes one after the other."""
    return Subject.objects.select_for_update().select_related(None).get(pk=subject_id)


def _open_cleared(subject: Subject, at: dt.datetime) -> None:
    cleared = subject.timepoints.filter(qc_state=QcState.CLEARED, reading_state=ReadingState.NOT_READY)
    ready = [t for t in cleared.order_by("order") if selectors.is_readable(t) and not selectors.is_too_late(t)]
    if not ready:
        return
    charter = selectors.reading_charter(subject)
    if charter is None:
        raise NoCharter(f"Trial {subject.trial.code} has no charter in force, so no read can be opened. Sign one.")
    readers = _readers_of(subject, charter, at)
    for timepoint in ready:
        for slot, reader in enumerate(readers, start=1):
            make_task(timepoint, slot, reader, charter, at)
        advance(timepoint, "open", field="reading_state", actor=None, at=at)


def _readers_of(subject: Subject, charter: ImagingCharter, at: dt.datetime) -> list[User]:
    """The subject's readers by place: those it has, else drawn."""
    has = ReadTask.objects.filter(timepoint__subject=subject).select_related("reader").order_by("slot", "order")
    given = {task.slot: task.reader for task in has}
    if given:
        return [given[slot] for slot in sorted(given)]
    return readers_drawn(subject, charter, at)


def replan(*, subject: Subject, at: dt.datetime) -> int:
    """Let a subject's reads go by the version of the charter that its timepoints go by; return how many changed hands.

    A signed read is bound to its version, and a subject is read by one version throughout: with one read signed, all
    stay as they are.
    """
    changed = 0
    with transaction.atomic():
        subject = locked(subject.pk)
        tasks = ReadTask.objects.filter(timepoint__subject=subject).select_related("timepoint__charter", "charter")
        if not tasks.filter(state__in=selectors.SIGNED).exists():
            for task in tasks.exclude(state=ReadState.WITHDRAWN).order_by("blinded_code"):
                if task.charter_id != task.timepoint.charter_id:
                    task.charter = task.timepoint.charter
                    place = place_named(subject, task.slot, of=task.slot)
                    task.case_code = blinding.case_code_of(task.timepoint, place, task.charter)
                    audit.save(task, action="readtask.replanned", actor=None, at=at)
                    changed += 1
    return changed


def place_named(subject: Subject, slot: int, *, of: int) -> str:
    """Return what a reader's name of a subject is made from: another one for each reader who had the place `of`.

    `slot` is that of the tasks: the place itself, or that of its re-reads.
    """
    before = Handover.objects.filter(subject=subject, slot=of).count()
    return f"reader {slot} after {before}" if before else f"reader {slot}"


def make_task(timepoint: Timepoint, slot: int, reader: User, charter: ImagingCharter, at: dt.datetime) -> None:
    """Give a reader the task to read a timepoint; it waits until `release_waiting` opens it."""
    task = ReadTask(
        timepoint=timepoint,
        reader=reader,
        slot=slot,
        charter=charter,
        blinded_code=blinding.read_code(timepoint, slot),
        case_code=blinding.case_code_of(timepoint, place_named(timepoint.subject, slot, of=slot), charter),
        order=timepoint.order,
        created_at=at,
    )
    audit.save(task, action="readtask.assigned", actor=None, at=at)


def release_waiting(subject: Subject, at: dt.datetime) -> None:
    """Open to each reader the next timepoint in the charter's order that is not signed yet.

    One after the other: once the scans before it are in or will not come. Where the charter reads a case as a batch,
    nothing before all are in.
    """
    charter = selectors.reading_charter(subject)
    if charter is None or not selectors.may_begin(subject, charter):
        return
    timepoints = list(subject.timepoints.select_related("subject").order_by("order"))
    in_order = ReadTask.every.filter(timepoint__subject=subject).exclude(purpose__in=REAL_TIME)
    tasks = {(t.slot, t.timepoint_id): t for t in in_order}
    for slot in sorted({slot for slot, _ in tasks}):
        for timepoint in _in_order(timepoints, slot, charter):
            task = tasks.get((slot, timepoint.pk))
            if selectors.is_absent(timepoint) or (task is None and charter.terms.reads.by_itself):
                continue
            if task is not None and task.state in selectors.SIGNED:
                continue
            if task is not None and task.state == ReadState.WAITING:
                advance(task, "release", actor=None, at=at)
            break


def _in_order(timepoints: list[Timepoint], slot: int, charter: ImagingCharter) -> list[Timepoint]:
    if not timepoints or not charter.terms.reads.by_itself:
        return timepoints
    subject, by_code = timepoints[0].subject, {timepoint.code: timepoint for timepoint in timepoints}
    return [by_code[code] for code in drawn_order(subject.code, slot, list(by_code), subject.trial.seed)]
