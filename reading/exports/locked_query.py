"""Queries of a locked trial as plain values (`reading.exports.locked`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LockedQuery:
    """A query: what it was about, who asked and answered by role, and how long it took; no text, and no true date.

    `site`, `subject` and `timepoint` are empty where it was about none, or about a subject that is in no result.
    `opened_day` is the study day, `answered_after` and `closed_after` are days from then; None where it never was.
    """

    site: str
    subject: str
    timepoint: str
    about: str
    item: str
    opened_by: str
    opened_day: int | None
    answered_by: str
    answered_after: int | None
    closed_by: str
    closed_after: int | None
    reopened: int
    messages: int
