"""Visits that no schedule plans: added by hand where the charter lets, in their place among the others."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import ReasonRequired
from trials.models import Subject, Timepoint
from trials.schedule import study_day
from trials.services.planning import put_in_order
from trials.states import ImageState, ReadingState, SubjectState


class VisitRefused(HouseError):
    """A visit cannot be added to the subject, or not on that day."""

    code = "visit_refused"
    status = 409


def add_visit(*, subject: Subject, date: dt.date, reason: str, actor: User, at: dt.datetime) -> Timepoint:
    """Add a visit that the schedule does not plan, on the day of its scan; later ones that nobody reads move on.

    Raises
    ------
    VisitRefused
        The charter does not let, the subject is not enrolled, the day is another visit's, or reading is past it.
    compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "trials.add_visit", subject)
    if not reason.strip():
        raise ReasonRequired("An unscheduled visit needs a reason. Write one and try again.")
    with transaction.atomic():
        subject = Subject.objects.select_for_update(of=("self",)).select_related("trial", "site").get(pk=subject.pk)
        charter = subject.trial.charter_in_force
        if charter is None or not charter.terms.unscheduled_visits:
            raise VisitRefused(f"The charter of trial {subject.trial.code} knows no unscheduled visits.")
        if subject.state != SubjectState.ENROLLED:
            raise VisitRefused(f"Subject {subject.code} is not in the trial now, so no visit can be added.")
        day = study_day(date, subject.reference_date)
        timepoints = list(subject.timepoints.order_by("order"))
        _refuse_day(subject, day, timepoints)
        number = sum(timepoint.unscheduled for timepoint in timepoints) + 1
        added = Timepoint(
            subject=subject,
            charter=charter,
            code=f"UNS-{number:02}",
            name=f"Unscheduled visit {number}",
            day=day,
            window_before=0,
            window_after=0,
            unscheduled=True,
        )
        timepoints.append(added)
        # Those that keep their place are not touched: they may be frozen.
        for timepoint in put_in_order(timepoints):
            audit.save(timepoint, action="timepoint.planned", actor=actor, at=at, reason=reason)
    return added


def _refuse_day(subject: Subject, day: int, timepoints: list[Timepoint]) -> None:
    for other in timepoints:
        first, last = other.window
        if first <= day <= last and other.image_state != ImageState.MISSED:
            raise VisitRefused(
                f"That day is one of {other.name} of subject {subject.code}. Send the scan for that visit."
            )
    if not timepoints or day < timepoints[0].day:
        raise VisitRefused(f"That day is before the first visit of subject {subject.code}. Check the date.")
    begun = [t for t in timepoints if t.day > day and t.reading_state != ReadingState.NOT_READY]
    if begun:
        raise VisitRefused(
            f"Reading of {begun[0].name} of subject {subject.code} has begun, which is later. "
            "Ask the reading manager whether the scan can still be read."
        )
