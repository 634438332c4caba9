"""The endpoint report's figures: what the accepted reads say of each subject's tumour burden."""

from __future__ import annotations

from reading.exports.locked import LockedSubject, LockedTimepoint, LockedTrial
from reading.variability.bland_altman import BlandAltman
from reading.variability.plots import SpiderLine, WaterfallBar, bland_altman_svg, spider_svg, waterfall_svg

_TITLE = "Accepted reads"


def waterfall(trial: LockedTrial) -> str:
    """Draw one bar per subject: best change of the burden from baseline, coloured by best response."""
    courses = [(subject, accepted_course(subject)) for subject in trial.subjects]
    bars = [
        WaterfallBar(subject.code, min(change for _, change in course), _bor(subject))
        for subject, course in courses
        if course
    ]
    return waterfall_svg(bars, title=_TITLE, axis=f"Best change in {_burden(trial)} (%)", thresholds=_thresholds(trial))


def spider(trial: LockedTrial) -> str:
    """Draw one line per subject: change of the burden from baseline over time, accepted reads."""
    lines = []
    for subject in trial.subjects:
        course = accepted_course(subject)
        weeks = {timepoint.code: week for timepoint in subject.timepoints if (week := _week(subject, timepoint))}
        points = tuple((weeks[timepoint.code], change) for timepoint, change in course if timepoint.code in weeks)
        new = tuple(
            weeks[timepoint.code]
            for timepoint, _ in course
            if timepoint.code in weeks and timepoint.accepted and timepoint.accepted.new_lesion
        )
        lines.append(SpiderLine(subject.code, points, _bor(subject), new))
    return spider_svg(lines, title=_TITLE, axis=f"Change in {_burden(trial)} (%)", thresholds=_thresholds(trial))


def limits_of_agreement(limits: BlandAltman, trial: LockedTrial) -> str:
    """Draw the readers' differences of the burden, with mean and limits of agreement."""
    unit = trial.criteria.burden_unit
    return bland_altman_svg(limits, title="Reader 1 and Reader 2", quantity=_burden(trial), unit=unit)


def _thresholds(trial: LockedTrial) -> tuple[float, ...]:
    return tuple(float(threshold) for threshold in trial.criteria.thresholds_percent)


def _burden(trial: LockedTrial) -> str:
    return trial.criteria.burden[:1].lower() + trial.criteria.burden[1:]


def accepted_course(subject: LockedSubject) -> list[tuple[LockedTimepoint, float]]:
    """Return the accepted reads' percentage changes from baseline, up to progression."""
    course: list[tuple[LockedTimepoint, float]] = []
    for timepoint in subject.timepoints:
        read = timepoint.accepted
        if read is not None and read.change_from_baseline_percent is not None:
            course.append((timepoint, float(read.change_from_baseline_percent)))
        if subject.result is not None and subject.result.progression == timepoint.code:
            break
    return course


def _bor(subject: LockedSubject) -> str:
    return subject.result.bor if subject.result else "NE"


def _week(subject: LockedSubject, timepoint: LockedTimepoint) -> float | None:
    """Return the weeks from the baseline scan to a later one; None where one of them has no day."""
    baseline, scan = _elapsed(subject.timepoints[0].study_day), _elapsed(timepoint.study_day)
    return None if baseline is None or scan is None or scan <= baseline else (scan - baseline) / 7


def _elapsed(study_day: int | None) -> int | None:
    # There is no study day 0 (SDTMIG 4.4.4).
    return study_day - 1 if study_day and study_day > 0 else study_day
