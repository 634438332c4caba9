"""Replaying: an auditor opens a read as it was signed. Nothing of it changes, and each opening is recorded."""

from __future__ import annotations

import datetime as dt

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from reading.models import ReadTask
from reading.selectors import SubjectResult, subject_result
from reading.selectors_signed import SignedRead, signed_reads
from trials.models import Subject, Timepoint


class NotSigned(HouseError):
    """The read was never signed, or has no such version."""

    code = "not_signed"
    status = 404


def show_values(*, subject: Subject, actor: User, at: dt.datetime) -> SubjectResult:
    """Return what each reader found of a subject to an auditor, and record that results were looked at.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.replay", subject)
    audit.record("results.viewed", subject, actor=actor, at=at, after={"report": "endpoint values"})
    return subject_result(subject)


def note_walk(*, timepoint: Timepoint, slot: int, actor: User, at: dt.datetime) -> None:
    """Record that an auditor looked at a read of a timepoint and at what it rests on.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.replay", timepoint)
    audit.record("results.viewed", timepoint, actor=actor, at=at, after={"report": "walk", "slot": slot})


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
