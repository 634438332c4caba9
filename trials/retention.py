"""How long the originals of a trial lie in quarantine: the charter's rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

#: The longest wait that a rule may ask for, about twenty years.
MOST_DAYS = 7300


class RetentionInvalid(ValueError):
    """A charter's section on retention says nothing that can be done; the text says what it may say."""


class Leave(StrEnum):
    """What lets an original go."""

    KEPT = "kept"
    AFTER_DAYS = "after_days"
    AT_LOCK = "at_lock"


@dataclass(frozen=True, slots=True)
class Retention:
    """When originals leave: never, so many days after the clearance of their timepoint, or with the database lock.

    They are kept unless the charter says otherwise: nothing brings back what has left.
    """

    leave: Leave = Leave.KEPT
    days: int = 0

    @classmethod
    def parse(cls, section: Mapping[str, Any]) -> Retention:
        """Read `originals: kept`, `originals: at_lock` or `originals: {after_days: 90}`; without it they are kept.

        Raises
        ------
        RetentionInvalid
        """
        said = section.get("originals", Leave.KEPT)
        if set(section) <= {"originals"}:
            if said in (Leave.KEPT, Leave.AT_LOCK):
                return cls(Leave(said))
            days = said.get("after_days") if isinstance(said, Mapping) and len(said) == 1 else None
            if isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= MOST_DAYS:
                return cls(Leave.AFTER_DAYS, days)
        raise RetentionInvalid(
            f"“originals” is the one entry, and is “kept”, “at_lock”, or “after_days” with 1 to {MOST_DAYS} days"
        )

    def content(self) -> dict[str, Any]:
        """Return the section as a charter's content holds it."""
        return {"originals": {"after_days": self.days} if self.leave is Leave.AFTER_DAYS else str(self.leave)}

    @property
    def words(self) -> str:
        """The rule, as what follows “Originals”."""
        plural = "" if self.days == 1 else "s"
        return {
            Leave.KEPT: "are kept",
            Leave.AFTER_DAYS: f"leave {self.days} day{plural} after QC has cleared their timepoint",
            Leave.AT_LOCK: "leave when the database is locked",
        }[self.leave]
