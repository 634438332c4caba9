"""Whether a reader may work on a read now: it is open, its images are cleared, and no earlier timepoint waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from reading import blinding, derivation, selectors
from reading.models import ReadTask
from reading.selectors_qualification import is_open_to
from reading.states import REAL_TIME, ReadState
from trials.models import Timepoint
from trials.states import QcState


class ReadLocked(HouseError):
    """The read is signed: nothing is drawn in it any more."""

    code = "read_locked"
    status = 409


def locked_task(task: ReadTask) -> ReadTask:
    return (
        ReadTask.kept.select_for_update(of=("self",))
        .select_related("timepoint__subject__trial", "charter", "reader")
        .get(pk=task.pk)
    )


def require_qualified(task: ReadTask, at: dt.datetime) -> None:
    """Refuse work on a read of the trial to a reader who has not qualified, or whose qualification has run out."""
    if not is_open_to(task, at):
        raise blinding.NotOpen(
            f"Read {task.blinded_code} is not open: your training and qualification for it is not complete, or has run "
            "out. What you entered is kept; the read opens when you have passed."
        )


def require_images(task: ReadTask) -> None:
    if task.timepoint.qc_state != QcState.CLEARED:
        raise blinding.NotOpen(
            f"The images of read {task.blinded_code} are with quality control again. "
            "What you entered is kept; the read opens when they are cleared."
        )


def require_sequence(task: ReadTask) -> None:
    """Refuse work on a timepoint while the scan of an earlier one, perhaps given up before, waits to be read.

    A read on a clock is made when it is asked for, whatever came before.
    """
    if task.purpose in REAL_TIME or derivation.stands_alone(task.charter):
        return
    signed = set(selectors.own_reads_before(task).values_list("timepoint", flat=True))
    earlier = Timepoint.objects.filter(subject=task.timepoint.subject_id, order__lt=task.order)
    if any(t.pk not in signed and not selectors.is_absent(t) for t in earlier.select_related("subject")):
        raise blinding.NotOpen(
            f"Read {task.blinded_code} waits for an earlier timepoint of its case that came in late. "
            "What you entered is kept; finish the earlier timepoint first."
        )


def require_reading(task: ReadTask) -> None:
    if task.state in selectors.SIGNED:
        raise audit.RecordFrozen(f"Read {task.blinded_code} is signed, so nothing in it was changed.")
    if task.state != ReadState.READING:
        raise blinding.NotOpen(f"Read {task.blinded_code} is not open. Open it from your list of reads first.")
    require_images(task)
    require_sequence(task)


def require_hand(task: ReadTask, actor: User) -> None:
    """Refuse whoever may not draw in a read, and a read in which nothing is drawn now.

    Raises
    ------
    ReadLocked, reading.blinding.NotOpen, compliance.access.AccessDenied
    """
    access.require(actor, "reading.read", task)
    _require_open_to_draw(task)


@contextmanager
def drawing_in(task: ReadTask) -> Iterator[ReadTask]:
    """Hold a read that is open to draw in, while something is stored in it."""
    with transaction.atomic():
        row = locked_task(task)
        _require_open_to_draw(row)
        yield row


def _require_open_to_draw(task: ReadTask) -> None:
    try:
        require_reading(task)
    except audit.RecordFrozen:
        raise ReadLocked(f"Read {task.blinded_code} is signed, so nothing is drawn in it any more.") from None
