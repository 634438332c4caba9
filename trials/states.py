"""The lives of the protocol's entities. A timepoint lives three lives side by side: images, QC, reading."""

from __future__ import annotations

from enum import StrEnum

from compliance.states import Machine, Move


class TrialState(StrEnum):
    SETUP = "setup"
    RUNNING = "running"
    LOCKED = "locked"


TRIAL = Machine(
    "trial",
    initial=TrialState.SETUP,
    moves={
        "start": Move(TrialState.SETUP, TrialState.RUNNING, may="trials.administer"),
        "lock": Move(TrialState.RUNNING, TrialState.LOCKED, may="trials.lock", signature=True),
        # Where the charter asks for it: an administrator has signed a `LockProposal`, and the second person signs this.
        "lock_by_two": Move(TrialState.RUNNING, TrialState.LOCKED, may="trials.confirm_lock", signature=True),
        # Two people of different roles have signed an `Unlock`; the database asks for it too.
        "unlock": Move(
            TrialState.LOCKED, TrialState.RUNNING, may="trials.approve_unlock", reason=True, supersedes=True
        ),
    },
)


class ProposalState(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    OUTDATED = "outdated"


LOCK_PROPOSAL = Machine(
    "proposal of a lock",
    initial=ProposalState.PROPOSED,
    moves={
        "confirm": Move(ProposalState.PROPOSED, ProposalState.CONFIRMED, may="trials.confirm_lock", signature=True),
        # Something changed, or it was proposed anew: whoever signed has not signed what there is now.
        "outdate": Move(ProposalState.PROPOSED, ProposalState.OUTDATED, reason=True, supersedes=True),
    },
)


class UnlockState(StrEnum):
    ASKED = "asked"
    #: The sponsor agreed, where the charter asks for that.
    AGREED = "agreed"
    APPROVED = "approved"
    DECLINED = "declined"


#: Nothing is decided yet.
UNLOCK_WAITING = (UnlockState.ASKED, UnlockState.AGREED)

UNLOCK = Machine(
    "unlock",
    initial=UnlockState.ASKED,
    moves={
        "agree": Move(UnlockState.ASKED, UnlockState.AGREED, may="trials.agree_to_unlock", signature=True),
        "approve": Move(UNLOCK_WAITING, UnlockState.APPROVED, may="trials.approve_unlock", signature=True),
        "decline": Move(UNLOCK_WAITING, UnlockState.DECLINED, may="trials.approve_unlock", reason=True),
        "refuse": Move(UnlockState.ASKED, UnlockState.DECLINED, may="trials.agree_to_unlock", reason=True),
    },
)


class FreezeLevel(StrEnum):
    SUBJECT = "subject"
    INTERIM = "interim"


class FreezeState(StrEnum):
    #: It closes what it covers at once; where the charter asks for a second signature, that one is waited for.
    PROPOSED = "proposed"
    STANDING = "standing"
    LIFTED = "lifted"


FREEZE = Machine(
    "freeze",
    initial=FreezeState.PROPOSED,
    moves={
        # One signature is enough: it was given with the proposal.
        "hold": Move(FreezeState.PROPOSED, FreezeState.STANDING),
        "confirm": Move(FreezeState.PROPOSED, FreezeState.STANDING, may="trials.confirm_lock", signature=True),
        # Signed right before, by another person than who froze: the database asks for that signature.
        "lift": Move(
            (FreezeState.PROPOSED, FreezeState.STANDING), FreezeState.LIFTED, may="trials.lift_freeze", reason=True
        ),
    },
)


class RedactionState(StrEnum):
    ASKED = "asked"
    #: For the moment in which the text is taken out: the database lets it be changed then alone.
    APPROVED = "approved"
    DONE = "done"
    DECLINED = "declined"


REDACTION = Machine(
    "redaction",
    initial=RedactionState.ASKED,
    moves={
        "approve": Move(RedactionState.ASKED, RedactionState.APPROVED, may="trials.approve_redaction", signature=True),
        "carry_out": Move(RedactionState.APPROVED, RedactionState.DONE),
        "decline": Move(RedactionState.ASKED, RedactionState.DECLINED, may="trials.approve_redaction", reason=True),
    },
)


class CharterState(StrEnum):
    DRAFT = "draft"
    REVIEWED = "reviewed"
    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"


#: A version that is not in force yet; a trial has one at most.
OPEN_CHARTER = (CharterState.DRAFT, CharterState.REVIEWED)

CHARTER = Machine(
    "imaging charter",
    initial=CharterState.DRAFT,
    moves={
        "review": Move(CharterState.DRAFT, CharterState.REVIEWED, may="trials.review_charter", signature=True),
        "reopen": Move(
            CharterState.REVIEWED, CharterState.DRAFT, may="trials.administer", reason=True, supersedes=True
        ),
        "sign": Move(
            (CharterState.DRAFT, CharterState.REVIEWED),
            CharterState.IN_FORCE,
            may="trials.administer",
            signature=True,
        ),
        "supersede": Move(CharterState.IN_FORCE, CharterState.SUPERSEDED),
    },
)


class SubjectState(StrEnum):
    SCREENED = "screened"
    ENROLLED = "enrolled"
    SCREEN_FAILED = "screen_failed"
    WITHDRAWN = "withdrawn"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CASE = "case"


#: Of these nothing more is expected, and nothing is taken.
LEFT = (SubjectState.SCREEN_FAILED, SubjectState.WITHDRAWN, SubjectState.CONSENT_WITHDRAWN)
#: These do not take part, or not yet: nothing of them is read, and no result has them.
NOT_ENROLLED = (SubjectState.SCREENED, SubjectState.SCREEN_FAILED, SubjectState.CASE)

SUBJECT = Machine(
    "subject",
    initial=SubjectState.SCREENED,
    moves={
        "enrol": Move(SubjectState.SCREENED, SubjectState.ENROLLED, may="trials.enrol"),
        # Its images train and examine readers; it is nobody's subject, and no result has it.
        "set_aside": Move(SubjectState.SCREENED, SubjectState.CASE, may="trials.set_aside_case"),
        "fail_screening": Move(SubjectState.SCREENED, SubjectState.SCREEN_FAILED, may="trials.enrol", reason=True),
        "withdraw": Move(
            (SubjectState.SCREENED, SubjectState.ENROLLED), SubjectState.WITHDRAWN, may="trials.enrol", reason=True
        ),
        "withdraw_consent": Move(
            (
                SubjectState.SCREENED,
                SubjectState.ENROLLED,
                SubjectState.SCREEN_FAILED,
                SubjectState.WITHDRAWN,
                SubjectState.CASE,
            ),
            SubjectState.CONSENT_WITHDRAWN,
            may="trials.enrol",
            reason=True,
            signature=True,
        ),
    },
)


class ImageState(StrEnum):
    EXPECTED = "expected"
    RECEIVED = "received"
    MISSED = "missed"


TIMEPOINT_IMAGES = Machine(
    "timepoint's images",
    initial=ImageState.EXPECTED,
    moves={
        "receive": Move((ImageState.EXPECTED, ImageState.MISSED), ImageState.RECEIVED),
        "miss": Move(ImageState.EXPECTED, ImageState.MISSED, may="trials.enrol", reason=True),
        "expect": Move(ImageState.MISSED, ImageState.EXPECTED, may="trials.enrol", reason=True),
    },
)


class QcState(StrEnum):
    NOT_READY = "not_ready"
    AWAITING = "awaiting"
    QUERIED = "queried"
    CLEARED = "cleared"


TIMEPOINT_QC = Machine(
    "timepoint's quality control",
    initial=QcState.NOT_READY,
    moves={
        "request": Move((QcState.NOT_READY, QcState.QUERIED), QcState.AWAITING),
        "reopen": Move(QcState.CLEARED, QcState.AWAITING),
        "clear": Move(QcState.AWAITING, QcState.CLEARED, may="imaging.review", signature=True),
        "fail": Move(QcState.AWAITING, QcState.QUERIED, may="imaging.review", reason=True, signature=True),
    },
)


class ReadingState(StrEnum):
    NOT_READY = "not_ready"
    OPEN = "open"
    READ = "read"


TIMEPOINT_READING = Machine(
    "timepoint's reading",
    initial=ReadingState.NOT_READY,
    moves={
        "open": Move(ReadingState.NOT_READY, ReadingState.OPEN),
        "finish": Move(ReadingState.OPEN, ReadingState.READ),
        "reopen": Move(ReadingState.READ, ReadingState.OPEN),
    },
)


class QueryState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


QUERY = Machine(
    "query",
    initial=QueryState.OPEN,
    moves={
        "answer": Move(QueryState.OPEN, QueryState.ANSWERED, may="trials.answer_query"),
        "reopen": Move(
            (QueryState.ANSWERED, QueryState.CLOSED), QueryState.OPEN, may="trials.raise_query", reason=True
        ),
        "close": Move((QueryState.OPEN, QueryState.ANSWERED), QueryState.CLOSED, may="trials.raise_query"),
    },
)


class AnswersState(StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    SUPERSEDED = "superseded"


SITE_ANSWERS = Machine(
    "questionnaire",
    initial=AnswersState.DRAFT,
    moves={
        "sign": Move(AnswersState.DRAFT, AnswersState.SIGNED, may="trials.answer_for_site", signature=True),
        "supersede": Move(AnswersState.SIGNED, AnswersState.SUPERSEDED),
    },
)


class ScannerState(StrEnum):
    REGISTERED = "registered"
    QUALIFIED = "qualified"
    RETIRED = "retired"


#: Scanners that a site scans on.
IN_USE = (ScannerState.REGISTERED, ScannerState.QUALIFIED)

SCANNER = Machine(
    "scanner",
    initial=ScannerState.REGISTERED,
    moves={
        "qualify": Move(ScannerState.REGISTERED, ScannerState.QUALIFIED, may="trials.qualify_site"),
        "retire": Move(IN_USE, ScannerState.RETIRED, may="trials.register_scanner", reason=True),
    },
)


class UploadTestState(StrEnum):
    JUDGED = "judged"
    ACCEPTED = "accepted"
    REFUSED = "refused"


UPLOAD_TEST = Machine(
    "test upload",
    initial=UploadTestState.JUDGED,
    moves={
        "accept": Move(
            UploadTestState.JUDGED, UploadTestState.ACCEPTED, may="trials.judge_upload_test", signature=True
        ),
        "refuse": Move(UploadTestState.JUDGED, UploadTestState.REFUSED, may="trials.judge_upload_test", reason=True),
    },
)


class QualificationState(StrEnum):
    PREPARED = "prepared"
    QUALIFIED = "qualified"
    ENDED = "ended"


SITE_QUALIFICATION = Machine(
    "site qualification",
    initial=QualificationState.PREPARED,
    moves={
        "qualify": Move(
            QualificationState.PREPARED, QualificationState.QUALIFIED, may="trials.qualify_site", signature=True
        ),
        "end": Move(QualificationState.QUALIFIED, QualificationState.ENDED, may="trials.qualify_site", reason=True),
        "follow": Move(QualificationState.QUALIFIED, QualificationState.ENDED),
    },
)


class NoticeState(StrEnum):
    OPEN = "open"
    AWAITING_TEST = "awaiting_test"
    SETTLED = "settled"


#: Notices of which nobody has said yet that they are done with.
UNSETTLED = (NoticeState.OPEN, NoticeState.AWAITING_TEST)

SCANNER_NOTICE = Machine(
    "notice about a scanner",
    initial=NoticeState.OPEN,
    moves={
        "acknowledge": Move(NoticeState.OPEN, NoticeState.SETTLED, may="trials.qualify_site", reason=True),
        "ask_test": Move(NoticeState.OPEN, NoticeState.AWAITING_TEST, may="trials.qualify_site", reason=True),
        "require_test": Move(NoticeState.OPEN, NoticeState.AWAITING_TEST),
        "settle": Move(NoticeState.AWAITING_TEST, NoticeState.SETTLED),
    },
)


class FormState(StrEnum):
    DRAFT = "draft"
    SIGNED = "signed"
    SUPERSEDED = "superseded"


SITE_FORM = Machine(
    "site form",
    initial=FormState.DRAFT,
    moves={
        "sign": Move(FormState.DRAFT, FormState.SIGNED, may="trials.fill_form", signature=True),
        "supersede": Move(FormState.SIGNED, FormState.SUPERSEDED),
    },
)


class EmergencyState(StrEnum):
    OPEN = "open"
    ENDED = "ended"
    REVIEWED = "reviewed"


EMERGENCY_ACCESS = Machine(
    "emergency access",
    initial=EmergencyState.OPEN,
    moves={
        # By its time, by whoever opened it, or by an administrator; the service asks.
        "end": Move(EmergencyState.OPEN, EmergencyState.ENDED),
        "review": Move(EmergencyState.ENDED, EmergencyState.REVIEWED, may="trials.review_emergency", signature=True),
    },
)
