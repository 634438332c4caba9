"""Requests about RANO 2.0: what of them is its own."""

from __future__ import annotations

from decimal import Decimal

from .inputs import NewLesion, NonTargetLesion, NonTargetStatus, TargetState
from .json_fields import Fields, MalformedRequest
from .rano_inputs import Component, Course, RanoHistory, RanoMeasure, RanoTarget, RanoVisit, Steroids
from .values import EXACT, InvalidRead

_COMPONENTS = tuple(Component)


def rano_history(given: Fields) -> tuple[RanoHistory, str]:
    """Return a subject and the start; a size is given as `long` and `across` in mm, or as `volume` in ml."""
    start = given.date("start_date")
    baseline = given.child("baseline")
    day = baseline.day("date", start)
    ended = baseline.day("radiotherapy_end_date", start, required=False)
    if ended is not None and ended > day:
        raise InvalidRead("Radiotherapy ends after the baseline; correct one of the dates.")
    targets = tuple(
        RanoTarget(one.text("id"), Component(one.one_of("component", _COMPONENTS)), _size(one))
        for one in baseline.children("targets")
    )
    nontargets = tuple(NonTargetLesion(one.text("id")) for one in baseline.children("nontargets"))
    visits = tuple(_visit(one, start, day) for one in given.children("timepoints"))
    return RanoHistory(targets, visits, nontargets, None if ended is None else day - ended, day), start


def _visit(one: Fields, start: str, baseline: int) -> RanoVisit:
    name, day = str(one.name("id")), one.day("date", start)
    one = one.named(f"Timepoint {name}")
    if day < baseline:
        raise InvalidRead(f"Timepoint {name} is dated before its baseline; correct one of the dates.")
    return RanoVisit(
        name,
        day,
        tuple(_measure(lesion, entry) for lesion, entry in one.entries("targets")),
        tuple(NonTargetStatus(lesion, status) for lesion, status in one.words("nontargets")),
        tuple(
            NewLesion(lesion.text("id"), lesion.text("status"))  # type: ignore[arg-type]
            for lesion in one.children("new_lesions", required=False)
        ),
        Steroids(one.one_of("corticosteroids", tuple(Steroids))) if "corticosteroids" in one.names() else None,
        Course(one.one_of("clinical_status", tuple(Course))) if "clinical_status" in one.names() else None,
        Course(one.one_of("t2_flair", tuple(Course))) if "t2_flair" in one.names() else None,
    )


def _measure(lesion: str, entry: Fields) -> RanoMeasure:
    if "state" in entry.names():
        return RanoMeasure(lesion, state=TargetState(entry.one_of("state", tuple(TargetState))))
    return RanoMeasure(lesion, _size(entry))


def _size(one: Fields) -> Decimal:
    if "volume" in one.names():
        return one.number("volume")
    long, across = one.number("long"), one.number("across")
    if across > long:
        raise MalformedRequest(f"{one.where} has an across above its long; exchange them.")
    return EXACT.multiply(long, across)
