"""What a charter says of the database lock, and of taking it off again."""

from __future__ import annotations

from dataclasses import dataclass

from trials.terms.kinds import Flag
from trials.terms.records import term


@dataclass(frozen=True, slots=True)
class LockTerms:
    """Who has a say in the lock beside the trial's administrator."""

    sponsor_agrees_to_unlock: bool = term(
        Flag(),
        "The sponsor agrees before a lock is taken off",
        "By signature, beside the reading manager who asks and the trial's administrator who approves.",
    )
