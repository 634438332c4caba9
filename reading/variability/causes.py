"""Why two readers of a subject differ: other series, other targets, how many, new lesion, non-target, measurement.

Where the responses first differ, the part that differs tells: a new lesion or a non-target progression that one reader
alone saw, or something that one could not evaluate. If it is the targets, the change of their sum is compared over the
lesions that both readers followed: when the gap closes by half, the choice of lesions made it; if not, it is looked for
between those measured on the same series and on others. After the causes that core labs report (Ford 2016; Cancer
Imaging 2018;18).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .pairing import FoundLesion, LesionPair, Pairing, pair_lesions

#: The target response that criteria give a course of sums.
Respond = Callable[[Sequence[float]], str]
#: The gap between two changes has closed when no more than this share of it is left.
CLOSED = 0.5


class Cause(StrEnum):
    """Why two readers differ; `UNCLASSED`: by nothing that their entries show."""

    OTHER_SERIES = "other_series"
    TARGET_CHOICE = "target_choice"
    NUMBER_OF_TARGETS = "number_of_targets"
    NEW_LESION = "new_lesion"
    NON_TARGET = "non_target"
    MEASUREMENT = "measurement"
    EVALUABILITY = "evaluability"
    UNCLASSED = "unclassed"


#: Each cause as it is said.
SAID: Mapping[Cause, str] = {
    Cause.OTHER_SERIES: "Other series measured",
    Cause.TARGET_CHOICE: "Other target lesions chosen",
    Cause.NUMBER_OF_TARGETS: "Number of target lesions",
    Cause.NEW_LESION: "New lesion",
    Cause.NON_TARGET: "Non-target lesions",
    Cause.MEASUREMENT: "Measurement of the same lesions",
    Cause.EVALUABILITY: "Whether it can be evaluated",
    Cause.UNCLASSED: "Not classed",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """What one reader has of one timepoint.

    Attributes
    ----------
    overall, target, nontarget
        Responses; empty at baseline, and for components that the subject does not have.
    new_lesion
        A new lesion was unequivocal.
    evaluable
        False: the reader holds the images of the timepoint not evaluable.
    sizes_mm, series
        Of the targets that have a size here, by lesion: the size that counted, and what it was measured on.
    """

    timepoint: str
    overall: str = ""
    target: str = ""
    nontarget: str = ""
    new_lesion: bool = False
    evaluable: bool = True
    sizes_mm: Mapping[str, float] = field(default_factory=dict)
    series: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """One reader's lesions of a subject, timepoints in order (the baseline first), and best overall response."""

    lesions: tuple[FoundLesion, ...]
    visits: tuple[Visit, ...]
    best: str = ""


@dataclass(frozen=True, slots=True)
class Discordance:
    """Why two readers differ, from which timepoint on (empty: none can be named), and how their lesions pair."""

    cause: Cause
    timepoint: str
    pairing: Pairing


def explain(
    first: Reading, second: Reading, places: Collection[str] = (), respond: Respond | None = None
) -> Discordance:
    """Class the cause for which two readers of a subject differ.

    Parameters
    ----------
    places
        Timepoints that the triggers name. Looked at is the first with other responses that is among them, or at which
        one has its best response while the best ones differ; without such a one the first of all.
    respond
        What the criteria say of a course of sums, the baseline first; without it only the sizes of changes are weighed.
    """
    pairing = pair_lesions(first.lesions, second.lesions)
    both = {visit.timepoint: visit for visit in second.visits}
    differing = [
        (one, both[one.timepoint])
        for one in first.visits
        if one.timepoint in both and one.overall != both[one.timepoint].overall
    ]
    if not differing:
        unpaired = [*pairing.only_first, *pairing.only_second]
        new = any(lesion.category == "new" for lesion in unpaired)
        return Discordance(Cause.NEW_LESION if new else Cause.UNCLASSED, "", pairing)
    bests_differ = first.best != second.best
    decisive = [
        (one, other)
        for one, other in differing
        if one.timepoint in places or (bests_differ and (one.overall == first.best or other.overall == second.best))
    ]
    one, other = (decisive or differing)[0]
    cause = _of_the_parts(one, other) or _of_the_targets(first, second, one.timepoint, pairing.pairs, respond)
    return Discordance(cause, one.timepoint, pairing)


def _of_the_parts(one: Visit, other: Visit) -> Cause | None:
    """Return the part of the response that tells; None: the targets do."""
    if one.evaluable != other.evaluable:
        return Cause.EVALUABILITY
    if one.new_lesion != other.new_lesion:
        return Cause.NEW_LESION
    nontarget = one.nontarget, other.nontarget
    if _progressed(nontarget[0]) != _progressed(nontarget[1]) and "NE" not in nontarget:
        return Cause.NON_TARGET
    parts = (nontarget, (one.target, other.target), (one.overall, other.overall))
    if any("NE" in said and said[0] != said[1] for said in parts):
        return Cause.EVALUABILITY
    return Cause.NON_TARGET if one.target == other.target and nontarget[0] != nontarget[1] else None


def _progressed(said: str) -> bool:
    return said.endswith("PD") and not said.startswith("NON")


def _of_the_targets(
    first: Reading, second: Reading, at: str, pairs: Sequence[LesionPair], respond: Respond | None
) -> Cause:
    same = [(p.first.id, p.second.id) for p in pairs if p.first.category == p.second.category == "target"]
    from_nadir = any(_progressed(_visit(reading, at).target) for reading in (first, second))
    one, other = _sums_to(first, at), _sums_to(second, at)
    if one.keys() != other.keys():
        both = one.keys() & other.keys()
        apart, here = _gap(one, other, from_nadir), _gap(_only(one, both), _only(other, both), from_nadir)
        if here is None or apart is None or here <= CLOSED * apart:
            return Cause.EVALUABILITY
    elsewhere = [pair for pair in same if _on_other_series(first, second, at, *pair)]
    alike = [pair for pair in same if pair not in elsewhere]

    def with_sizes_of_the_other(chosen: Sequence[tuple[str, str]]) -> tuple[dict[str, float], dict[str, float]]:
        return _swapped(first, second, at, chosen), _swapped(second, first, at, [(b, a) for a, b in chosen])

    def weight(*differ: tuple[Mapping[str, float], Mapping[str, float]]) -> tuple[int, float]:
        """Count in how many of the comparisons the responses differ, and how far the changes are apart on average."""
        gaps = [_gap(a, b, from_nadir) for a, b in differ]
        known = [gap for gap in gaps if gap is not None]
        said = [] if respond is None else [(respond(list(a.values())), respond(list(b.values()))) for a, b in differ]
        return sum(a != b for a, b in said), sum(known) / len(known) if known else float("inf")

    effects: dict[Cause, tuple[int, float]] = {}
    for cause, chosen in ((Cause.MEASUREMENT, alike), (Cause.OTHER_SERIES, elsewhere)):
        if chosen:
            mine, theirs = with_sizes_of_the_other(chosen)
            effects[cause] = weight((one, mine), (other, theirs))
    counts = len(_targets(first)), len(_targets(second))
    if len(same) < max(counts):
        # With the other's sizes of all lesions that both follow, nothing but the choice is left to differ.
        mine, theirs = with_sizes_of_the_other(same)
        choice = Cause.NUMBER_OF_TARGETS if len(same) == min(counts) else Cause.TARGET_CHOICE
        effects[choice] = weight((mine, other), (one, theirs))
    return max(effects, key=lambda cause: effects[cause], default=Cause.UNCLASSED)


def _sums_to(reading: Reading, at: str) -> dict[str, float]:
    """Complete sums of a reader's targets by timepoint, up to and including one."""
    return _swapped(reading, reading, at, ())


def _swapped(reading: Reading, other: Reading, at: str, pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Return the sums that a reader would have with the other's sizes of some lesions, given as (own, other's)."""
    theirs, targets, sums = dict(pairs), _targets(reading), dict[str, float]()
    elsewhere = {visit.timepoint: visit for visit in other.visits}
    for visit in reading.visits:
        sizes = dict(visit.sizes_mm)
        if visit.timepoint in elsewhere:
            found = elsewhere[visit.timepoint].sizes_mm
            sizes |= {own: found[name] for own, name in theirs.items() if own in sizes and name in found}
        if targets and all(lesion in sizes for lesion in targets):
            sums[visit.timepoint] = sum(sizes[lesion] for lesion in targets)
        if visit.timepoint == at:
            break
    return sums


def _gap(one: Mapping[str, float], other: Mapping[str, float], from_nadir: bool) -> float | None:
    """How far apart the last sums are, each as a share of its baseline or nadir; None where one has none of these."""
    if len(one) < 2 or len(other) < 2 or list(one)[-1] != list(other)[-1]:
        return None
    shares = []
    for sums in (one, other):
        *before, last = sums.values()
        reference = min(before) if from_nadir else before[0]
        if not reference:
            return None
        shares.append(last / reference)
    return abs(shares[0] - shares[1])


def _only(sums: Mapping[str, float], timepoints: Collection[str]) -> dict[str, float]:
    return {timepoint: total for timepoint, total in sums.items() if timepoint in timepoints}


def _targets(reading: Reading) -> list[str]:
    return [lesion.id for lesion in reading.lesions if lesion.category == "target"]


def _visit(reading: Reading, timepoint: str) -> Visit:
    return next(visit for visit in reading.visits if visit.timepoint == timepoint)


def _on_other_series(first: Reading, second: Reading, at: str, one: str, other: str) -> bool:
    """Whether a lesion was measured on different series, at a timepoint or at any before it that sets its reference."""
    for a, b in zip(first.visits, second.visits, strict=False):
        series = a.series.get(one, ""), b.series.get(other, "")
        if all(series) and series[0] != series[1]:
            return True
        if a.timepoint == at:
            break
    return False
