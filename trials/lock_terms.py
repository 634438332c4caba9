"""What a charter says of the database lock, and of taking it off again."""

from __future__ import annotations

from dataclasses import dataclass

from trials.terms.kinds import Choice, Flag
from trials.terms.records import term

#: Roles whose signature a lock may need beside the administrator's.
SECOND = {"reading_manager": "a reading manager", "qc_analyst": "a QC analyst", "sponsor": "the sponsor"}


@dataclass(frozen=True, slots=True)
class LockTerms:
    """Who has a say in the lock beside the trial's administrator."""

    second_signature: str = term(
        Choice(SECOND),
        "The lock is signed besides by",
        "The administrator proposes by signature; whoever has this role signs the same content. If left out: nobody.",
    )
    sponsor_agrees_to_unlock: bool = term(
        Flag(),
        "The sponsor agrees before a lock is taken off",
        "By signature, beside the reading manager who asks and the trial's administrator who approves.",
    )
