"""How an unconfirmed progression goes on: confirmed by further growth, standing, or undone (iRECIST, Table 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from .best_immune import Immune
from .best_response import Response
from .inputs import NewLesion, NewLesionChange, NewLesionClass, NewLesionState
from .values import difference, plain, share, total

_TABLE = "iRECIST, Table 2"
_CLARIFIED = "EORTC questions and clarifications on iRECIST"
# How good a response on the lesions of the baseline is; what was not evaluable shows nothing.
_RANK = {
    Response.PD: 1,
    Response.SD: 2,
    Response.NON_CR_NON_PD: 2,
    Response.NED: 2,
    Response.PR: 3,
    Response.CR: 4,
}


@dataclass(frozen=True, slots=True)
class NewLesions:
    """The unequivocal new lesions of one timepoint: names, sizes of those that are measured, those that grew."""

    names: frozenset[str]
    sizes: Mapping[str, Decimal]
    grown: frozenset[str]

    @property
    def present(self) -> bool:
        """Whether there are any."""
        return bool(self.names)


def see_new_lesions(lesions: Iterable[NewLesion]) -> NewLesions:
    """Return what counts of the new lesions of a timepoint; equivocal and dismissed ones do not.

    A new target lesion has grown when the sum of its kind says so, a new non-target lesion when the reader does.
    """
    real = [lesion for lesion in lesions if lesion.status is NewLesionState.UNEQUIVOCAL]
    targets = [lesion for lesion in real if lesion.lesion_class is NewLesionClass.TARGET]
    return NewLesions(
        frozenset(lesion.lesion_id for lesion in real),
        {lesion.lesion_id: lesion.diameter_mm for lesion in targets if lesion.diameter_mm is not None},
        frozenset(
            lesion.lesion_id
            for lesion in real
            if lesion.lesion_class is NewLesionClass.NONTARGET and lesion.change is NewLesionChange.INCREASED
        ),
    )


@dataclass(frozen=True, slots=True)
class Progression:
    """One timepoint, as far as progression goes.

    Attributes
    ----------
    base
        The overall response of RECIST 1.1 on the lesions of the baseline, new lesions left out.
    by
        What proves PD there: target, nontarget, reappearance.
    measured_mm
        Sum of the target lesions that have a value; a partial sum can prove growth, as in RECIST 1.1 §4.4.2.
    nontarget_grown
        A non-target lesion grew further, or one more progressed unequivocally.
    """

    day: int
    base: Response
    by: frozenset[str]
    measured_mm: Decimal
    nontarget_grown: bool
    new_lesions: NewLesions


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a timepoint is: iUPD, iCPD, or (None) what RECIST 1.1 says; with the rule that fired."""

    progression: Immune | None
    by: tuple[str, ...]
    rule: str
    clause: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Unconfirmed:
    """An iUPD that stands: its first timepoint is what growth and time are counted from."""

    first: Progression
    by: frozenset[str]
    known: frozenset[str]
    best: int
    confirmed: bool = False


@dataclass
class Course:
    """Follows one subject from timepoint to timepoint, in order of time.

    Attributes
    ----------
    minimum, maximum
        Days after the first iUPD in which growth confirms it; a maximum of 0 is none.
    increase_mm
        Least growth of a sum, over the sum at the first iUPD, that confirms it.
    pd_increase_percent, pd_absolute_mm
        When new target lesions, after the bar was reset, progress anew.
    confirmed_day
        Day of the first iUPD that was confirmed.
    """

    minimum: int
    maximum: int
    increase_mm: Decimal
    pd_increase_percent: Decimal
    pd_absolute_mm: Decimal
    confirmed_day: int | None = None
    _standing: _Unconfirmed | None = None
    _known: frozenset[str] = frozenset()
    _sums: list[Mapping[str, Decimal]] = field(default_factory=list)
    _rank: int = 2

    def see(self, seen: Progression) -> Verdict:
        """Judge the next timepoint."""
        verdict = self._first(seen) if self._standing is None else self._again(seen, self._standing)
        self._sums.append(seen.new_lesions.sizes)
        self._rank = _RANK.get(seen.base, self._rank)
        return verdict

    def _first(self, seen: Progression) -> Verdict:
        """A timepoint while no iUPD stands: PD by RECIST 1.1 in any category is iUPD."""
        by = set(seen.by)
        if seen.new_lesions.names - self._known or self._new_lesions_progress(seen.new_lesions):
            by.add("new_lesion")
        if not by:
            return Verdict(None, (), "no_progression", _TABLE, {})
        self._known |= seen.new_lesions.names
        self._standing = _Unconfirmed(seen, frozenset(by), self._known, _RANK.get(seen.base, self._rank))
        return Verdict(Immune.IUPD, tuple(sorted(by)), "unconfirmed_progression", _TABLE, {"by": ", ".join(sorted(by))})

    def _again(self, seen: Progression, standing: _Unconfirmed) -> Verdict:
        """A timepoint while an iUPD stands."""
        waited = seen.day - standing.first.day
        signs = self._signs(seen, standing)
        inputs = {
            "first iUPD": f"day {standing.first.day}",
            "days since": str(waited),
            "sum at first iUPD": f"{plain(standing.first.measured_mm)} mm",
            "sum": f"{plain(seen.measured_mm)} mm",
            "growth": ", ".join(signs) or "none",
        }
        if signs and not standing.confirmed:
            if waited < self.minimum or (self.maximum and waited > self.maximum):
                return Verdict(Immune.IUPD, signs, "confirmation_outside_its_time", _CLARIFIED, inputs)
            if self.confirmed_day is None:
                self.confirmed_day = standing.first.day
            self._known |= seen.new_lesions.names
            self._standing = _Unconfirmed(
                standing.first, standing.by | seen.by, self._known, standing.best, confirmed=True
            )
            return Verdict(Immune.ICPD, signs, "confirmed_progression", _TABLE, inputs)
        rank = _RANK.get(seen.base)
        stands = bool(seen.by) or (seen.new_lesions.present and (rank is None or rank <= standing.best))
        if stands or signs:
            best = max(standing.best, rank or 0)
            self._standing = _Unconfirmed(standing.first, standing.by, standing.known, best, standing.confirmed)
            still = Immune.ICPD if standing.confirmed else Immune.IUPD
            by = tuple(sorted(seen.by | ({"new_lesion"} if seen.new_lesions.present else set())))
            return Verdict(still, by, "progression_stands", _TABLE, inputs)
        if rank is None:
            return Verdict(None, (), "not_evaluable_while_progression_stands", _TABLE, inputs)
        self._standing = None
        self._known |= seen.new_lesions.names
        return Verdict(None, (), "bar_reset", f"{_TABLE}; {_CLARIFIED}", inputs)

    def _signs(self, seen: Progression, standing: _Unconfirmed) -> tuple[str, ...]:
        """Return the categories that grew since the first iUPD, or progress for the first time."""
        signs = set()
        again = "reappearance" in standing.by
        grown = difference(seen.measured_mm, standing.first.measured_mm) >= self.increase_mm
        if "target" in standing.by or again:
            if grown:
                signs.add("target")
        elif "target" in seen.by:
            signs.add("target")
        if "nontarget" in standing.by or again:
            if seen.nontarget_grown:
                signs.add("nontarget")
        elif "nontarget" in seen.by:
            signs.add("nontarget")
        if "reappearance" in seen.by and not again:
            signs.add("reappearance")
        more = seen.new_lesions.names - standing.known
        if more or ("new_lesion" in standing.by and self._new_lesions_grew(seen.new_lesions, standing)):
            signs.add("new_lesion")
        return tuple(sorted(signs))

    def _new_lesions_grew(self, now: NewLesions, standing: _Unconfirmed) -> bool:
        """Any growth of a non-target one; of the target ones 5 mm over their sum at the first iUPD."""
        then = standing.first.new_lesions.sizes
        size = total(size for name, size in now.sizes.items() if name in then)
        return bool(now.grown & standing.known) or (
            bool(then) and difference(size, total(then.values())) >= self.increase_mm
        )

    def _new_lesions_progress(self, now: NewLesions) -> bool:
        """Known new lesions, after the bar was reset: any growth of a non-target one, PD of the target ones' sum."""
        if now.grown & self._known:
            return True
        comparable = [sizes for sizes in self._sums if now.sizes and set(sizes) >= set(now.sizes)]
        before = [total(sizes[name] for name in now.sizes) for sizes in comparable]
        if not before:
            return False
        nadir, size = min(before), total(now.sizes.values())
        threshold = share(total([Decimal(100), self.pd_increase_percent]), nadir)
        return size >= threshold and difference(size, nadir) >= self.pd_absolute_mm
