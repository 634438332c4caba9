"""Replaying: an auditor opens a read as it was signed. Nothing of it changes, and each opening is recorded."""

from __future__ import annotations

import datetime as dt

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from reading.models import ReadTask
from reading.selectors_signed import SignedRead, signed_reads


class NotSigned(HouseError):
    """The read was never signed, or has no such version."""

    code = "not_signed"
    status = 404


def replay_read(*, task: ReadTask, number: int | None, actor: User, at: dt.datetime) -> SignedRead:
    """Return one signed version of a read: the one asked for, else the latest.

    Raises
    ------
    NotSigned, compliance.access.AccessDenied
    """
    access.require(actor, "reading.replay", task)
    found = [read for read in signed_reads(task) if number is None or read.number == number]
    if not found:
        raise NotSigned(f"Read {task.blinded_code} has no such signed version. Open it from the subject's timeline.")
    read = found[-1]
    audit.record("readtask.replayed", task, actor=actor, at=at, after={"version": read.number, "sha256": read.sha256})
    return read
