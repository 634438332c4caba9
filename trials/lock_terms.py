"""What a charter says of the database lock, and of taking it off again."""

from __future__ import annotations

from dataclasses import dataclass

from trials.terms.kinds import Choice, Flag, Several
from trials.terms.records import term

#: Roles whose signature a lock may need beside the administrator's.
SECOND = {"reading_manager": "a reading manager", "qc_analyst": "a QC analyst", "sponsor": "the sponsor"}
#: Roles that may be let have the package of an interim lock.
MAY_HAVE = {"sponsor": "the sponsor", "auditor": "an auditor", "trial_administrator": "the trial's administrator"}


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
    interim_package_to: tuple[str, ...] = term(
        Several(Choice(MAY_HAVE)),
        "Who gets the package of an interim lock",
        "It holds outcomes while the trial goes on. If left out: nobody. It is built and kept, and its digest shown.",
    )
