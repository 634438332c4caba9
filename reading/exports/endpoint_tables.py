"""The endpoint package's tables: the rows of a locked trial, under the columns of `endpoint_columns`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import takewhile
from typing import Any

from reading.exports import endpoint_queries, endpoint_real_time, signed_work, time_to_event
from reading.exports.csv_table import Table, write
from reading.exports.endpoint_columns import (
    ADJUDICATIONS,
    BEST_OVERALL_RESPONSE,
    DEVIATIONS,
    DICTIONARY,
    GLOBAL_REVIEWS,
    IMAGES,
    LESIONS,
    MEASUREMENTS,
    RESPONSE_RATES,
    RESPONSES,
    SIGNED_WORK,
    SUBJECTS,
    TIME_TO_EVENT,
    TIMEPOINTS,
    VALUES,
    settled_together,
)
from reading.exports.endpoint_queries import QUERIES
from reading.exports.endpoint_real_time import REAL_TIME_READS
from reading.exports.locked import ADJUDICATOR, CONSENSUS, LockedSubject, LockedTimepoint, LockedTrial, moment, plain

Row = tuple[object, ...]


def _subjects(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        read = sum(timepoint.reading == "read" for timepoint in subject.timepoints)
        planned = sum(not timepoint.unscheduled for timepoint in subject.timepoints)
        head = (trial.code, subject.site, subject.code)
        yield (*head, subject.state, subject.shifted_day_1, planned, read)


def _timepoints(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for number, visit in numbered(subject.timepoints):
            yield (
                *(trial.code, subject.site, subject.code, visit.code, visit.name, number),
                *(visit.planned_day, visit.window_first_day, visit.window_last_day),
                *(visit.study_day, visit.shifted_date),
                *(visit.images, visit.qc, "; ".join(visit.qc_waived), visit.series_read, visit.reading),
            )


def numbered(visits: Sequence[LockedTimepoint]) -> Iterator[tuple[Decimal, LockedTimepoint]]:
    """Number visits as SDTM does: those of the schedule from 1, what came between by fractions of the one before."""
    planned = between = 0
    for place, visit in enumerate(visits):
        if visit.unscheduled:
            between += 1
            rest = takewhile(lambda later: later.unscheduled, visits[place:])
            yield planned + Decimal(between).scaleb(-len(str(between + sum(1 for _ in rest) - 1))), visit
        else:
            planned, between = planned + 1, 0
            yield Decimal(planned), visit


def _deviations(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for visit in subject.timepoints:
            for kind, days, check in _deviations_at(visit):
                yield (*_place(trial, subject, visit), kind, days, check)


def _deviations_at(visit: LockedTimepoint) -> Iterator[tuple[str, int | None, str]]:
    """Give what was otherwise than planned; between the last day before day 1 and day 1 lies one day."""
    if visit.images == "missed":
        yield "missed", None, ""
    if visit.study_day is not None and not visit.unscheduled:
        day, first, last = (_elapsed(n) for n in (visit.study_day, visit.window_first_day, visit.window_last_day))
        if day < first:
            yield "early", first - day, ""
        if day > last:
            yield "late", day - last, ""
    yield from (("check_waived", None, check) for check in visit.qc_waived)
    if visit.deviation_declared:
        yield "declared", None, ""
    if visit.unblinded:
        yield "unblinding", None, ""


def _elapsed(study_day: int) -> int:
    return study_day - 1 if study_day > 0 else study_day


def _images(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for visit in subject.timepoints:
            for series in visit.series:
                yield (
                    *_place(trial, subject, visit),
                    *(series.study_instance_uid, series.series_instance_uid, series.modality, series.label),
                    *(series.for_reading, series.instances, series.size, series.sha256),
                )


def _lesions(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for lesion in subject.lesions:
            yield (
                *(trial.code, subject.site, subject.code, lesion.evalid, lesion.label, lesion.category),
                *(lesion.organ, lesion.nodal, lesion.description, lesion.first_seen),
            )


def _place(trial: LockedTrial, subject: LockedSubject, timepoint: LockedTimepoint) -> Row:
    return (trial.code, subject.site, subject.code, timepoint.code, timepoint.study_day, timepoint.shifted_date)


def _measurements(trial: LockedTrial) -> Iterator[Row]:
    for subject, timepoint, read in trial.reads():
        for found in read.measurements:
            yield (
                *_place(trial, subject, timepoint),
                *(read.evalid, read.accepted, found.lesion, found.part, found.state, found.diameter_mm),
                found.sop_instance_uid,
                found.frame if found.sop_instance_uid else None,
                found.reason,
            )


def _responses(trial: LockedTrial) -> Iterator[Row]:
    for subject, timepoint, read in trial.reads():
        yield (
            *_place(trial, subject, timepoint),
            *(read.evalid, read.accepted, read.simulated, read.image_quality),
            *(read.sum_mm, read.baseline_sum_mm, read.nadir_sum_mm),
            *(read.change_from_baseline_percent, read.change_from_nadir_percent),
            *(read.target, read.non_target, read.new_lesion, read.overall),
            *(read.stated_response, read.stated_reason, read.comment),
            _line(plain(read.trace)),
        )


def _values(trial: LockedTrial) -> Iterator[Row]:
    for subject, timepoint, read in trial.reads():
        for found in read.values:
            yield (
                *_place(trial, subject, timepoint),
                *(read.evalid, read.accepted, found.lesion, found.part, found.name, found.code),
                *((None, found.value) if isinstance(found.value, str) else (found.value, "")),
                *(found.unit, found.derived),
            )


def _adjudications(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for adjudication in subject.adjudications:
            for trigger in adjudication.triggers:
                yield (
                    *(trial.code, subject.site, subject.code, adjudication.timepoint or "SUBJECT"),
                    *(trigger.name, trigger.timepoint, trigger.reader_1, trigger.reader_2),
                    *(
                        CONSENSUS if adjudication.by_consensus else ADJUDICATOR,
                        adjudication.chosen,
                        adjudication.rationale,
                        adjudication.simulated,
                    ),
                )


def _best(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for result in subject.results:
            yield (
                *(trial.code, subject.site, subject.code, result.evalid, result.accepted, result.bor),
                result.confirmed,
                *_when(subject, result.progression),
                *_when(subject, result.first_response),
            )


def _when(subject: LockedSubject, code: str) -> Row:
    timepoint = subject.timepoint(code)
    return (code, timepoint.study_day, timepoint.shifted_date) if timepoint else ("", None, None)


def _reviews(trial: LockedTrial) -> Iterator[Row]:
    for subject in trial.subjects:
        for review in subject.reviews:
            timepoint = subject.timepoint(review.timepoint)
            assert timepoint is not None
            yield (
                *_place(trial, subject, timepoint),
                *(review.evalid, review.derived, review.response, review.derived != review.response, review.reason),
                "" if review.signed_at is None else moment(review.signed_at),
            )


def _dictionary(tables: Iterable[Table]) -> Iterator[Row]:
    for table in tables:
        for order, column in enumerate(table.columns, start=1):
            key = column.name in table.key
            yield (table.file_name, order, column.name, key, column.kind, column.unit, column.meaning, column.sdtm)


def _line(content: Any) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


_ROWS = {
    SUBJECTS: _subjects,
    TIMEPOINTS: _timepoints,
    DEVIATIONS: _deviations,
    IMAGES: _images,
    LESIONS: _lesions,
    MEASUREMENTS: _measurements,
    RESPONSES: _responses,
    VALUES: _values,
    ADJUDICATIONS: _adjudications,
    BEST_OVERALL_RESPONSE: _best,
    TIME_TO_EVENT: time_to_event.time_rows,
    RESPONSE_RATES: time_to_event.rate_rows,
    SIGNED_WORK: signed_work.rows,
}


def tables(trial: LockedTrial) -> Mapping[Table, Callable[[LockedTrial], Iterator[Row]]]:
    """Return every table that a package of this trial has, with what gives its rows."""
    made = {**_ROWS, **({REAL_TIME_READS: endpoint_real_time.rows} if trial.real_time is not None else {})}
    if trial.has_reviews:
        made[GLOBAL_REVIEWS] = _reviews
    if trial.queries:
        made[QUERIES] = endpoint_queries.rows
    return made


def csv_files(trial: LockedTrial) -> Mapping[str, bytes]:
    """Return every table of a locked trial as a CSV file, and the dictionary that explains their columns."""
    made = tables(trial)
    files = {table.file_name: write(table, rows(trial)) for table, rows in made.items()}
    told = [settled_together() if table is ADJUDICATIONS and trial.has_consensus else table for table in made]
    return {**files, DICTIONARY.file_name: write(DICTIONARY, _dictionary(told))}
