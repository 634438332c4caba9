"""What a charter says of how reading is organised, beside criteria and adjudication."""

from __future__ import annotations

from dataclasses import dataclass

from trials.terms.kinds import Number
from trials.terms.records import term

WASHOUT_DAYS, SPREAD_DAYS = 28, 14
_DAYS = Number("days", least=0, most=3650, whole=True)


@dataclass(frozen=True, slots=True)
class RereadTerms:
    """Subjects that a reader reads a second time without knowing, to see how well readers agree with themselves."""

    percent: float | None = term(
        Number("%", least=0, most=100),
        "Read again by the same reader",
        "Share of each reader's subjects, drawn by the trial's seed. Nothing tells the reader that a case comes again.",
    )
    washout_days: int | None = term(
        _DAYS, "Not before", f"After the reader's last signature in the subject; {WASHOUT_DAYS} days if left out."
    )
    spread_days: int | None = term(
        _DAYS,
        "Spread over",
        f"More days, drawn for each case, so that its day tells nothing; {SPREAD_DAYS} if left out.",
    )

    @property
    def washout(self) -> int:
        """Days that pass at least."""
        return WASHOUT_DAYS if self.washout_days is None else self.washout_days

    @property
    def spread(self) -> int:
        """Days more that may pass."""
        return SPREAD_DAYS if self.spread_days is None else self.spread_days
