"""From signed reads of a case to what is scored: lesions, responses and burdens, by the criteria that readers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from reading import derivation, selectors
from reading.explaining import reading_of
from reading.models import ReadTask
from reading.variability.qualification import Answers, Point, score
from trials.reader_terms import ReaderTerms

#: What is asked, as a table names it.
ASKED = {
    "response": "Response",
    "burden": "Burden",
    "targets": "Target lesion chosen",
    "new_lesions": "New lesion",
    "best_response": "Best overall response",
}


def answers_of(tasks: Sequence[ReadTask]) -> Answers:
    """Return what somebody has of a case: one person's signed reads of it, each with its assessment."""
    result = selectors.slot_result(tasks[0].slot, tasks)
    return Answers(reading_of(result), {read.timepoint.code: read.burden for read in result.reads})


def points_of(own: Sequence[ReadTask], reference: Sequence[ReadTask], terms: ReaderTerms) -> tuple[Point, ...]:
    """Return the points of a reader's case."""
    return score(answers_of(own), answers_of(reference), terms.counted, terms.tolerance)


def stored(point: Point) -> dict[str, Any]:
    """Return a point as it is kept."""
    return {
        "item": point.item,
        "timepoint": point.timepoint,
        "own": point.own,
        "reference": point.reference,
        "agrees": point.agrees,
        "lesion": point.lesion,
    }


def counted(points: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    """Return how many points were given, of how many."""
    return sum(bool(point["agrees"]) for point in points), len(points)


def said(item: str, value: str, unit: str) -> str:
    """Write an answer as a page says it: a burden has its unit."""
    return f"{Decimal(value):f} {unit}" if item == "burden" and value != "none" else value


def unit_of(task: ReadTask) -> str:
    """Return the unit in which the criteria of a read measure the burden."""
    return derivation.pack_of(task.charter).burden.unit
