"""Which records of the table of addresses have a life, and which states of it close what the table opens.

A record that is not named in `CLOSED` answers in every state to those whom the table lets in: with its page, or with
the sentence why the state does not allow the step, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compliance.models import Record
from imaging.models import FaceReview, Finding, PixelReview, QcReview, Transfer, TransferForm
from reading.models import (
    Adjudication,
    CaseReference,
    GlobalReview,
    QualificationCase,
    ReadTask,
    RealTimeRead,
    Reopening,
    Unblinding,
)
from tests.house.address_matrix import MATRIX, Row
from trials.models import (
    EmergencyAccess,
    Freeze,
    ImagingCharter,
    Query,
    Redaction,
    Scanner,
    ScannerNotice,
    SiteForm,
    SiteQualification,
    Subject,
    Timepoint,
    Trial,
    Unlock,
    UploadTest,
)

#: The model behind each kind of record that has a life; a kind may name a part of it besides.
LIVES: Mapping[str, type[Record]] = {
    "trial": Trial,
    "charter": ImagingCharter,
    "subject": Subject,
    "timepoint": Timepoint,
    "site form": SiteForm,
    "query": Query,
    "qualification": SiteQualification,
    "scanner": Scanner,
    "scanner notice": ScannerNotice,
    "test upload": UploadTest,
    "transfer": Transfer,
    "transfer form": TransferForm,
    "review": QcReview,
    "finding": Finding,
    "look": PixelReview,
    "face": FaceReview,
    "task": ReadTask,
    "examined task": ReadTask,
    "signed task": ReadTask,
    "global review": GlobalReview,
    "meeting": Adjudication,
    "adjudication": Adjudication,
    "case": Adjudication,
    "question": RealTimeRead,
    "reopening": Reopening,
    "unblinding": Unblinding,
    "redaction": Redaction,
    "unlock": Unlock,
    "freeze": Freeze,
    "emergency": EmergencyAccess,
    "training case": QualificationCase,
    "case reference": CaseReference,
}


class State(NamedTuple):
    """A state of a life, by the field that holds it."""

    record: str
    field: str
    state: str


#: A lock is more than a state; `tests/house/test_release.py` asks a trial that was locked.
ELSEWHERE = {("trial", "locked")}


def states() -> Iterator[State]:
    """Every state of every record that the table of addresses names and that has a life."""
    for record, model in LIVES.items():
        for field, machine in model.machines.items():
            found = (State(record, field, str(one)) for one in type(machine.initial))
            yield from (one for one in found if (record, one.state) not in ELSEWHERE)


def rows_of(record: str) -> tuple[Row, ...]:
    """The rows that name such a record."""
    return tuple(row for row in MATRIX if row.record == record)


#: States in which a record is not there for those either whom the table lets in.
CLOSED: Mapping[str, frozenset[str]] = {
    # What waits, was withdrawn or was handed on to somebody else is out of its reader's sight.
    "task": frozenset({"waiting", "withdrawn", "handed_on"}),
    "examined task": frozenset({"waiting", "withdrawn", "handed_on"}),
    # Only what was signed is replayed.
    "signed task": frozenset({"waiting", "assigned", "reading", "withdrawn", "handed_on"}),
    # A superseded one has another in its place, and nobody decides a withdrawn one.
    "adjudication": frozenset({"withdrawn", "superseded"}),
    "meeting": frozenset({"withdrawn", "superseded"}),
    "global review": frozenset({"withdrawn", "superseded"}),
    "case": frozenset({"superseded"}),
}


def closes(state: State) -> bool:
    """Tell whether a record in this state is not there for anybody."""
    return state.state in CLOSED.get(state.record, frozenset())
