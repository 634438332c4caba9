"""What a reader's result is after a global review: the responses as changed, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from reading.criteria import Criteria
from reading.criteria.results import DatedResponse, Step, SubjectResponse

T = TypeVar("T")

_CLAUSE = "Imaging charter, global review at the end"


def reviewed(outcome: SubjectResponse, changes: Mapping[str, str], pack: Criteria[Any]) -> SubjectResponse:
    """Return a reader's result of a subject with the responses that the reader changed.

    The best overall response and its dates follow by the pack from the responses as they are stated now. Each that the
    change does not touch stays as it was derived, a progression that the rules date back among them, while the first
    one is stated at the same timepoint.

    Parameters
    ----------
    changes
        Responses by code of the timepoint.
    """
    before = [DatedResponse(one.study_day, one.overall) for one in outcome.timepoints]
    timepoints = tuple(replace(one, overall=changes.get(one.timepoint_id, one.overall)) for one in outcome.timepoints)
    after = [DatedResponse(one.study_day, one.overall) for one in timepoints]
    if after == before:
        return outcome
    was, now = pack.best_overall_response(before), pack.best_overall_response(after)
    best = _left(outcome.bor, was.response, now.response)
    inputs = {
        was.timepoint_id: f"{was.overall} → {now.overall}"
        for was, now in zip(outcome.timepoints, timepoints, strict=True)
        if was.overall != now.overall
    }
    return replace(
        outcome,
        timepoints=timepoints,
        bor=best,
        bor_confirmed=_left(outcome.bor_confirmed, was.confirmed, now.confirmed),
        responder=best in pack.responses,
        progression_day=_left(outcome.progression_day, pack.progression_day(before), pack.progression_day(after)),
        first_response_day=_left(outcome.first_response_day, was.first_response_day, now.first_response_day),
        trace=(*outcome.trace, Step("global_review", _CLAUSE, inputs, best)),
    )


def _left(derived: T, was: T, now: T) -> T:
    """Return what was derived, unless what follows from the stated responses is another thing now."""
    return derived if was == now else now
