"""Pseudonyms by keyed hashing: the same input gives the same output within a trial, and no table is kept."""

from __future__ import annotations

import hmac
import re
from datetime import date
from functools import cached_property

STANDARD_ROOT = "1.2.840.10008."
# Offsets are whole weeks, so that weekdays stay, from five weeks to ten years back.
_LEAST_WEEKS, _MOST_WEEKS = 5, 521
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})|(\d{4})\.(\d{2})\.(\d{2})", re.ASCII)
_DATE_TIME = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?", re.ASCII)


class SubjectKeys:
    """The pseudonyms of one subject.

    Whoever holds the trial's secret can test guesses of short identifiers, so it is kept like the identifiers.

    Parameters
    ----------
    trial_secret
        At least 16 bytes, kept outside the database.
    subject_code
        The subject's code in the trial; decides the shift of dates and nothing else.
    """

    def __init__(self, trial_secret: bytes, subject_code: str) -> None:
        if len(trial_secret) < 16:
            raise ValueError("a trial's secret holds at least 16 bytes")
        if not subject_code:
            raise ValueError("a subject has a code")
        self._secret = trial_secret
        self.subject_code = subject_code

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SubjectKeys):
            return NotImplemented
        return (self._secret, self.subject_code) == (other._secret, other.subject_code)

    def __hash__(self) -> int:
        return hash((self._secret, self.subject_code))

    def _hash(self, purpose: bytes, text: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\0" + text, "sha256")

    def uid(self, original: str) -> str:
        """Pseudonymous UID under 2.25 (PS3.5 §B.2), at most 44 characters.

        Keyed by the trial and not by the subject, so that references link whoever is found to own them.
        UIDs of the standard stay as they are.
        """
        original = original.strip(" \0")
        if not original or original.startswith(STANDARD_ROOT):
            return original
        return f"2.25.{int.from_bytes(self._hash(b'uid', original.encode('utf-8', 'replace'))[:16], 'big')}"

    @cached_property
    def shift_days(self) -> int:
        """Days added to every date of the subject: negative, a whole number of weeks, never zero."""
        span = _MOST_WEEKS - _LEAST_WEEKS + 1
        number = int.from_bytes(self._hash(b"date shift", self.subject_code.encode())[:8], "big")
        return -7 * (_LEAST_WEEKS + number % span)

    def shift_date(self, value: str) -> str | None:
        """Shift a DA value, the form of ACR-NEMA included; None for what is not a date, so that it is removed."""
        match = _DATE.fullmatch(value.strip(" \0"))
        if match is None:
            return None
        year, month, day = (int(part) for part in match.groups() if part is not None)
        try:
            moved = date.fromordinal(date(year, month, day).toordinal() + self.shift_days)
        except (ValueError, OverflowError):
            return None
        return f"{moved.year:04d}{moved.month:02d}{moved.day:02d}"

    def shift_datetime(self, value: str) -> str | None:
        """Shift a DT value; time of day, fraction and offset from UTC stay. None without a full date."""
        match = _DATE_TIME.fullmatch(value.strip(" \0"))
        moved = self.shift_date(match[1]) if match else None
        if match is None or moved is None:
            return None
        return moved + (match[2] or "") + (match[3] or "")

    def patient(self, identifier: str) -> str:
        """Pseudonym, 64 hexadecimal digits, by which a hospital's identifier is known again; keyed by the trial."""
        return self._hash(b"patient", identifier.encode()).hex()

    def seal(self, content: bytes, pixels: bytes) -> str:
        """Keyed digest, 48 hexadecimal digits, that proves a file to be our own output, unaltered."""
        digest = hmac.new(self._secret, b"seal\0" + len(content).to_bytes(8, "big"), "sha256")
        digest.update(content)
        digest.update(pixels)
        return digest.hexdigest()[:48]
