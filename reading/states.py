"""The lives of a read, of an adjudication, and of the wish to open a signed read again."""

from __future__ import annotations

from enum import StrEnum

from compliance.states import Machine, Move


class Purpose(StrEnum):
    """What a read is made for. Only reads for the endpoint are in results, statistics and the readiness to lock."""

    ENDPOINT = "endpoint"
    ELIGIBILITY = "eligibility"
    PROGRESSION = "progression"
    QUALIFICATION = "qualification"


#: Reads on a clock: made as soon as they are asked for, not in the order of the schedule.
REAL_TIME = (Purpose.ELIGIBILITY, Purpose.PROGRESSION)


class ReadState(StrEnum):
    WAITING = "waiting"
    ASSIGNED = "assigned"
    READING = "reading"
    SUBMITTED = "submitted"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"
    HANDED_ON = "handed_on"


READ_TASK = Machine(
    "read task",
    initial=ReadState.WAITING,
    moves={
        # A timepoint waits until the reader has signed the ones before it.
        "release": Move(ReadState.WAITING, ReadState.ASSIGNED),
        "open": Move(ReadState.ASSIGNED, ReadState.READING, may="reading.read"),
        "submit": Move(ReadState.READING, ReadState.SUBMITTED, may="reading.read", signature=True),
        "lock": Move(ReadState.SUBMITTED, ReadState.LOCKED),
        # The trial's lock was taken off; the signature stands.
        "unlock": Move(ReadState.LOCKED, ReadState.SUBMITTED),
        # A second person approved that it is opened again; what comes after it waits for it.
        "reopen": Move(
            ReadState.SUBMITTED, ReadState.WAITING, may="reading.decide_reopening", reason=True, supersedes=True
        ),
        "hold": Move((ReadState.ASSIGNED, ReadState.READING), ReadState.WAITING, may="reading.decide_reopening"),
        "withdraw": Move((ReadState.WAITING, ReadState.ASSIGNED, ReadState.READING), ReadState.WITHDRAWN),
        # Another reader has a read of its own in this place; what was drafted here is kept, and nobody reads on.
        "hand_on": Move(
            (ReadState.WAITING, ReadState.ASSIGNED, ReadState.READING),
            ReadState.HANDED_ON,
            may="reading.manage",
            reason=True,
        ),
    },
)


class RealTimeState(StrEnum):
    ASKED = "asked"
    RUNNING = "running"
    ANSWERED = "answered"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"


REAL_TIME_READ = Machine(
    "read on a clock",
    initial=RealTimeState.ASKED,
    moves={
        # The images are cleared: the clock runs.
        "start": Move(RealTimeState.ASKED, RealTimeState.RUNNING),
        # Its reader signed; what the signature names is the read.
        "answer": Move(RealTimeState.RUNNING, RealTimeState.ANSWERED),
        "lock": Move(RealTimeState.ANSWERED, RealTimeState.LOCKED),
        "unlock": Move(RealTimeState.LOCKED, RealTimeState.ANSWERED),
        # Other images came, or the subject is read no further.
        "withdraw": Move((RealTimeState.ASKED, RealTimeState.RUNNING), RealTimeState.WITHDRAWN, reason=True),
        "call_off": Move(
            (RealTimeState.ASKED, RealTimeState.RUNNING), RealTimeState.WITHDRAWN, may="reading.manage", reason=True
        ),
    },
)


class AdjudicationState(StrEnum):
    OPEN = "open"
    #: By consensus: one of the two readers has signed, the other is to.
    PROPOSED = "proposed"
    DECIDED = "decided"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


#: Nothing counts yet, and nobody is told why the readers differ.
UNDECIDED = (AdjudicationState.OPEN, AdjudicationState.PROPOSED)

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
        # Without an adjudicator the two readers settle it: each signs, and the second is the other one.
        "propose": Move(
            AdjudicationState.OPEN, AdjudicationState.PROPOSED, may="reading.meet", reason=True, signature=True
        ),
        "confirm": Move(AdjudicationState.PROPOSED, AdjudicationState.DECIDED, may="reading.meet", signature=True),
        "send_back": Move(
            AdjudicationState.PROPOSED, AdjudicationState.OPEN, may="reading.meet", reason=True, supersedes=True
        ),
        "lock": Move(AdjudicationState.DECIDED, AdjudicationState.LOCKED),
        "unlock": Move(AdjudicationState.LOCKED, AdjudicationState.DECIDED),
        "withdraw": Move(UNDECIDED, AdjudicationState.WITHDRAWN),
        # A read that it rests on is opened again.
        "supersede": Move(
            (*UNDECIDED, AdjudicationState.DECIDED),
            AdjudicationState.SUPERSEDED,
            may="reading.decide_reopening",
            reason=True,
            supersedes=True,
        ),
    },
)


class GlobalReviewState(StrEnum):
    OPEN = "open"
    SIGNED = "signed"
    LOCKED = "locked"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


GLOBAL_REVIEW = Machine(
    "global review",
    initial=GlobalReviewState.OPEN,
    moves={
        "sign": Move(GlobalReviewState.OPEN, GlobalReviewState.SIGNED, may="reading.review", signature=True),
        "lock": Move(GlobalReviewState.SIGNED, GlobalReviewState.LOCKED),
        "unlock": Move(GlobalReviewState.LOCKED, GlobalReviewState.SIGNED),
        "withdraw": Move(GlobalReviewState.OPEN, GlobalReviewState.WITHDRAWN),
        # A read that it rests on is opened again, or another one came.
        "supersede": Move(
            (GlobalReviewState.OPEN, GlobalReviewState.SIGNED),
            GlobalReviewState.SUPERSEDED,
            reason=True,
            supersedes=True,
        ),
    },
)


class ReopeningState(StrEnum):
    ASKED = "asked"
    APPROVED = "approved"
    DECLINED = "declined"


REOPENING = Machine(
    "re-opening of a read",
    initial=ReopeningState.ASKED,
    moves={
        "approve": Move(ReopeningState.ASKED, ReopeningState.APPROVED, may="reading.decide_reopening", signature=True),
        "decline": Move(ReopeningState.ASKED, ReopeningState.DECLINED, may="reading.decide_reopening", reason=True),
    },
)


class ReferenceState(StrEnum):
    READING = "reading"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    DECLINED = "declined"
    SUPERSEDED = "superseded"


CASE_REFERENCE = Machine(
    "reference of a case",
    initial=ReferenceState.READING,
    moves={
        # The expert has signed the last timepoint.
        "submit": Move(ReferenceState.READING, ReferenceState.SUBMITTED),
        "approve": Move(ReferenceState.SUBMITTED, ReferenceState.APPROVED, may="reading.manage", signature=True),
        "decline": Move(
            (ReferenceState.READING, ReferenceState.SUBMITTED),
            ReferenceState.DECLINED,
            may="reading.manage",
            reason=True,
        ),
        # A later one was approved; attempts that were scored by this one keep it.
        "supersede": Move(ReferenceState.APPROVED, ReferenceState.SUPERSEDED),
    },
)


class CaseState(StrEnum):
    IN_USE = "in_use"
    RETIRED = "retired"


QUALIFICATION_CASE = Machine(
    "case for training or qualification",
    initial=CaseState.IN_USE,
    moves={"retire": Move(CaseState.IN_USE, CaseState.RETIRED, may="reading.manage", reason=True)},
)


class AttemptState(StrEnum):
    PREPARED = "prepared"
    BEGUN = "begun"
    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"


#: With these the reader may read.
QUALIFIED = (AttemptState.PASSED, AttemptState.WAIVED)
#: The reader's turn.
UNDER_WAY = (AttemptState.PREPARED, AttemptState.BEGUN)

ATTEMPT = Machine(
    "attempt at qualification",
    initial=AttemptState.PREPARED,
    moves={
        # The person signs that the charter's statement was read.
        "begin": Move(AttemptState.PREPARED, AttemptState.BEGUN, may="reading.qualify", signature=True),
        "pass": Move(AttemptState.BEGUN, AttemptState.PASSED),
        "fail": Move(AttemptState.BEGUN, AttemptState.FAILED),
        "waive": Move(
            (AttemptState.PREPARED, AttemptState.BEGUN, AttemptState.FAILED),
            AttemptState.WAIVED,
            may="reading.manage",
            reason=True,
            signature=True,
        ),
    },
)


class UnblindingState(StrEnum):
    REPORTED = "reported"
    ASSESSED = "assessed"
    CLOSED = "closed"


UNBLINDING = Machine(
    "unplanned unblinding",
    initial=UnblindingState.REPORTED,
    moves={
        "close": Move(
            UnblindingState.REPORTED, UnblindingState.CLOSED, may="reading.assess_unblinding", signature=True
        ),
        # Where the charter asks for a second person.
        "assess": Move(
            UnblindingState.REPORTED, UnblindingState.ASSESSED, may="reading.assess_unblinding", signature=True
        ),
        "confirm": Move(
            UnblindingState.ASSESSED, UnblindingState.CLOSED, may="reading.confirm_unblinding", signature=True
        ),
        "send_back": Move(
            UnblindingState.ASSESSED,
            UnblindingState.REPORTED,
            may="reading.confirm_unblinding",
            reason=True,
            supersedes=True,
        ),
    },
)
