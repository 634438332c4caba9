"""Requests of programs: one JSON object asks, one JSON object answers (`manage.py evaluate_criteria`).

The fields are in docs/criteria.md. Every answer carries, beside what it was asked for, the trace of the rules that
led to it, the settings that were used and the stamp of the pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from . import get
from .base import Criteria
from .baseline import FLAGS
from .endpoints import Censoring, Duration, Observation, duration_of_response, progression_free_survival
from .inputs import (
    BaselineRead,
    BaselineTarget,
    NewLesion,
    NewLesionClass,
    NonTargetLesion,
    NonTargetStatus,
    SubjectHistory,
    TargetLesion,
    TargetMeasure,
    TimepointRead,
)
from .irecist import IRecist
from .json_fields import Fields, MalformedRequest
from .rano2 import Rano2
from .rano_requests import rano_history
from .recist11 import Recist11
from .results import BestResponse, DatedResponse, Step, SubjectResponse, TimepointResponse
from .values import InvalidRead, as_json, calendar_date

_RECIST, _IRECIST, _RANO = Recist11.identifier, IRecist.identifier, Rano2.identifier
#: The kinds of request, and the criteria that answer each.
KINDS: Mapping[str, tuple[str, ...]] = {
    "recist": (_RECIST,),
    "irecist": (_IRECIST,),
    "rano": (_RANO,),
    "bor": (_RECIST, _RANO),
    "ibor": (_IRECIST,),
    "baseline": (_RECIST, _IRECIST),
    "endpoint": (_RECIST, _IRECIST, _RANO),
}
_CENSORING = ("missed_visit_limit_days", "censor_at_new_therapy", "censor_without_baseline", "day_count")


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request.

    Parameters
    ----------
    request
        The JSON object that docs/criteria.md describes; numbers with a fraction are decimals.

    Raises
    ------
    HouseError
        The request breaks its contract, contradicts itself, or sets what the criteria do not have.
    """
    asked = Fields(request, "The request")
    kind = asked.one_of("kind", tuple(KINDS))
    criteria = asked.one_of("criteria", (_RECIST, _IRECIST, _RANO))
    if criteria not in KINDS[kind]:
        raise MalformedRequest(f"A request of kind {kind} is answered by {KINDS[kind][0]}, not by {criteria}.")
    given = asked.child("input")
    options = given.child("options", required=False)
    pack = _pack(criteria, options)
    return _ANSWERS[kind](pack, given, options) | _used(pack)


def _pack(criteria: str, options: Fields) -> Criteria[Any]:
    """Return the pack as the options set it; those of endpoints may stand in any request."""
    names = tuple(sorted(options.names()))
    known = {*_set(criteria, ()).settings, *_CENSORING}
    for name in names:
        if name not in known:
            raise MalformedRequest(f"The options hold a setting that {criteria} does not have; see docs/criteria.md.")
    values = {name: options.plain(name) for name in names if name not in _CENSORING}
    return _set(criteria, tuple((name, type(value), value) for name, value in values.items() if value is not None))


@lru_cache(maxsize=256)
def _set(criteria: str, options: tuple[tuple[str, type, Any], ...]) -> Criteria[Any]:
    return get(criteria, {name: value for name, _, value in options})


@lru_cache(maxsize=256)
def _used(pack: Criteria[Any]) -> dict[str, Any]:
    settings = {name: _number(value) if isinstance(value, Decimal) else value for name, value in pack.settings.items()}
    return {"settings": settings, "pack": as_json(pack.stamp)}


def _history(given: Fields) -> tuple[SubjectHistory, Mapping[str, Any], str]:
    """Return the history, the timepoints' ids as they were given, and the start."""
    start = given.date("start_date")
    baseline = given.child("baseline")
    day = baseline.day("date", start, required=False)
    targets = tuple(
        TargetLesion(one.text("id"), one.text("organ"), one.flag("nodal"), one.number("diameter"))
        for one in baseline.children("targets")
    )
    nontargets = tuple(
        NonTargetLesion(one.text("id"), one.text("organ"), one.flag("nodal")) for one in baseline.children("nontargets")
    )
    known = {lesion.lesion_id for lesion in targets} | {lesion.lesion_id for lesion in nontargets}
    names: dict[str, Any] = {}
    reads = []
    for one in given.children("timepoints"):
        name = one.name("id")
        read = _timepoint(one.named(f"Timepoint {name}"), str(name), start)
        if read.timepoint_id in names:
            raise InvalidRead(f"Timepoint {name} is given twice; keep one.")
        if day is not None and read.study_day < day:
            raise InvalidRead(f"Timepoint {name} is dated before its baseline; correct one of the dates.")
        for lesion in read.new_lesions:
            if lesion.lesion_id in known:
                raise InvalidRead(f"Timepoint {name} calls lesion {lesion.lesion_id} of the baseline new; rename it.")
        names[read.timepoint_id] = name
        reads.append(read)
    return SubjectHistory(BaselineRead(targets, nontargets, day or 0), tuple(reads)), names, start


def _timepoint(one: Fields, name: str, start: str) -> TimepointRead:
    targets = tuple(_measure(lesion, entry) for lesion, entry in one.entries("targets"))
    nontargets = tuple(NonTargetStatus(lesion, status) for lesion, status in one.words("nontargets"))
    new_lesions = tuple(
        NewLesion(
            lesion.text("id"),
            lesion.text("status"),  # type: ignore[arg-type]
            lesion.text("class", required=False) or NewLesionClass.NONTARGET,  # type: ignore[arg-type]
            lesion.number("diameter", required=False),
            lesion.text("change", required=False),  # type: ignore[arg-type]
        )
        for lesion in one.children("new_lesions", required=False)
    )
    return TimepointRead(name, one.day("date", start), targets, nontargets, new_lesions)


def _measure(lesion: str, entry: Fields) -> TargetMeasure:
    forms = entry.names() & {"diameter", "parts", "merged_into", "state"}
    if not forms:
        raise MalformedRequest(f"{entry.where} has neither diameter, parts, merged_into nor state; give one.")
    parts = entry.numbers("parts", required=False)
    if parts is not None and not parts:
        raise MalformedRequest(f"{entry.where} has split into no parts; give the diameter of each.")
    return TargetMeasure(
        lesion,
        diameter_mm=entry.number("diameter", required=False),
        parts_mm=parts or (),
        merged_into=entry.text("merged_into", required=False),
        state=entry.text("state", required=False),  # type: ignore[arg-type]
    )


def _subject(given: Fields, pack: Criteria[Any]) -> tuple[SubjectResponse, Mapping[str, Any], str]:
    history, names, start = _history(given)
    return pack.derive_subject(history), names, start


def _recist(pack: Criteria[Any], given: Fields, _: Fields) -> dict[str, Any]:
    result, names, start = _subject(given, pack)
    return {
        "timepoints": [_one_timepoint(response, names[response.timepoint_id]) for response in result.timepoints],
        "bor": result.bor,
        "progression_date": _date(result.progression_day, start),
    } | _rest(result, start)


def _irecist(pack: Criteria[Any], given: Fields, _: Fields) -> dict[str, Any]:
    result, names, start = _subject(given, pack)
    return {
        "timepoints": [_one_timepoint(response, names[response.timepoint_id]) for response in result.timepoints],
        "ibor": result.bor,
        "icpd_progression_date": _date(result.progression_day, start),
    } | _rest(result, start)


def _rano(pack: Criteria[Any], given: Fields, _: Fields) -> dict[str, Any]:
    history, start = rano_history(given)
    names = {str(one.name("id")): one.name("id") for one in given.children("timepoints")}
    result = pack.derive_subject(history)
    return {
        "timepoints": [
            _one_timepoint(response, names[response.timepoint_id]) | {"size": _number(pack.burden.of(response))}
            for response in result.timepoints
        ],
        "bor": result.bor,
        "progression_date": _date(result.progression_day, start),
    } | _rest(result, start)


def _one_timepoint(response: TimepointResponse, name: Any) -> dict[str, Any]:
    return {
        "id": name,
        "sum": _number(response.sum_mm),
        "target": response.target,
        "nontarget": response.nontarget,
        "new_lesion": response.new_lesion,
        "overall": response.overall,
        "nadir": _number(response.nadir_mm),
        "percent_from_baseline": _number(response.percent_from_baseline),
        "percent_from_nadir": _number(response.percent_from_nadir),
        "progression_by": list(response.progression_by),
        "trace": _steps(response.trace),
    }


def _rest(result: SubjectResponse, start: str) -> dict[str, Any]:
    return {
        "confirmed": result.bor_confirmed,
        "responder": result.responder,
        "first_response_date": _date(result.first_response_day, start),
        "trace": _steps(result.trace),
    }


def _best(name: str, pack: Criteria[Any], given: Fields) -> dict[str, Any]:
    start = given.date("start_date")
    best: BestResponse = pack.best_overall_response(_responses(given, start))
    return {
        name: best.response,
        "confirmed": best.confirmed,
        "responder": best.response in pack.responses,
        "first_response_date": _date(best.first_response_day, start),
        "trace": _steps(best.trace),
    }


def _bor(pack: Criteria[Any], given: Fields, _: Fields) -> dict[str, Any]:
    return _best("bor", pack, given)


def _ibor(pack: Criteria[Any], given: Fields, _: Fields) -> dict[str, Any]:
    return _best("ibor", pack, given)


def _responses(given: Fields, start: str) -> list[DatedResponse]:
    return [DatedResponse(one.day("date", start), one.text("overall")) for one in given.children("responses")]


def _baseline(pack: Criteria[Any], given: Fields, _: Fields) -> dict[str, Any]:
    check = pack.check_baseline([_proposed(one) for one in given.children("targets")])
    return {
        "valid": check.valid,
        "violations": sorted({violation.code for violation in check.violations}),
        "trace": as_json(check.violations),
    }


def _proposed(one: Fields) -> BaselineTarget:
    flags = frozenset(one.texts("flags", required=False))
    if not flags <= FLAGS:
        raise InvalidRead(f"Lesion {one.text('id')} has an unknown flag; known are {', '.join(sorted(FLAGS))}.")
    return BaselineTarget(
        one.text("id"),
        one.text("organ"),
        one.flag("nodal"),
        one.number("long_axis", required=False),
        one.number("short_axis", required=False),
        one.number("slice_mm", required=False),
        flags,
        one.text("modality", required=False) or "CT",
    )


def _endpoint(pack: Criteria[Any], given: Fields, options: Fields) -> dict[str, Any]:
    start = given.date("start_date")
    if options.text("day_count", required=False) not in (None, "inclusive"):
        raise MalformedRequest("Days can be counted in one way: day_count is inclusive.")
    limit = options.whole("missed_visit_limit_days", required=False)
    censoring = Censoring(
        missed_visit_limit_days=limit,
        new_therapy=options.flag("censor_at_new_therapy", default=True),
        no_baseline=options.flag("censor_without_baseline", default=True),
    )
    responses = _responses(given, start)
    pack.best_overall_response(responses)  # refuses a response that the criteria do not have
    seen = Observation(
        responses,
        baseline_evaluable=given.flag("baseline_evaluable"),
        death_day=given.day("death_date", start, required=False),
        new_therapy_day=given.day("new_therapy_date", start, required=False),
    )
    survival = progression_free_survival(pack, seen, censoring)
    duration = duration_of_response(pack, seen, survival, censoring)
    return {
        "pfs": _lasting(survival, start),
        "dor": None if duration is None else {"start": _date(duration.start_day, start)} | _lasting(duration, start),
        "trace": _steps(survival.trace + (duration.trace if duration else ())),
        "censoring": as_json(censoring),
    }


def _lasting(duration: Duration, start: str) -> dict[str, Any]:
    return {"event": duration.event, "date": _date(duration.end_day, start), "days": duration.days}


_ANSWERS = {
    "recist": _recist,
    "irecist": _irecist,
    "rano": _rano,
    "bor": _bor,
    "ibor": _ibor,
    "baseline": _baseline,
    "endpoint": _endpoint,
}


def _steps(trace: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [
        {"rule": step.rule, "clause": step.clause, "inputs": dict(step.inputs), "result": step.result} for step in trace
    ]


def _date(day: int | None, start: str) -> str | None:
    return None if day is None else calendar_date(day, start)


def _number(value: Decimal | None) -> int | float | None:
    """Return a number as JSON has it: whole ones without a point, others as the nearest double."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
