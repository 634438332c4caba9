"""The lives of what comes in: transfer, received instance and its original, commitment, transfer form, round of QC."""

from __future__ import annotations

from enum import StrEnum

from compliance.states import Machine, Move
from trials.states import FormState


class TransferState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


TRANSFER = Machine(
    "transfer",
    initial=TransferState.OPEN,
    moves={"close": Move(TransferState.OPEN, TransferState.CLOSED)},
)


class ReceivedState(StrEnum):
    RECEIVED = "received"
    ARCHIVED = "archived"
    DUPLICATE = "duplicate"
    HELD = "held"
    DISCARDED = "discarded"


RECEIVED_INSTANCE = Machine(
    "received instance",
    initial=ReceivedState.RECEIVED,
    moves={
        "archive": Move(ReceivedState.RECEIVED, ReceivedState.ARCHIVED),
        "recognise": Move(ReceivedState.RECEIVED, ReceivedState.DUPLICATE),
        "hold": Move(ReceivedState.RECEIVED, ReceivedState.HELD),
        "retry": Move(ReceivedState.HELD, ReceivedState.RECEIVED, may="imaging.resolve"),
        "release": Move(ReceivedState.HELD, ReceivedState.RECEIVED, may="imaging.review_pixels"),
        "call_back": Move(ReceivedState.RECEIVED, ReceivedState.HELD, may="imaging.review_pixels"),
        # Consent was withdrawn, and the charter has images erased.
        "let_go": Move((ReceivedState.RECEIVED, ReceivedState.HELD), ReceivedState.DISCARDED),
        "discard": Move(ReceivedState.HELD, ReceivedState.DISCARDED, may="imaging.resolve", reason=True),
    },
)


class OriginalState(StrEnum):
    KEPT = "kept"
    LEAVING = "leaving"
    GONE = "gone"


#: The bytes that came: first the trail says that they leave, then they do, then it says that they are gone.
ORIGINAL = Machine(
    "original",
    initial=OriginalState.KEPT,
    moves={
        "leave": Move(OriginalState.KEPT, OriginalState.LEAVING),
        "left": Move(OriginalState.LEAVING, OriginalState.GONE),
    },
)


#: The bytes that were made of it, which leave the archive when they must be erased.
ARCHIVED_IMAGE = Machine("archived image", initial=OriginalState.KEPT, moves=ORIGINAL.moves)


class CommitmentState(StrEnum):
    WAITING = "waiting"
    REPORTED = "reported"
    GIVEN_UP = "given_up"


COMMITMENT = Machine(
    "commitment",
    initial=CommitmentState.WAITING,
    moves={
        "report": Move(CommitmentState.WAITING, CommitmentState.REPORTED),
        "give_up": Move(CommitmentState.WAITING, CommitmentState.GIVEN_UP),
    },
)


class HoldReason(StrEnum):
    """Why an instance waits in quarantine. Each has a page text in `imaging.selectors`."""

    NOT_DICOM = "not_dicom"
    EMPTY_FILE = "empty_file"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    UID_CONFLICT = "uid_conflict"
    SUBJECT_UNKNOWN = "subject_unknown"
    SUBJECT_OTHER_SITE = "subject_other_site"
    SUBJECT_MISMATCH = "subject_mismatch"
    SUBJECT_WITHDRAWN = "subject_withdrawn"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    TIMEPOINT_UNKNOWN = "timepoint_unknown"
    NO_RECIPE = "no_recipe"
    CANNOT_DEIDENTIFY = "cannot_deidentify"
    PIXEL_REVIEW = "pixel_review"
    FACE_REVIEW = "face_review"
    LEAK_FOUND = "leak_found"
    OVER_BUDGET = "over_budget"
    DAMAGED_AT_REST = "damaged_at_rest"
    TRIAL_LOCKED = "trial_locked"


class PixelState(StrEnum):
    WAITING = "waiting"
    DECIDED = "decided"
    APPLIED = "applied"


PIXEL_REVIEW = Machine(
    "look at pixels",
    initial=PixelState.WAITING,
    moves={
        "decide": Move(PixelState.WAITING, PixelState.DECIDED, may="imaging.review_pixels"),
        "take_back": Move(PixelState.DECIDED, PixelState.WAITING, may="imaging.review_pixels"),
        "ask_again": Move(PixelState.DECIDED, PixelState.WAITING),
        "apply": Move(PixelState.DECIDED, PixelState.APPLIED),
    },
)


class FaceState(StrEnum):
    WAITING = "waiting"
    DECIDED = "decided"
    APPLIED = "applied"
    REFUSED = "refused"


FACE_REVIEW = Machine(
    "look at a face mask",
    initial=FaceState.WAITING,
    moves={
        "decide": Move(FaceState.WAITING, FaceState.DECIDED, may="imaging.review_pixels"),
        "take_back": Move(FaceState.DECIDED, FaceState.WAITING, may="imaging.review_pixels"),
        "ask_again": Move(FaceState.DECIDED, FaceState.WAITING),
        "apply": Move(FaceState.DECIDED, FaceState.APPLIED),
        "refuse": Move(FaceState.WAITING, FaceState.REFUSED, may="imaging.review_pixels", reason=True),
    },
)


class NoFace(StrEnum):
    """Why pictures are left as they are. A list, as of `KeptFor`."""

    NO_HEAD = "no_head"
    OUTSIDE = "outside"
    TAKEN_OUT = "taken_out"
    NO_PERSON = "no_person"


class KeptFor(StrEnum):
    """Why a proposed box was taken away. A list, and no words of one's own: they might repeat what is written there."""

    NO_TEXT = "no_text"
    SCALE = "scale"
    MARKER = "marker"
    ANATOMY = "anatomy"
    MACHINE = "machine"


TRANSFER_FORM = Machine(
    "transfer form",
    initial=FormState.DRAFT,
    moves={
        "sign": Move(FormState.DRAFT, FormState.SIGNED, may="imaging.upload", signature=True),
        "supersede": Move(FormState.SIGNED, FormState.SUPERSEDED),
    },
)


class ReviewState(StrEnum):
    OPEN = "open"
    SECOND = "second"
    CLEARED = "cleared"
    FAILED = "failed"
    SUPERSEDED = "superseded"


#: Rounds that wait for a person; `SECOND`: for another one than has passed it.
UNDECIDED = (ReviewState.OPEN, ReviewState.SECOND)

#: What each person decides is a signed record of its own, so passing a round on needs no further signature.
QC_REVIEW = Machine(
    "QC review",
    initial=ReviewState.OPEN,
    moves={
        "pass_on": Move(ReviewState.OPEN, ReviewState.SECOND, may="imaging.review"),
        "clear": Move(UNDECIDED, ReviewState.CLEARED, may="imaging.review", signature=True),
        "fail": Move(UNDECIDED, ReviewState.FAILED, may="imaging.review", reason=True, signature=True),
        "supersede": Move(UNDECIDED, ReviewState.SUPERSEDED),
    },
)


class Verdict(StrEnum):
    PENDING = "pending"
    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    WAIVE = "waive"


#: Verdicts that let a timepoint be read.
GOOD = (Verdict.PASS, Verdict.WAIVE)


FINDING = Machine(
    "finding",
    initial=Verdict.PENDING,
    moves={
        "pass": Move((Verdict.PENDING, Verdict.FAIL, Verdict.WAIVE), Verdict.PASS, may="imaging.review"),
        "fail": Move((Verdict.PENDING, Verdict.PASS, Verdict.WAIVE), Verdict.FAIL, may="imaging.review", reason=True),
        "waive": Move((Verdict.PENDING, Verdict.PASS, Verdict.FAIL), Verdict.WAIVE, may="imaging.review", reason=True),
    },
)
