"""Names that tell nothing: of reads, cases and adjudications, and of the series and instances inside one read."""

from __future__ import annotations

import hashlib
import hmac

from compliance import keys
from reading.assignment import blinded_code
from reading.models import Adjudication, GlobalReview, ReadTask
from trials.models import ImagingCharter, Subject, Timepoint, Trial


class _InUse:
    """The codes that records of one type bear already, asked for one by one."""

    def __init__(self, record_type: type[ReadTask] | type[Adjudication] | type[GlobalReview]) -> None:
        self.record_type = record_type

    def __contains__(self, code: object) -> bool:
        return self.record_type._base_manager.filter(blinded_code=code).exists()


def read_code(timepoint: Timepoint, slot: int) -> str:
    """Return the name under which a reader sees the read of a timepoint."""
    secret = keys.of_trial(timepoint.subject.trial.code)
    return blinded_code(secret, "read", f"{timepoint.subject.code} {timepoint.code} {slot}", taken=_InUse(ReadTask))


def case_code(subject: Subject, place: str) -> str:
    """Return the name under which one reader (`place`: the slot) or the adjudicator sees a subject, and no other."""
    return blinded_code(keys.of_trial(subject.trial.code), "case", f"{subject.code} {place}")


def case_code_of(timepoint: Timepoint, place: str, charter: ImagingCharter) -> str:
    """Return the case code of a read: that of its subject, or its own where each timepoint is read by itself."""
    own = f" {timepoint.code}" if charter.terms.reads.by_itself else ""
    return case_code(timepoint.subject, f"{place}{own}")


def review_code(subject: Subject, slot: int) -> str:
    """Return the name under which a reader sees the global review of a case."""
    secret = keys.of_trial(subject.trial.code)
    return blinded_code(secret, "global review", f"{subject.code} {slot}", taken=_InUse(GlobalReview))


def adjudication_code(subject: Subject, timepoint: Timepoint | None) -> str:
    """Return the name under which an adjudicator sees an adjudication."""
    secret = keys.of_trial(subject.trial.code)
    key = f"{subject.code} {timepoint.code if timepoint else ''}"
    return blinded_code(secret, "adjudication", key, taken=_InUse(Adjudication))


class Keys:
    """Names for series and instances inside one read: the same one has another key in every other read."""

    def __init__(self, trial: Trial, code: str) -> None:
        self.secret, self.code = keys.of_trial(trial.code), code

    def of(self, uid: str) -> str:
        """Return the key of a series or instance by its UID."""
        return hmac.digest(self.secret, f"shown\0{self.code}\0{uid}".encode(), hashlib.sha256).hex()[:32]

    def uid_of(self, *parts: str) -> str:
        """Return a UID of this read alone, in the 2.25 arc (PS3.5 §B.2), for programs that know things by UIDs."""
        text = "\0".join(("outside", self.code, *parts))
        return f"2.25.{int.from_bytes(hmac.digest(self.secret, text.encode(), hashlib.sha256)[:16], 'big')}"
