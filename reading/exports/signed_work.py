"""The endpoint package's table of signed work: who signed what by place and time, and why a read was opened again.

Its times are shifted like the subject's scans. Beside a shifted date, a true time of reading would tell within days by
how many days it is shifted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from compliance.models import Signature
from reading.exports.locked import ADJUDICATOR, CONSENSUS, LockedTrial, evalid, moment
from reading.exports.locked_work import LockedWork
from reading.models import SignedVersion
from reading.selectors import ReadResult, SubjectResult

READ, ADJUDICATION = "read", "adjudication"
#: Of every signature in it: reads and adjudications ask for no other.
MEANING = Signature.Meaning.AUTHORSHIP.label


def shift_of(result: SubjectResult, shifted_day_1: dt.date | None) -> dt.timedelta | None:
    """Return by how much everything dated of a subject is shifted; None where nothing is dated."""
    day_1 = result.subject.reference_date
    return None if day_1 is None or shifted_day_1 is None else shifted_day_1 - day_1


def shifted(at: dt.datetime | None, shift: dt.timedelta | None) -> dt.datetime | None:
    """Return a time shifted like the subject's scans."""
    return None if at is None or shift is None else at + shift


def signed_work(result: SubjectResult, shift: dt.timedelta | None) -> tuple[LockedWork, ...]:
    """Return what was signed of a subject: its reads by timepoint and place, then its adjudications."""
    reads = [read for timepoint in result.timepoints for read in _reads_at(result, timepoint.pk)]
    earlier: dict[int, list[SignedVersion]] = {}
    for version in SignedVersion.objects.filter(task__in=[read.task for read in reads]).select_related("reopening"):
        earlier.setdefault(version.task_id, []).append(version)
    made = []
    for read in reads:
        where, versions = (READ, read.timepoint.code, evalid(read.slot)), earlier.get(read.task.pk, [])
        made += [
            LockedWork(*where, one.number, shifted(one.signed_at, shift), one.reopening.reason) for one in versions
        ]
        made.append(LockedWork(*where, len(versions) + 1, shifted(read.task.submitted_at, shift)))
    order = {None: -1} | {timepoint.pk: timepoint.order for timepoint in result.timepoints}
    decided = (one for one in result.adjudications if one.decided_at is not None)
    for one in sorted(decided, key=lambda one: order[one.timepoint_id]):
        code = one.timepoint.code if one.timepoint else "SUBJECT"
        who = CONSENSUS if one.is_by_consensus else ADJUDICATOR
        made.append(LockedWork(ADJUDICATION, code, who, 1, shifted(one.decided_at, shift)))
    return tuple(made)


def _reads_at(result: SubjectResult, timepoint: int) -> Iterator[ReadResult]:
    for slot in sorted(result.slots, key=lambda slot: slot.slot):
        yield from (read for read in slot.reads if read.timepoint.pk == timepoint)


def rows(trial: LockedTrial) -> Iterator[tuple[object, ...]]:
    """Give the table's rows."""
    for subject in trial.subjects:
        last = {(work.what, work.timepoint, work.evalid): work.version for work in subject.work}
        for work in subject.work:
            where = (work.what, work.timepoint, work.evalid)
            yield (
                *(trial.code, subject.site, subject.code, *where, work.version, last[where] == work.version),
                "" if work.signed_at is None else moment(work.signed_at),
                work.reopened_because,
            )
