"""The lives of a read, and of an adjudication."""

from __future__ import annotations

from enum import StrEnum

from compliance.states import Machine, Move


class ReadState(StrEnum):
    WAITING = "waiting"
    ASSIGNED = "assigned"
    READING = "reading"
    SUBMITTED = "submitted"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"


READ_TASK = Machine(
    "read task",
    initial=ReadState.WAITING,
    moves={
        # A timepoint waits until the reader has signed the ones before it.
        "release": Move(ReadState.WAITING, ReadState.ASSIGNED),
        "open": Move(ReadState.ASSIGNED, ReadState.READING, may="reading.read"),
        "submit": Move(ReadState.READING, ReadState.SUBMITTED, may="reading.read", signature=True),
        "lock": Move(ReadState.SUBMITTED, ReadState.LOCKED),
        "withdraw": Move((ReadState.WAITING, ReadState.ASSIGNED, ReadState.READING), ReadState.WITHDRAWN),
    },
)


class AdjudicationState(StrEnum):
    OPEN = "open"
    DECIDED = "decided"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"


ADJUDICATION = Machine(
    "adjudication",
    initial=AdjudicationState.OPEN,
    moves={
        "decide": Move(
            AdjudicationState.OPEN,
            AdjudicationState.DECIDED,
            may="reading.adjudicate",
            reason=True,
            signature=True,
        ),
        "lock": Move(AdjudicationState.DECIDED, AdjudicationState.LOCKED),
        "withdraw": Move(AdjudicationState.OPEN, AdjudicationState.WITHDRAWN),
    },
)
