"""Scoring a reader's case against its reference: one point for each thing that has to agree, each with its trace.

Nothing is weighed and nothing is rounded: a burden lies within the tolerance or it does not, in exact decimals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from .causes import Reading
from .pairing import pair_lesions

#: What can be asked for, in the order in which points are listed.
ITEMS = ("response", "burden", "targets", "new_lesions", "best_response")
#: Stands for a burden that there is none of.
NONE = "none"
_TARGET = "target"


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody has of a case.

    Attributes
    ----------
    reading
        Lesions and timepoints; a timepoint without a response is the baseline.
    burdens
        By timepoint: the pack's one quantity, in its unit; None without one.
    """

    reading: Reading
    burdens: Mapping[str, Decimal | None]


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was asked for: what the reader has, what the reference says, and whether they agree.

    `timepoint` is empty for what is about the case as a whole; `lesion` names the reference's lesion.
    """

    item: str
    timepoint: str
    own: str
    reference: str
    agrees: bool
    lesion: str = ""


def score(own: Answers, reference: Answers, asked: Collection[str], tolerance_percent: Decimal) -> tuple[Point, ...]:
    """Return a point for each thing asked for, in the order of `ITEMS` and then of time.

    Parameters
    ----------
    asked
        Names of `ITEMS`.
    tolerance_percent
        How far a burden may lie from the reference's, in percent of that; the bound itself is within.

    Raises
    ------
    ValueError
        Something unknown is asked for, or the two are not about the same timepoints.
    """
    if unknown := sorted(set(asked) - set(ITEMS)):
        raise ValueError(f"unknown item {unknown[0]}")
    if [v.timepoint for v in own.reading.visits] != [v.timepoint for v in reference.reading.visits]:
        raise ValueError("a case is compared over the same timepoints")
    made: dict[str, Iterable[Point]] = {
        "response": _responses(own.reading, reference.reading),
        "burden": _burdens(own, reference, tolerance_percent),
        "targets": _targets(own.reading, reference.reading),
        "new_lesions": _new_lesions(own.reading, reference.reading),
        "best_response": _best(own.reading, reference.reading),
    }
    return tuple(point for item in ITEMS if item in asked for point in made[item])


def passes(points: int, of: int, mark_percent: Decimal) -> bool:
    """Tell whether so many points of so many reach a mark; where nothing can be scored there is nothing to fail."""
    return points * 100 >= mark_percent * of


def within(own: Decimal | None, reference: Decimal | None, tolerance_percent: Decimal) -> bool:
    """Tell whether a quantity agrees with the reference's; of two that are none, each agrees with the other."""
    if own is None or reference is None:
        return own is reference
    return abs(own - reference) * 100 <= tolerance_percent * abs(reference)


def _responses(own: Reading, reference: Reading) -> Iterator[Point]:
    for mine, theirs in zip(own.visits, reference.visits, strict=True):
        if theirs.overall or mine.overall:
            agrees = mine.overall == theirs.overall
            yield Point("response", theirs.timepoint, mine.overall or NONE, theirs.overall or NONE, agrees)


def _burdens(own: Answers, reference: Answers, tolerance: Decimal) -> Iterator[Point]:
    for visit in reference.reading.visits:
        mine, theirs = own.burdens.get(visit.timepoint), reference.burdens.get(visit.timepoint)
        yield Point("burden", visit.timepoint, _said(mine), _said(theirs), within(mine, theirs, tolerance))


def _targets(own: Reading, reference: Reading) -> Iterator[Point]:
    mine = [lesion for lesion in own.lesions if lesion.category == _TARGET]
    theirs = [lesion for lesion in reference.lesions if lesion.category == _TARGET]
    # A lesion that the reader has, but not as a target, was not chosen.
    found = {pair.second.id: pair.first.id for pair in pair_lesions(mine, theirs).pairs}
    for lesion in theirs:
        chosen = found.get(lesion.id, "")
        said = f"{lesion.id} {lesion.organ}".strip()
        yield Point("targets", lesion.timepoint, chosen or NONE, said, bool(chosen), lesion.id)


def _new_lesions(own: Reading, reference: Reading) -> Iterator[Point]:
    words = {True: "yes", False: "no"}
    for mine, theirs in zip(own.visits[1:], reference.visits[1:], strict=True):
        agrees = mine.new_lesion == theirs.new_lesion
        yield Point("new_lesions", theirs.timepoint, words[mine.new_lesion], words[theirs.new_lesion], agrees)


def _best(own: Reading, reference: Reading) -> Sequence[Point]:
    if not reference.best and not own.best:
        return ()
    return (Point("best_response", "", own.best or NONE, reference.best or NONE, own.best == reference.best),)


def _said(burden: Decimal | None) -> str:
    return NONE if burden is None else f"{burden.normalize():f}"
