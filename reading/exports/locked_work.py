"""Signed work of readers as plain values (`reading.exports.locked`)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LockedWork:
    """That a read or an adjudication was signed: by whose place, and when.

    `signed_at` is in UTC and shifted by the subject's number of days, like its scans; None where nothing of the subject
    is dated. A read that was opened again has a version for each signature, the last of which stands;
    `reopened_because` says why an earlier one does not.
    """

    what: str
    timepoint: str
    evalid: str
    version: int
    signed_at: dt.datetime | None
    reopened_because: str = ""
