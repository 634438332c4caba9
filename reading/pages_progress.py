"""What those who manage the reading see of it: no outcome but the triggers of adjudications; the way to the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Count, Q

from compliance.models import User
from reading import selectors
from reading.models import Adjudication, ReadTask
from reading.states import UNDECIDED, ReadState
from reading.variability.causes import SAID, Cause
from trials.models import Role, Subject, Timepoint, Trial
from trials.selectors import open_queries_of
from trials.states import ImageState, QcState, ReadingState, SubjectState


@dataclass(frozen=True, slots=True)
class ProgressCell:
    """A timepoint's standing in reading: its tasks, or (without any) what it waits for."""

    timepoint: Timepoint
    tasks: tuple[ReadTask, ...]
    tone: str
    icon: str
    label: str


#: What a timepoint without read tasks waits for: tone, icon, words.
_WAITS = {
    QcState.NOT_READY: ("wait", "calendar", "Expected"),
    QcState.AWAITING: ("info", "clipboard-list", "In QC"),
    QcState.QUERIED: ("query", "message-question", "Queried"),
    QcState.CLEARED: ("warn", "users", "Waits for readers"),
}


def progress_rows(trial: Trial, codes: Sequence[str]) -> list[tuple[Subject, list[ProgressCell | None]]]:
    """Subjects with the reads of their timepoints of these codes, None where there is no such timepoint."""
    found = selectors.progress_of(trial).select_related("subject__site")
    rows = []
    for subject, group in groupby(found, key=lambda t: t.subject):
        cells = {timepoint.code: _cell(timepoint) for timepoint in group}
        rows.append((subject, [cells.get(code) for code in codes]))
    return rows


def _cell(timepoint: Timepoint) -> ProgressCell:
    tasks = tuple(timepoint.read_tasks.all())
    if timepoint.image_state == ImageState.MISSED:
        return ProgressCell(timepoint, tasks, "wait", "calendar-off", "Missed")
    return ProgressCell(timepoint, tasks, *_WAITS[QcState(timepoint.qc_state)])


@dataclass(frozen=True, slots=True)
class Workload:
    """How many reads of each state a reader has in a trial."""

    reader: User
    waiting: int
    ready: int
    reading: int
    signed: int

    @property
    def total(self) -> int:
        """All reads given to the reader."""
        return self.waiting + self.ready + self.reading + self.signed


def workload(trial: Trial) -> list[Workload]:
    """Each reader's reads by state, by user name; the trial's readers without reads are listed too."""
    people = {
        m.user_id: m.user for m in trial.memberships.filter(role=Role.READER, ended_at=None).select_related("user")
    }
    counts: dict[int, Counter[str]] = {}
    tasks = ReadTask.objects.filter(timepoint__subject__trial=trial).exclude(state=ReadState.WITHDRAWN)
    for task in tasks.select_related("reader"):
        people[task.reader_id] = task.reader
        counts.setdefault(task.reader_id, Counter())[task.state] += 1
    rows = []
    for pk, reader in sorted(people.items(), key=lambda item: item[1].username):
        count = counts.get(pk, Counter())
        rows.append(
            Workload(
                reader,
                count[ReadState.WAITING],
                count[ReadState.ASSIGNED],
                count[ReadState.READING],
                count[ReadState.SUBMITTED] + count[ReadState.LOCKED],
            )
        )
    return rows


@dataclass(frozen=True, slots=True)
class AdjudicationRow:
    """An adjudication as a manager follows it: what differed and where, not what was found; why, once it is decided."""

    adjudication: Adjudication
    triggers: tuple[tuple[str, tuple[str, ...]], ...]
    cause: str


def adjudication_rows(trial: Trial) -> list[AdjudicationRow]:
    """A trial's adjudications with the triggers that opened them, open ones first."""
    found = Adjudication.objects.filter(subject__trial=trial).select_related("subject", "timepoint", "adjudicator")
    rows = [
        AdjudicationRow(
            a,
            tuple((trigger["name"], tuple(trigger["timepoint_ids"])) for trigger in a.triggers),
            "" if a.state in UNDECIDED else said_cause(a),
        )
        for a in found.order_by("subject__code", "timepoint__order")
    ]
    return sorted(rows, key=lambda row: row.adjudication.state not in UNDECIDED)


def said_cause(adjudication: Adjudication) -> str:
    """Return why the readers differed, in words; empty where it was not looked into."""
    return SAID[Cause(adjudication.discordance["cause"])] if adjudication.discordance else ""


def steps_to_lock(trial: Trial) -> dict[str, int]:
    """How far a trial is on its way to the lock, in counts that tell no outcome."""
    timepoints = Timepoint.objects.filter(subject__trial=trial).exclude(subject__state=SubjectState.CASE)
    counts = {
        "planned": Count("pk"),
        "received": Count("pk", filter=Q(image_state=ImageState.RECEIVED)),
        "missed": Count("pk", filter=Q(image_state=ImageState.MISSED)),
        "cleared": Count("pk", filter=Q(qc_state=QcState.CLEARED)),
        "read": Count("pk", filter=Q(reading_state=ReadingState.READ)),
    }
    return {**timepoints.aggregate(**counts), "open_queries": open_queries_of(trial).count()}
