"""Readers drawn at random: what each enters of a subject, with a bias, a precision, and departures that have a cause.

A departure is one of the causes for which readers differ (`reading.variability.causes`), put into a reader's entries on
purpose, so that it is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from reading.criteria.inputs import (
    BaselineRead,
    NewLesion,
    NewLesionState,
    NonTargetLesion,
    NonTargetState,
    NonTargetStatus,
    SubjectHistory,
    TargetLesion,
    TargetMeasure,
    TargetState,
    TimepointRead,
)
from reading.criteria.results import SubjectResponse
from reading.rehearsal.subjects import Floats, TrueLesion, TrueSubject
from reading.variability.causes import Cause, Reading, Visit
from reading.variability.pairing import FoundLesion

MOST_TARGETS, MOST_IN_ORGAN = 5, 2
#: Half of the slices that show a lesion: a reader measures on one of them.
_SLICE_SHARE = 0.3
_SERIES, _OTHER_SERIES = "portal venous", "arterial"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a reader reads.

    Attributes
    ----------
    bias_percent
        By how much every size is read too large; negative: too small.
    precision_percent
        SD of a single size, in percent of it (within-reader coefficient of variation).
    departures
        Probability for a subject that the reader departs from the plain reading, by cause.
    """

    bias_percent: float = 0.0
    precision_percent: float = 5.0
    departures: Mapping[Cause, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entries:
    """What a reader entered of a subject; visits count from 0, the baseline.

    Attributes
    ----------
    targets
        Numbers of the true lesions followed.
    sizes_mm
        (lesions, visits), of every true lesion as this reader would measure it, mm.
    places_mm
        (lesions,), the slice at baseline on which the reader would measure it.
    new_at, nontarget_at
        From which visit on the reader sees it; None: never.
    blurred
        Visits that the reader holds not evaluable.
    """

    targets: tuple[int, ...]
    sizes_mm: Floats
    places_mm: Floats
    series: str = _SERIES
    new_at: int | None = None
    nontarget_at: int | None = None
    blurred: frozenset[int] = frozenset()


def usual_targets(subject: TrueSubject) -> tuple[int, ...]:
    """The largest lesions, five in all and two of an organ (RECIST 1.1 §3.2)."""
    chosen: list[int] = []
    for number in sorted(range(len(subject.lesions)), key=lambda n: -subject.lesions[n].sizes_mm[0]):
        organ = subject.lesions[number].organ
        if len(chosen) < MOST_TARGETS and sum(subject.lesions[n].organ == organ for n in chosen) < MOST_IN_ORGAN:
            chosen.append(number)
    return tuple(sorted(chosen))


def read(subject: TrueSubject, manner: Manner, generator: np.random.Generator) -> Entries:
    """Draw what a reader enters of a subject, departures included."""
    entries = plain_reading(subject, manner, generator)
    for cause in sorted(manner.departures):
        if generator.random() < manner.departures[cause]:
            entries = depart(entries, subject, cause, generator)
    return entries


def plain_reading(subject: TrueSubject, manner: Manner, generator: np.random.Generator) -> Entries:
    """Draw what a reader enters who chooses the usual targets and misses nothing."""
    true = np.array([lesion.sizes_mm for lesion in subject.lesions])
    noise = generator.normal(0, manner.precision_percent / 100, true.shape)
    spread = np.array([lesion.sizes_mm[0] for lesion in subject.lesions]) * _SLICE_SHARE
    places = np.array([lesion.slice_mm for lesion in subject.lesions]) + generator.uniform(-1, 1, len(true)) * spread
    return Entries(
        targets=usual_targets(subject),
        sizes_mm=true * (1 + manner.bias_percent / 100) * np.exp(noise),
        places_mm=places,
        new_at=subject.new_lesion_at,
        nontarget_at=subject.nontarget_at,
    )


def depart(entries: Entries, subject: TrueSubject, cause: Cause, generator: np.random.Generator) -> Entries:
    """Return entries with one departure put in; a subject that leaves no room for it keeps them as they are."""
    visits = entries.sizes_mm.shape[1]
    if visits < 2:
        return entries
    at = int(generator.integers(1, visits))
    others = [n for n in range(len(subject.lesions)) if n not in entries.targets]
    match cause:
        case Cause.NEW_LESION:
            return replace(entries, new_at=at if entries.new_at is None else None)
        case Cause.NON_TARGET:
            return replace(entries, nontarget_at=at if entries.nontarget_at is None else None)
        case Cause.EVALUABILITY:
            return replace(entries, blurred=entries.blurred | {at})
        case Cause.MEASUREMENT:
            sizes = entries.sizes_mm.copy()
            sizes[:, at] *= np.exp(generator.choice((-1, 1)) * generator.uniform(0.1, 0.35))
            return replace(entries, sizes_mm=sizes)
        case Cause.OTHER_SERIES:
            sizes = entries.sizes_mm.copy()
            sizes[:, 1:] *= np.exp(generator.normal(0, 0.2, (1, visits - 1)))
            return replace(entries, sizes_mm=sizes, series=_OTHER_SERIES)
        case Cause.NUMBER_OF_TARGETS if len(entries.targets) > 1:
            kept = generator.permutation(len(entries.targets))[: int(generator.integers(1, len(entries.targets)))]
            return replace(entries, targets=tuple(sorted(entries.targets[int(n)] for n in kept)))
        case Cause.TARGET_CHOICE if others:
            swapped = int(generator.integers(1, min(len(others), len(entries.targets)) + 1))
            out = {entries.targets[int(n)] for n in generator.permutation(len(entries.targets))[:swapped]}
            into = [others[int(n)] for n in generator.permutation(len(others))[:swapped]]
            return replace(entries, targets=tuple(sorted({*entries.targets, *into} - out)))
    return entries


def history(entries: Entries, subject: TrueSubject, days: Mapping[str, int]) -> SubjectHistory:
    """Return the entries as a criteria pack reads them.

    Parameters
    ----------
    days
        Study day of each visit by its code, in order, the baseline first.
    """
    (_, first_day), *later = days.items()
    baseline = BaselineRead(
        tuple(
            TargetLesion(f"T{n}", subject.lesions[n].organ, False, _mm(entries.sizes_mm[n, 0])) for n in entries.targets
        ),
        (NonTargetLesion("NT", "PLEURA"),),
        first_day,
    )
    return SubjectHistory(baseline, tuple(_visit(entries, at, code, day) for at, (code, day) in enumerate(later, 1)))


def _visit(entries: Entries, at: int, code: str, day: int) -> TimepointRead:
    blurred = at in entries.blurred
    targets = tuple(
        TargetMeasure(f"T{n}", state=TargetState.NOT_EVALUABLE)
        if blurred
        else TargetMeasure(f"T{n}", _mm(entries.sizes_mm[n, at]))
        for n in entries.targets
    )
    nontarget = NonTargetState.UNEQUIVOCAL_PD if _seen(entries.nontarget_at, at) else NonTargetState.PRESENT
    nontarget = NonTargetState.NOT_EVALUABLE if blurred else nontarget
    new = (NewLesion("NEW", NewLesionState.UNEQUIVOCAL),) if _seen(entries.new_at, at) and not blurred else ()
    return TimepointRead(code, day, targets, (NonTargetStatus("NT", nontarget),), new)


def _seen(since: int | None, at: int) -> bool:
    return since is not None and at >= since


def reading_of(entries: Entries, subject: TrueSubject, outcome: SubjectResponse, codes: tuple[str, ...]) -> Reading:
    """Return the entries, and what was derived from them, as causes are looked for.

    Parameters
    ----------
    codes
        Of the visits in order, the baseline first.
    """
    responses = {response.timepoint_id: response for response in outcome.timepoints}
    visits = []
    for at, code in enumerate(codes):
        response = responses.get(code)
        measured = () if at in entries.blurred else entries.targets
        visits.append(
            Visit(
                code,
                overall=response.overall if response else "",
                target=(response.target or "") if response else "",
                nontarget=(response.nontarget or "") if response else "",
                new_lesion=response.new_lesion if response else False,
                evaluable=at not in entries.blurred,
                sizes_mm={f"T{n}": float(entries.sizes_mm[n, at]) for n in measured},
                series={f"T{n}": entries.series for n in measured},
            )
        )
    found = [
        _found(f"T{n}", "target", subject.lesions[n], codes[0], entries.series, entries.places_mm[n], size)
        for n in entries.targets
        for size in (float(entries.sizes_mm[n, 0]),)
    ]
    if entries.new_at is not None:
        code = codes[entries.new_at]
        found.append(_found("NEW", "new", subject.new_lesion, code, entries.series, subject.new_lesion.slice_mm, None))
    return Reading(tuple(found), tuple(visits), outcome.bor)


def _found(
    name: str, category: str, lesion: TrueLesion, code: str, series: str, place: float, size: float | None
) -> FoundLesion:
    return FoundLesion(name, category, lesion.organ, False, code, f"{series} {code}", "axial", float(place), size)


def _mm(size: float) -> Decimal:
    return Decimal(f"{max(size, 1.0):.1f}")
