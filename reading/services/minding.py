"""Minding the clocks: reminders, escalation, and the note that a site has seen an outcome."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from reading.models import RealTimeRead
from reading.selectors_real_time import clock_of
from reading.services import telling
from reading.states import RealTimeState


class NotNoted(HouseError):
    """There is no outcome that the site could take note of."""

    code = "not_noted"
    status = 409


def take_note(*, question: RealTimeRead, actor: User, at: dt.datetime) -> RealTimeRead:
    """Note that the site has seen the outcome that was released to it; once is enough.

    Raises
    ------
    NotNoted
        There is no outcome yet, or none that the charter lets the site know.
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.take_note", question)
    with transaction.atomic():
        row = RealTimeRead.objects.select_for_update(of=("self",)).get(pk=question.pk)
        told = row.charter.terms.real_time.to_site(row.purpose)
        if row.answered_at is None or not told:
            raise NotNoted("There is no outcome to take note of. Reload the page to see how the read stands.")
        if row.noted_at is None:
            row.noted_by, row.noted_at = actor, at
            audit.save(row, action="realtimeread.noted", actor=actor, at=at)
    return row


def remind(*, at: dt.datetime) -> None:
    """Remind readers of what is due soon, and tell reading managers of what is overdue; twice is once."""
    running = RealTimeRead.objects.filter(state=RealTimeState.RUNNING)
    for pk in running.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            _remind(RealTimeRead.objects.select_for_update(of=("self",)).get(pk=pk), at)


def _remind(question: RealTimeRead, at: dt.datetime) -> None:
    clock = clock_of(question)
    if clock is None or clock.due_at is None or question.state != RealTimeState.RUNNING:
        return
    soon = dt.timedelta(hours=question.charter.terms.real_time.remind)
    if clock.is_overdue(at):
        if question.escalated_at is None:
            question.escalated_at = at
            audit.save(question, action="realtimeread.escalated", actor=None, at=at)
            telling.overdue(question, at=at)
    elif question.reminded_at is None and question.reader_id and clock.due_at - at <= soon:
        question.reminded_at = at
        audit.save(question, action="realtimeread.reminded", actor=None, at=at)
        telling.due_soon(question, at=at)
