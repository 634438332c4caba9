"""The endpoint package's table of reads on a clock; only of a trial whose charter had them.

Hours on the clock stand in it and no times: beside shifted dates, a time would tell by how many days they are shifted.
"""

from __future__ import annotations

from collections.abc import Iterator

from reading import selectors_real_time as selectors
from reading.exports.csv_table import Column, Table
from reading.exports.locked import LockedRealTimeRead, LockedTrial
from reading.models import RealTimeRead
from trials.models import Trial

REAL_TIME_READS = Table(
    "real_time_reads",
    "Reads on a clock",
    "One question that was asked of one timepoint and answered",
    ("subject", "timepoint", "purpose", "round"),
    (
        Column("trial", "Protocol identifier of the trial.", sdtm="STUDYID"),
        Column("site", "Code of the site that enrolled the subject.", sdtm="SITEID"),
        Column("subject", "Subject code; unique in the trial.", sdtm="USUBJID"),
        Column("timepoint", "Code of the imaging visit that was asked about.", sdtm="VISIT"),
        Column("purpose", "eligibility or progression."),
        Column("round", "How often the same had been asked, this time included.", "integer"),
        Column("asked_by", "charter, or site where somebody asked with a reason."),
        Column("answer", "yes, no or not_evaluable; these reads are in no endpoint."),
        Column("reason", "Why, as the reader wrote.", "text"),
        Column("derived", "What was derived from the reader's measurements that bears on the question.", "text"),
        Column("hours_given", "Hours that the charter gives.", "integer", "h"),
        Column("hours_taken", "Hours on the clock until the answer, its rests left out.", "decimal", "h"),
        Column("in_time", "Y where the answer came in time.", "flag"),
        Column("told_to_site", "outcome or detail, as the charter lets the site know; empty: nothing before the lock."),
    ),
)


def real_time_reads(trial: Trial) -> tuple[LockedRealTimeRead, ...] | None:
    """Return the questions of a trial that were answered, in an order that codes decide; None: its charter has none."""
    if not any(charter.terms.real_time.any for charter in trial.charters.exclude(signed_at=None)):
        return None
    answered = RealTimeRead.objects.filter(timepoint__subject__trial=trial, state__in=selectors.ANSWERED)
    found = answered.select_related("timepoint__subject__site", "timepoint__subject__trial", "charter")
    rows = [_locked(one) for one in found]
    return tuple(sorted(rows, key=lambda row: (row.subject, row.timepoint, row.purpose, row.round)))


def _locked(question: RealTimeRead) -> LockedRealTimeRead:
    outcome, time = selectors.told_in_full(question), selectors.taken(question)
    assert outcome is not None
    assert time is not None
    terms = question.charter.terms.real_time
    return LockedRealTimeRead(
        site=question.timepoint.subject.site.code,
        subject=question.timepoint.subject.code,
        timepoint=question.timepoint.code,
        purpose=question.purpose,
        round=question.round,
        asked_by="site" if question.reason else "charter",
        answer=outcome.verdict,
        reason=outcome.reason,
        derived=outcome.derived,
        hours_given=terms.hours(question.purpose),
        minutes_taken=int(time.total_seconds() // 60),
        in_time=bool(selectors.is_in_time(question)),
        told_to_site=terms.to_site(question.purpose),
    )


def rows(trial: LockedTrial) -> Iterator[tuple[object, ...]]:
    """Return the table's rows."""
    for one in trial.real_time or ():
        yield (
            *(trial.code, one.site, one.subject, one.timepoint, one.purpose, one.round, one.asked_by),
            *(one.answer, one.reason, one.derived),
            *(one.hours_given, one.hours_taken, one.in_time, one.told_to_site),
        )
