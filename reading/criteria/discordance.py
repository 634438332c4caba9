"""Where two readers' results of the same subject differ, by the triggers of an imaging charter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from compliance.errors import HouseError

from .base import Criteria
from .inputs import BaselineRead, SubjectHistory, TargetLesion, TargetMeasure, TimepointRead
from .recist11 import Recist11
from .results import SubjectResponse
from .values import as_json

#: In the order in which they are reported.
TRIGGERS = (
    "overall_response",
    "best_overall_response",
    "response_class",
    "progression_date",
    "first_response_date",
)


class NotComparable(HouseError):
    """Two results cannot be held against each other: a trigger is unknown, or the rules were not the same."""

    code = "results_not_comparable"
    status = 422


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger that fired.

    Attributes
    ----------
    name
        One of `TRIGGERS`.
    timepoint_ids
        Where the readers differ, in order of time; for dates the timepoints they date the event at; empty for
        triggers on the subject as a whole.
    values
        What the first and the second reader have: one pair for each timepoint, or one for the subject.
    """

    name: str
    timepoint_ids: tuple[str, ...]
    values: tuple[tuple[str, str], ...]

    def to_json(self) -> object:
        """Return plain JSON values."""
        return as_json(self)


def discordant(
    result_a: SubjectResponse,
    result_b: SubjectResponse,
    triggers: Collection[str],
    date_window_days: int = 0,
) -> tuple[Trigger, ...]:
    """Return the triggers on which two results differ.

    Parameters
    ----------
    result_a, result_b
        Two readers' results of one subject. Only timepoints that both have read are compared one by one.
    triggers
        Those the charter names, in any order.
    date_window_days
        Dates up to this many days apart agree; an event that only one reader has never agrees.

    Raises
    ------
    NotComparable
        A trigger is unknown, or the results come from different packs, versions or parameters.
    """
    unknown = sorted(set(triggers) - set(TRIGGERS))
    if unknown:
        raise NotComparable(f"Trigger {unknown[0]} is unknown; the charter may use {', '.join(TRIGGERS)}.")
    if result_a.pack != result_b.pack:
        raise NotComparable("The two reads were derived with different rules; derive both again, then compare.")
    compare = {
        "overall_response": lambda: _by_timepoint(result_a, result_b),
        "best_overall_response": lambda: _whole("best_overall_response", result_a.bor, result_b.bor),
        "response_class": lambda: _whole("response_class", _class(result_a), _class(result_b)),
        "progression_date": lambda: _date(
            "progression_date",
            (result_a, result_a.progression_day),
            (result_b, result_b.progression_day),
            date_window_days,
        ),
        "first_response_date": lambda: _date(
            "first_response_date",
            (result_a, result_a.first_response_day),
            (result_b, result_b.first_response_day),
            date_window_days,
        ),
    }
    fired = [compare[name]() for name in TRIGGERS if name in triggers]
    return tuple(trigger for trigger in fired if trigger is not None)


def response_to_sums(pack: Criteria[Any]) -> Callable[[Sequence[float]], str] | None:
    """Return what a pack says of a course of sums in mm, the baseline first, as if each were one lesion.

    None for a pack whose responses do not follow from sums of diameters.
    """
    if not isinstance(pack, Recist11):
        return None

    def respond(sums: Sequence[float]) -> str:
        first, *later = (Decimal(f"{size:.2f}") for size in sums)
        if not later or not first:
            return ""
        visits = (TimepointRead(str(n), 1 + n, (TargetMeasure("T", size),)) for n, size in enumerate(later))
        baseline = BaselineRead((TargetLesion("T", "", False, first),))
        return pack.derive_subject(SubjectHistory(baseline, tuple(visits))).timepoints[-1].target or ""

    return respond


def _by_timepoint(a: SubjectResponse, b: SubjectResponse) -> Trigger | None:
    second = {response.timepoint_id: response.overall for response in b.timepoints}
    differing = [
        (response.timepoint_id, (response.overall, second[response.timepoint_id]))
        for response in a.timepoints
        if second.get(response.timepoint_id, response.overall) != response.overall
    ]
    if not differing:
        return None
    return Trigger("overall_response", tuple(name for name, _ in differing), tuple(pair for _, pair in differing))


def _whole(name: str, a: str, b: str) -> Trigger | None:
    return None if a == b else Trigger(name, (), ((a, b),))


def _class(result: SubjectResponse) -> str:
    return "responder" if result.responder else "non-responder"


def _date(
    name: str, a: tuple[SubjectResponse, int | None], b: tuple[SubjectResponse, int | None], window: int
) -> Trigger | None:
    (_, day_a), (_, day_b) = a, b
    if day_a is None and day_b is None:
        return None
    if day_a is not None and day_b is not None and abs(day_a - day_b) <= window:
        return None
    at = {
        (response.study_day, response.timepoint_id)
        for result, day in (a, b)
        for response in result.timepoints
        if response.study_day == day
    }
    shown = tuple("none" if day is None else f"day {day}" for day in (day_a, day_b))
    return Trigger(name, tuple(timepoint for _, timepoint in sorted(at)), ((shown[0], shown[1]),))
