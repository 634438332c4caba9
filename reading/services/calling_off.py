"""Calling off: a question on a clock that gets no answer, with the tasks in which it was read."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance.models import User
from compliance.transitions import advance
from reading.models import RealTimeRead
from reading.selectors_real_time import OPEN, tasks_of_question
from reading.services.assigning import locked
from reading.states import ReadState
from trials.models import Subject


def call_off(*, question: RealTimeRead, reason: str, actor: User, at: dt.datetime) -> RealTimeRead:
    """Take a question back before its answer, as a reading manager, with a reason.

    Raises
    ------
    compliance.transitions.IllegalMove, compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    with transaction.atomic():
        locked(question.timepoint.subject_id)
        withdraw(question, "call_off", reason, actor, at)
    return question


def withdraw_all(subject: Subject, reason: str, at: dt.datetime) -> None:
    """Withdraw every question of a locked subject that is open."""
    for question in RealTimeRead.objects.filter(timepoint__subject=subject, state__in=OPEN).order_by("slot"):
        withdraw(question, "withdraw", reason, None, at)


def withdraw(question: RealTimeRead, verb: str, reason: str, actor: User | None, at: dt.datetime) -> None:
    """Take a question back by a step of its life, with its tasks that are not signed."""
    advance(question, verb, actor=actor, at=at, reason=reason)
    unsigned = tasks_of_question(question).filter(state__in=(ReadState.WAITING, ReadState.ASSIGNED, ReadState.READING))
    for task in unsigned:
        advance(task, "withdraw", actor=None, at=at, reason=reason)
