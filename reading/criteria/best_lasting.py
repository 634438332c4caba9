"""Best overall response where a response must last (RANO 2.0), and the day of a progression that was confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from .results import BestResponse, DatedResponse, PackStamp, Step
from .values import InvalidRead


class Rano(StrEnum):
    """Responses of RANO 2.0; PDu is progression that waits for the next scan."""

    CR = "CR"
    PR = "PR"
    MR = "MR"
    SD = "SD"
    PDU = "PDu"
    PD = "PD"
    NE = "NE"


_LEVELS = (Rano.CR, Rano.PR, Rano.MR)


def day_of_progression(responses: Sequence[DatedResponse]) -> int | None:
    """Return the day of the first PD, or of the first PDu of those right before it, which it confirmed."""
    first: int | None = None
    for visit in responses:
        if visit.overall in (Rano.PDU, Rano.PD) and first is None:
            first = visit.study_day
        elif visit.overall not in (Rano.PDU, Rano.PD, Rano.NE):
            first = None
        if visit.overall == Rano.PD:
            return first
    return None


def best_lasting_response(
    responses: Sequence[DatedResponse],
    start_day: int,
    *,
    min_days: int | None,
    max_ne: int,
    min_sd_days: int,
    stamp: PackStamp,
) -> BestResponse:
    """Return the best overall response.

    Parameters
    ----------
    responses
        Overall responses, in any order. Those before the day of progression count.
    min_days
        Least time over which a response must last; None: any response counts.
    max_ne
        NE timepoints that may lie between the two.
    min_sd_days
        Least time from the start to a timepoint that counts as stable.

    Raises
    ------
    InvalidRead
        A response is not one of RANO 2.0.
    """
    ordered = sorted(responses, key=lambda visit: visit.study_day)
    if any(visit.overall not in set(Rano) for visit in ordered):
        raise InvalidRead(f"An overall response is unknown; choose one of {', '.join(Rano)}.")
    progression = day_of_progression(ordered)
    counted = [visit for visit in ordered if progression is None or visit.study_day < progression]
    lasting = {level: _lasts(counted, level, min_days or 0, max_ne) for level in _LEVELS}
    stated = {level: next((v.study_day for v in counted if v.overall == level), None) for level in _LEVELS}
    found = lasting if min_days is not None else stated
    best = next((level for level in _LEVELS if found[level] is not None), None)
    responder = best in (Rano.CR, Rano.PR)
    first = min(day for day in (found[Rano.CR], found[Rano.PR]) if day is not None) if responder else None
    response = _without(counted, progression, start_day, min_sd_days) if best is None else best
    steps = (
        Step(
            "lasting_response",
            "RANO 2.0: a response must last",
            {f"day {visit.study_day}": visit.overall for visit in ordered},
            ", ".join(level for level in _LEVELS if lasting[level] is not None) or "none",
        ),
        Step("best_overall_response", "RANO 2.0: best response", {}, response),
    )
    confirmed = lasting[best] is not None if best is not None and responder else None
    return BestResponse(response, confirmed, first, steps, stamp)


def _lasts(visits: Sequence[DatedResponse], level: Rano, min_days: int, max_ne: int) -> int | None:
    """Return the day from which a response of a level, or a better one, lasted; None where none did."""
    enough = _LEVELS[: _LEVELS.index(level) + 1]
    for start, visit in enumerate(visits):
        missing = 0
        if visit.overall not in enough:
            continue
        for later in visits[start + 1 :]:
            if later.overall in enough:
                if later.study_day - visit.study_day >= min_days:
                    return visit.study_day
            elif later.overall == Rano.NE and missing < max_ne:
                missing += 1
            else:
                break
    return None


def _without(visits: Sequence[DatedResponse], progression: int | None, start_day: int, min_sd_days: int) -> Rano:
    stable = {Rano.CR, Rano.PR, Rano.MR, Rano.SD}
    if any(visit.overall in stable and visit.study_day - start_day >= min_sd_days for visit in visits):
        return Rano.SD
    if progression is not None:
        return Rano.PD
    return Rano.PDU if any(visit.overall == Rano.PDU for visit in visits) else Rano.NE
