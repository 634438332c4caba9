"""What a charter asks of readers before they read: training cases, test cases, and the mark that opens the queue."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from trials.terms.kinds import Choice, Flag, Number, Several, Text
from trials.terms.records import term

PASS_MARK, ATTEMPTS, TOLERANCE = 80, 2, 10
#: What gives points, each with what one point is given for.
COMPARED = {
    "response": "the response at each timepoint",
    "burden": "the burden (as the sum of diameters) at each timepoint, within the tolerance",
    "targets": "each target lesion of the reference, chosen as a target",
    "new_lesions": "at each timepoint, whether there is a new lesion",
    "best_response": "the best overall response",
}
_CASES = Number("cases", least=0, most=100, whole=True)


@dataclass(frozen=True, slots=True)
class ReaderTerms:
    """Cases that a reader reads before the trial's own, and what has to agree with an expert's signed reading."""

    statement: str = term(
        Text(4000, lines=True), "What readers acknowledge", "They sign that they have read it, before the first case."
    )
    training_cases: int | None = term(_CASES, "Training cases", "Each reader reads them once; they give no points.")
    test_cases: int | None = term(_CASES, "Test cases", "In each attempt, those that the reader had least often.")
    pass_mark: float | None = term(
        Number("%", above=0, most=100), "Pass mark", f"Share of all points of the test; {PASS_MARK}% if left out."
    )
    attempts: int | None = term(
        Number("attempts", least=1, most=20, whole=True),
        "Attempts",
        f"After that many the reading manager decides; {ATTEMPTS} if left out.",
    )
    compared: tuple[str, ...] = term(
        Several(Choice(COMPARED)), "What gives points", "If left out: response, burden and targets."
    )
    tolerance_percent: float | None = term(
        Number("%", least=0, most=100), "Tolerance", f"Of the reference's burden; {TOLERANCE}% if left out."
    )
    valid_days: int | None = term(
        Number("days", least=1, most=3650, whole=True), "Valid for", "From the day of passing; without end if left out."
    )
    adjudicators: bool = term(Flag(), "Adjudicators qualify too")

    @property
    def asked(self) -> bool:
        """Whether anything is asked of a reader."""
        return bool(self.statement or self.training_cases or self.test_cases)

    @property
    def mark(self) -> Decimal:
        """Share of the points that passes, in percent."""
        return _exact(PASS_MARK if self.pass_mark is None else self.pass_mark)

    @property
    def most_attempts(self) -> int:
        """Attempts that a reader has without asking."""
        return self.attempts or ATTEMPTS

    @property
    def tolerance(self) -> Decimal:
        """How far a burden may lie from the reference's, in percent of that."""
        return _exact(TOLERANCE if self.tolerance_percent is None else self.tolerance_percent)

    @property
    def counted(self) -> tuple[str, ...]:
        """What gives points, in the order of `COMPARED`."""
        chosen = self.compared or ("response", "burden", "targets")
        return tuple(name for name in COMPARED if name in chosen)


def _exact(number: float) -> Decimal:
    return Decimal(str(number))
