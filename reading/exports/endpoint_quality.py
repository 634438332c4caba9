"""Quality as the endpoint report tells it: of scans by site, of reads by reader, and how visits kept to plan."""

from __future__ import annotations

from collections.abc import Iterable

from reading.exports.endpoint_summary import Line, share, visits_of
from reading.exports.locked import LockedRead, LockedSubject, LockedTimepoint, LockedTrial
from reading.variability.control import p_chart
from reading.variability.control_plots import p_chart_svg
from reading.variability.schedule_plots import VisitTimes, schedule_svg

READERS = ("Reads", "Limited images", "Not evaluable images", "Response NE", "Adjudicated", "Accepted of these")
SITES = ("In window", "Missed", "With a waived finding", "Limited or not evaluable", "Response NE", "Adjudicated")


def timelines(trial: LockedTrial) -> str:
    """Draw how many days from plan scans were made, by visit of the schedule."""
    visits = []
    for code, _ in visits_of(trial):
        planned = [t for s in trial.subjects if (t := s.timepoint(code)) and not t.unscheduled]
        if not planned:
            continue
        one = planned[0]
        before, after = one.planned_day - one.window_first_day, one.window_last_day - one.planned_day
        visits.append(VisitTimes(code, before, after, tuple(_off(t) for t in planned if t.study_day is not None)))
    return schedule_svg(visits, title="Days from plan, by visit")


def _off(timepoint: LockedTimepoint) -> int:
    assert timepoint.study_day is not None
    return timepoint.study_day - timepoint.planned_day


def images_by_site(trial: LockedTrial) -> str:
    """Draw the share of reads whose images were limited or not evaluable, by site, with control limits."""
    groups = [
        (code, sum(read.image_quality != "adequate" for read in reads), len(reads))
        for code, _ in trial.sites
        if (reads := _reads(subject for subject in trial.subjects if subject.site == code))
    ]
    return p_chart_svg(
        p_chart(groups), title="Images that readers found limited or not evaluable, by site", rate="Reads (%)"
    )


def sites(trial: LockedTrial) -> list[Line]:
    """Return a row per site, and one of all."""
    groups: list[tuple[str, list[LockedSubject]]] = [
        (f"{code} {name}".strip(), [subject for subject in trial.subjects if subject.site == code])
        for code, name in trial.sites
    ]
    all_of_them = [("All sites", list(trial.subjects))]
    return [_site(name, subjects, trial) for name, subjects in [*groups, *all_of_them]]


def _site(name: str, subjects: list[LockedSubject], trial: LockedTrial) -> Line:
    visits = [timepoint for subject in subjects for timepoint in subject.timepoints]
    received, reads = [visit for visit in visits if visit.images == "received"], _reads(subjects)
    in_window = sum(
        visit.study_day is not None and visit.window_first_day <= visit.study_day <= visit.window_last_day
        for visit in received
    )
    cells = (
        share(in_window, len(received)),
        share(sum(visit.images == "missed" for visit in visits), len(visits)),
        share(sum(bool(visit.qc_waived) for visit in received), len(received)),
        share(sum(read.image_quality != "adequate" for read in reads), len(reads)),
        share(*_not_evaluable(reads, trial)),
        share(sum(bool(subject.adjudications) for subject in subjects), len(subjects)),
    )
    return Line(name, cells, strong=name == "All sites")


def readers(trial: LockedTrial) -> list[Line]:
    """Return a row per reader's place; of adjudicated subjects, how often this reader's evaluation was accepted."""
    lines = []
    for evalid in trial.evalids:
        reads = [read for _, _, read in trial.reads() if read.evalid == evalid]
        chosen = [a.chosen for subject in trial.subjects for a in subject.adjudications]
        cells = (
            str(len(reads)),
            share(sum(read.image_quality == "limited" for read in reads), len(reads)),
            share(sum(read.image_quality == "not_evaluable" for read in reads), len(reads)),
            share(*_not_evaluable(reads, trial)),
            str(len(chosen)),
            share(chosen.count(evalid), len(chosen)),
        )
        lines.append(Line(evalid.capitalize(), cells))
    return lines


def _reads(subjects: Iterable[LockedSubject]) -> list[LockedRead]:
    return [read for subject in subjects for timepoint in subject.timepoints for read in timepoint.reads]


def _not_evaluable(reads: list[LockedRead], trial: LockedTrial) -> tuple[int, int]:
    """Count follow-ups whose overall response is not evaluable, of all follow-ups."""
    terms = {term.value for term in trial.criteria.terms if term.chip == "NE"}
    overall = [read.overall for read in reads if read.overall]
    return sum(response in terms for response in overall), len(overall)
