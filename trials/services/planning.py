"""Planning: which visits of a charter a subject has, and in which order its timepoints stand."""

from __future__ import annotations

from collections.abc import Sequence

from trials.charter import Charter, Visit
from trials.models import ImagingCharter, Subject, Timepoint
from trials.states import ReadingState, SubjectState


def visits_of(subject: Subject, terms: Charter) -> list[Visit]:
    """Return the visits that a charter expects of a subject as it stands: while it is screened, those of screening."""
    visits = terms.visits_for(subject.arm)
    if subject.state == SubjectState.SCREENED:
        return [visit for visit in visits if visit.at_screening]
    return visits if subject.state in (SubjectState.ENROLLED, SubjectState.CASE) else []


def planned_timepoints(subject: Subject, charter: ImagingCharter) -> list[Timepoint]:
    """Return the timepoints that a charter plans for a subject that has none, not stored yet."""
    return [_planned(subject, charter, visit, order) for order, visit in enumerate(visits_of(subject, charter.terms))]


def _planned(subject: Subject, charter: ImagingCharter, visit: Visit, order: int) -> Timepoint:
    return Timepoint(
        subject=subject,
        charter=charter,
        code=visit.code,
        name=visit.name,
        order=order,
        day=visit.day,
        window_before=visit.window_before,
        window_after=visit.window_after,
    )


def further_timepoints(subject: Subject, charter: ImagingCharter) -> list[Timepoint]:
    """Return the timepoints that a charter plans for a subject beside those that it has, not stored, without order."""
    known = set(subject.timepoints.values_list("code", flat=True))
    return [_planned(subject, charter, v, 0) for v in visits_of(subject, charter.terms) if v.code not in known]


def plan_under(subject: Subject, charter: ImagingCharter) -> list[tuple[Timepoint, Visit | Timepoint | None]]:
    """Return a subject's timepoints with their visits in a version (None: not planned there), and those it would add.

    A timepoint is added after the last one whose reading has begun, for readers go by order; and only to a subject
    that is still in the trial.
    """
    schedule = charter.terms.schedule
    visits = {visit.code: visit for visit in charter.terms.visits_for(subject.arm)}
    timepoints = list(subject.timepoints.select_related("charter").order_by("order"))
    begun = {t.code for t in timepoints if t.reading_state != ReadingState.NOT_READY}
    # What was added by hand stays as it is.
    plan = [(t, t if t.unscheduled else visits.pop(t.code, None)) for t in timepoints]
    last = max((n for n, visit in enumerate(schedule) if visit.code in begun), default=-1)
    added = [v for v in visits_of(subject, charter.terms) if v.code in visits and schedule.index(v) > last]
    return plan + [(_planned(subject, charter, visit, 0), visit) for visit in added]


def put_in_order(timepoints: Sequence[Timepoint]) -> list[Timepoint]:
    """Number timepoints by their days; up to the last one whose reading has begun each keeps its number.

    Returns
    -------
    list of Timepoint
        Those that are not stored yet, and those that got another number: nothing else is to be stored for it.
    """
    last = max((t.order for t in timepoints if t.reading_state != ReadingState.NOT_READY), default=-1)
    free = [t for t in timepoints if not t.pk or t.order > last]
    moved = []
    for order, timepoint in enumerate(sorted(free, key=lambda t: t.day), start=last + 1):
        if not timepoint.pk or timepoint.order != order:
            moved.append(timepoint)
        timepoint.order = order
    return moved
