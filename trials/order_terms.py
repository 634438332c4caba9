"""What a charter says of how a reader goes through the timepoints of a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trials.terms.kinds import Choice, Flag, Problem, Text
from trials.terms.records import term

if TYPE_CHECKING:
    from trials.charter.sections import Charter

SEQUENTIAL, BATCH, RANDOMISED = "sequential", "batch", "randomised"
ORDERS = {
    SEQUENTIAL: "one after the other as they come, each locked before the next is seen",
    BATCH: "one after the other, none before all are in",
    RANDOMISED: "each by itself, in an order drawn by the trial's seed, none before all are in",
}


@dataclass(frozen=True, slots=True)
class ReadOrderTerms:
    """In which order a reader sees a subject's timepoints, and what must be in before the first is opened."""

    order: str = term(Choice(ORDERS), "Timepoints are read", f"If left out: {ORDERS[SEQUENTIAL]}.")
    cut_off: str = term(
        Text(12),
        "All are in",
        "Of “none before all are in”: code of the visit that is waited for; later ones are read as they come. If left "
        "out, all visits are waited for.",
    )

    global_review: bool = term(
        Flag(),
        "A global review at the end",
        "When a reader has signed every timepoint, the reader goes over the case once more, and may change responses "
        "with a reason. Those are the ones that count.",
    )

    @property
    def said(self) -> str:
        """The order in words."""
        return ORDERS[self.order or SEQUENTIAL]

    @property
    def in_batch(self) -> bool:
        """Whether nothing is opened before the scans are in."""
        return self.order in (BATCH, RANDOMISED)

    @property
    def by_itself(self) -> bool:
        """Whether a timepoint is read without the ones before it."""
        return self.order == RANDOMISED


def faults_of_order(charter: Charter) -> Iterator[Problem]:
    """Give what contradicts the order of reading: a visit that is none, and whatever would tell a drawn order."""
    terms = charter.reads
    if terms.cut_off and terms.order != BATCH:
        yield Problem(("reads", "cut_off"), f"it goes with “{ORDERS[BATCH]}” alone")
    elif terms.cut_off and terms.cut_off not in {visit.code for visit in charter.schedule}:
        yield Problem(("reads", "cut_off"), f"{terms.cut_off} is no visit of the schedule")
    if not terms.by_itself:
        return
    if terms.global_review:
        yield Problem(("reads", "global_review"), "it would show beside each other what is read by itself")
    if "dates" not in charter.blinded_to:
        yield Problem(("reads", "order"), "readers who are told the dates know the order of the visits")
    if charter.real_time.asks("progression") and charter.real_time.readers:
        said = "a reader of the case who verifies its progression sees its timepoints in their order"
        yield Problem(("reads", "order"), said)
    for number, hanging in enumerate(charter.hanging, start=1):
        for place, cell in enumerate(hanging.cells, start=1):
            if cell.timepoint != "present":
                said = "a timepoint that is read by itself has no other one beside it"
                yield Problem(("hanging", number, "cells", place, "timepoint"), said)
