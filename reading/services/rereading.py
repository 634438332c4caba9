"""Reading again: a reader gets a case a second time after a wash-out, and nothing tells that it is not a new one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db import transaction

from compliance import audit
from compliance.models import User
from reading import blinding, selectors
from reading.assignment import CaseRef, reread_after_days
from reading.models import ReadTask
from reading.services.assigning import locked, place_named, release_waiting
from reading.services.drawing import references
from trials.models import Role, Subject, Trial
from trials.selectors import members_with
from trials.states import QcState, TrialState

#: Slots of re-reads lie so far above those of the reads that they repeat.
REREAD_SLOTS = 10


def open_rereads(*, trial: Trial, at: dt.datetime) -> tuple[ReadTask, ...]:
    """Give to readers again what the trial's seed has drawn and whose day has come; calling again changes nothing.

    A subject comes again when all its timepoints were signed by all, to a reader who still reads in the trial and was
    not excluded from it meanwhile, with every timepoint that this reader had and by the same version of the charter.
    """
    if trial.state != TrialState.RUNNING or not _asked_for(trial):
        return ()
    opened: list[ReadTask] = []
    readers = set(members_with(trial, Role.READER))
    for subject in trial.subjects.order_by("code"):
        with transaction.atomic():
            subject = locked(subject.pk)
            for tasks in _due(subject, at):
                if tasks[0].reader in readers and not _is_excluded(tasks[0].reader, subject):
                    opened += [_again(task, at) for task in tasks]
            release_waiting(subject, at)
    return tuple(opened)


def _is_excluded(reader: User, subject: Subject) -> bool:
    """Whether the reader has been excluded from the subject since it was drawn."""
    (known,) = references(subject.trial, [reader])
    return not known.may_read(CaseRef(subject.code, subject.site.code))


def _asked_for(trial: Trial) -> bool:
    """Whether any version of the charter that reads were made under asks for re-reads."""
    versions = (charter.terms.rereads.percent for charter in trial.charters.exclude(signed_at=None))
    return any(versions)


def _due(subject: Subject, at: dt.datetime) -> Iterator[list[ReadTask]]:
    signed = ReadTask.objects.filter(timepoint__subject=subject, state__in=selectors.SIGNED)
    tasks = list(signed.select_related("timepoint__subject__trial", "charter", "reader").order_by("slot", "order"))
    if not tasks or subject.is_read_no_further or subject.is_frozen_anywhere or not selectors.is_fully_read(subject):
        return
    if any(task.timepoint.qc_state != QcState.CLEARED for task in tasks):
        return
    had = set(ReadTask.every.filter(timepoint__subject=subject, reread=True).values_list("slot", flat=True))
    terms = tasks[0].charter.terms.rereads
    for slot in sorted({task.slot for task in tasks}):
        own = [task for task in tasks if task.slot == slot]
        days = reread_after_days(
            subject.code,
            slot,
            subject.trial.seed,
            percent=terms.percent or 0,
            washout=terms.washout,
            spread=terms.spread,
        )
        last = max(task.submitted_at for task in own if task.submitted_at)
        if slot + REREAD_SLOTS not in had and days is not None and last + dt.timedelta(days=days) <= at:
            yield own


def _again(first: ReadTask, at: dt.datetime) -> ReadTask:
    slot = first.slot + REREAD_SLOTS
    task = ReadTask(
        timepoint=first.timepoint,
        reader=first.reader,
        slot=slot,
        charter=first.charter,
        blinded_code=blinding.read_code(first.timepoint, slot),
        case_code=blinding.case_code_of(
            first.timepoint, place_named(first.timepoint.subject, slot, of=first.slot), first.charter
        ),
        order=first.order,
        reread=True,
        created_at=at,
    )
    return audit.save(task, action="readtask.assigned", actor=None, at=at)
