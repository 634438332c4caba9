"""Global reviews of a locked trial as plain values (`reading.exports.locked`)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

#: Of a field: without any it is not told, so that what was written before it was known stays the same.
ONLY_WHERE_ANY = {"only": "where any"}


@dataclass(frozen=True, slots=True)
class LockedReview:
    """What a reader made of a response in a global review; `derived` is what the reader had signed.

    `signed_at` is shifted like the subject's scans; None where nothing of the subject is dated.
    """

    evalid: str
    timepoint: str
    derived: str
    response: str
    reason: str
    signed_at: dt.datetime | None
