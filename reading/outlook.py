"""How a trial went on and when it may be locked, for its sponsor: counts and days alone, and no outcome of any read.

When a step was taken is what the audit trail says of it, the last time that it was.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Q

from compliance.models import AuditEvent
from imaging.models import Finding, ImagingStudy
from imaging.states import ReviewState, Verdict
from reading.variability.course_plots import Course, course_svg
from trials.models import ImagingCharter, Query, Timepoint, Trial
from trials.states import (
    OPEN_CHARTER,
    ImageState,
    QcState,
    QueryState,
    ReadingState,
    SubjectState,
    TrialState,
)

#: The step that brings a timepoint into a state, by the field that has it.
_STEPS = {
    "received": ("timepoint.receive", "image_state", ImageState.RECEIVED),
    "cleared": ("timepoint.clear", "qc_state", QcState.CLEARED),
    "read": ("timepoint.finish", "reading_state", ReadingState.READ),
}
_TITLE = "Visits planned, received, cleared and read"


@dataclass(frozen=True, slots=True)
class Pace:
    """Median days from one step to the next, and of how many visits: those whose steps are in order."""

    step: str
    days: float | None
    visits: int


@dataclass(frozen=True, slots=True)
class Projection:
    """When the database may be locked, if all goes on as it did; None where nobody can tell yet, with the reason."""

    day: dt.date | None
    said: str


@dataclass(frozen=True, slots=True)
class SiteDeviations:
    """Departures from the charter at one site, in visits."""

    site: str
    visits: int
    missed: int
    outside: int
    waived: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the page of timelines shows."""

    to_come: int
    to_read: int
    projection: Projection
    paces: tuple[Pace, ...]
    months: tuple[tuple[str, tuple[int, ...]], ...]
    figure: str
    deviations: tuple[SiteDeviations, ...]
    queries: Mapping[str, int]
    charters: tuple[ImagingCharter, ...]


def outlook(trial: Trial, today: dt.date) -> Outlook:
    """Return how a trial went on up to a day, and what may follow."""
    timepoints = list(
        Timepoint.objects.filter(subject__trial=trial)
        .exclude(subject__state=SubjectState.CASE)
        .select_related("subject")
    )
    steps = {name: _days_of(trial, timepoints, *step) for name, step in _STEPS.items()}
    expected = [one for one in timepoints if one.image_state == ImageState.EXPECTED and not one.subject.has_left]
    received = [one for one in timepoints if one.image_state == ImageState.RECEIVED]
    waiting = [one for one in received if one.reading_state != ReadingState.READ and not one.subject.is_read_no_further]
    unread = [*expected, *waiting]
    paces = (
        _pace("From receipt to clearance", steps["received"], steps["cleared"]),
        _pace("From clearance to the last read", steps["cleared"], steps["read"]),
        _pace("From receipt to the last read", steps["received"], steps["read"]),
    )
    # Clocks can disagree: what is said to have come after the lock is shown all the same.
    taken = [day for days in steps.values() for day in days.values()]
    end = min(today, max([trial.locked_at.date(), *taken])) if trial.locked_at else today
    planned = [one.expected_on for one in (*expected, *received)]
    courses = {"Planned": planned, **{name.title(): list(days.values()) for name, days in steps.items()}}
    months, counts = _by_month(courses, end)
    lines = [Course(name, tuple(row)) for name, row in counts.items()]
    return Outlook(
        to_come=len(expected),
        to_read=len(unread),
        projection=_projection(trial, unread, expected, paces[2], today),
        paces=paces,
        months=tuple((month, tuple(line.counts[i] for line in lines)) for i, month in enumerate(months)),
        figure=course_svg(months, lines, title=_TITLE),
        deviations=tuple(_deviations(trial, timepoints)),
        queries=_queries(trial, today),
        charters=tuple(trial.charters.exclude(state__in=OPEN_CHARTER).order_by("-version")),
    )


def _days_of(trial: Trial, timepoints: Iterable[Timepoint], action: str, field: str, state: str) -> dict[int, dt.date]:
    """Return on which day each timepoint that is in a state came into it, by its key."""
    events = AuditEvent.objects.filter(object_type=Timepoint._meta.label_lower, trial_id=trial.pk, action=action)
    last = dict(events.order_by().values_list("object_id").annotate(last=Max("at")))
    there = {one.pk for one in timepoints if getattr(one, field) == state}
    return {int(pk): at.astimezone(dt.UTC).date() for pk, at in last.items() if int(pk) in there}


def _pace(step: str, begin: Mapping[int, dt.date], end: Mapping[int, dt.date]) -> Pace:
    taken = [(end[pk] - begin[pk]).days for pk in begin.keys() & end.keys() if end[pk] >= begin[pk]]
    return Pace(step, statistics.median(taken) if taken else None, len(taken))


def _by_month(courses: Mapping[str, Sequence[dt.date]], end: dt.date) -> tuple[list[str], dict[str, list[int]]]:
    """Return the months up to a day, and how many there were by the end of each."""
    days = [day for course in courses.values() for day in course if day <= end]
    if not days:
        return [], {name: [] for name in courses}
    first = min(days)
    count = (end.year - first.year) * 12 + end.month - first.month + 1
    months = [divmod(first.year * 12 + first.month - 1 + i, 12) for i in range(count)]
    counts = {}
    for name, course in courses.items():
        by_month = Counter(day.year * 12 + day.month - 1 for day in course if day <= end)
        total, row = 0, []
        for year, month in months:
            total += by_month[year * 12 + month]
            row.append(total)
        counts[name] = row
    return [f"{year}-{month + 1:02d}" for year, month in months], counts


def _projection(
    trial: Trial, unread: Sequence[Timepoint], expected: Sequence[Timepoint], pace: Pace, today: dt.date
) -> Projection:
    if trial.state == TrialState.LOCKED and trial.locked_at:
        return Projection(trial.locked_at.date(), "The database is locked.")
    if not unread:
        return Projection(None, "Every visit so far is read or missed.")
    if pace.days is None:
        return Projection(None, "Not projected before the first visit is read.")
    last = max([today, *(one.expected_on for one in expected)])
    day = last + dt.timedelta(days=math.ceil(pace.days))
    return Projection(
        day,
        f"From the last visit to come, or today: {last:%-d %B %Y}. To it is added what a visit takes from receipt to "
        f"its last read, {pace.days:g} days. Subjects who are enrolled from now on make it later.",
    )


def _deviations(trial: Trial, timepoints: Sequence[Timepoint]) -> Iterable[SiteDeviations]:
    days = ImagingStudy.objects.filter(trial=trial, series__for_reading=True).order_by()
    scanned = dict(days.values_list("timepoint").annotate(day=Min("study_day")))
    findings = Finding.objects.filter(
        review__timepoint__subject__trial=trial, review__state=ReviewState.CLEARED, verdict=Verdict.WAIVE
    )
    waived = set(findings.order_by().values_list("review__timepoint", flat=True))
    for site in trial.sites.order_by("code"):
        mine = [one for one in timepoints if one.subject.site_id == site.pk]
        yield SiteDeviations(
            site=site.code,
            visits=len(mine),
            missed=sum(one.image_state == ImageState.MISSED for one in mine),
            outside=sum(_is_outside(one, scanned.get(one.pk)) for one in mine),
            waived=sum(one.pk in waived for one in mine),
        )


def _is_outside(timepoint: Timepoint, day: int | None) -> bool:
    first, last = timepoint.window
    return day is not None and not timepoint.unscheduled and not first <= day <= last


def _queries(trial: Trial, today: dt.date) -> dict[str, int]:
    return Query.objects.filter(trial=trial).aggregate(
        asked=Count("pk"),
        open=Count("pk", filter=Q(state=QueryState.OPEN)),
        answered=Count("pk", filter=Q(state=QueryState.ANSWERED)),
        closed=Count("pk", filter=Q(state=QueryState.CLOSED)),
        overdue=Count("pk", filter=Q(state=QueryState.OPEN, due_on__lt=today)),
    )
