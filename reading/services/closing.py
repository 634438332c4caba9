"""Closing: reads and adjudications that may not be made any more, as consent was withdrawn."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import QuerySet

from compliance.transitions import advance
from reading import selectors
from reading.models import Adjudication, GlobalReview, ReadTask
from reading.services.assigning import locked
from reading.services.calling_off import withdraw_all
from reading.states import REAL_TIME, UNDECIDED, GlobalReviewState, ReadState
from trials.impact import Consequence
from trials.models import Subject
from trials.subject_terms import READ_NO_FURTHER

_WHY = "consent was withdrawn, and by the charter nothing is read any more"


def weigh(subject: Subject, rule: str) -> list[Consequence]:
    """Return what a rule on withdrawn consent does to a subject's reads; nothing is written."""
    reads, cases = _open_reads(subject).count(), _open_cases(subject).count()
    signed = _signed(subject).count()
    if rule not in READ_NO_FURTHER:
        return [Consequence("Reads under way go on", reads), Consequence("Signed reads stay", signed)]
    return [
        Consequence("Reads under way are closed", reads),
        Consequence("Adjudications under way are closed", cases),
        Consequence("Signed reads stay", signed),
    ]


def close(*, subject: Subject, at: dt.datetime) -> None:
    """Close every read, review and adjudication of a subject that is not signed; they leave their people's lists."""
    with transaction.atomic():
        subject = locked(subject.pk)
        for task in _open_reads(subject).exclude(purpose__in=REAL_TIME).order_by("blinded_code"):
            advance(task, "withdraw", actor=None, at=at, reason=_WHY)
        withdraw_all(subject, _WHY, at)
        for case in _open_cases(subject).order_by("blinded_code"):
            advance(case, "withdraw", actor=None, at=at, reason=_WHY)
        for review in _open_reviews(subject).order_by("blinded_code"):
            advance(review, "withdraw", actor=None, at=at, reason=_WHY)


def timepoints_with_signed_reads(subject: Subject) -> set[int]:
    """Return the keys of the timepoints on whose images a signed read rests."""
    return set(_signed(subject).values_list("timepoint", flat=True))


def _open_reads(subject: Subject) -> QuerySet[ReadTask]:
    tasks = ReadTask.every.filter(timepoint__subject=subject)
    return tasks.exclude(state__in=(*selectors.SIGNED, ReadState.WITHDRAWN))


def _open_cases(subject: Subject) -> QuerySet[Adjudication]:
    return subject.adjudications.filter(state__in=UNDECIDED)


def _open_reviews(subject: Subject) -> QuerySet[GlobalReview]:
    return GlobalReview.objects.filter(subject=subject, state=GlobalReviewState.OPEN)


def _signed(subject: Subject) -> QuerySet[ReadTask]:
    return ReadTask.every.filter(timepoint__subject=subject, state__in=selectors.SIGNED)
