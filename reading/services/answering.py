"""Answering: a question on a clock goes from timepoint to timepoint, and with the last signature it has its answer."""

from __future__ import annotations

import datetime as dt

from compliance import audit
from compliance.transitions import advance
from reading import selectors_real_time
from reading.models import ReadTask, RealTimeRead
from reading.models.real_time import real_time_read_of
from reading.services import telling
from reading.states import ReadState


def go_on(*, task: ReadTask, at: dt.datetime) -> RealTimeRead | None:
    """After a signature, open the next timepoint of the same question, or give the answer.

    What the charter lets the site know is released in the same transaction: an event of its own in the trail, and a
    mail that says no more than that there is an outcome.
    """
    question = real_time_read_of(task)
    if question is None:
        return None
    if question.timepoint_id != task.timepoint_id:
        release(question, at)
        return question
    verdict = task.assessment.verdict
    advance(question, "answer", actor=None, at=at, answered_at=at, verdict=verdict)
    if told := question.charter.terms.real_time.to_site(question.purpose):
        after = {"to": f"site {question.timepoint.subject.site.code}", "what": told, "verdict": verdict}
        audit.record("realtimeread.released", question, actor=None, at=at, after=after)
        telling.released(question, at=at)
    return question


def release(question: RealTimeRead, at: dt.datetime) -> None:
    """Open the first timepoint of a question that its reader has not signed."""
    for task in selectors_real_time.tasks_of_question(question):
        if task.state == ReadState.WAITING:
            advance(task, "release", actor=None, at=at)
        if task.state in (ReadState.ASSIGNED, ReadState.READING):
            return
