"""Cases to readers: balanced, free of conflicts of interest, and replayable from a stored seed.

Every choice that chance could make is made by SHA-256 of the seed and the ids, so the outcome does not depend
on the order of the input, the Python version or the machine.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from compliance.errors import HouseError
from reading.assignment.lots import Seed
from reading.assignment.lots import lot as _draw
from reading.assignment.lots import pair as _pair


class NotEnoughReaders(HouseError):
    """A case has fewer readers without a conflict of interest than the charter asks for."""

    code = "not_enough_readers"
    status = 422


@dataclass(frozen=True, slots=True)
class CaseRef:
    """What is read as a whole by one reader, usually a subject, and the site it comes from."""

    id: str
    site: str


@dataclass(frozen=True, slots=True)
class ReaderRef:
    """A reader of the pool, with the sites and cases that a conflict of interest forbids."""

    id: str
    excluded_sites: frozenset[str] = frozenset()
    excluded_cases: frozenset[str] = frozenset()

    def may_read(self, case: CaseRef) -> bool:
        """Tell whether no exclusion stands against the case."""
        return case.site not in self.excluded_sites and case.id not in self.excluded_cases


@dataclass(frozen=True, slots=True)
class Assignment:
    """The readers of a case; the position is the reader's slot: the first is reader 1."""

    case_id: str
    reader_ids: tuple[str, ...]


def assign(
    cases: Sequence[CaseRef], readers: Sequence[ReaderRef], *, per_case: int, seed: Seed
) -> tuple[Assignment, ...]:
    """Give each case its readers, so that readers' case counts differ as little as exclusions allow.

    Parameters
    ----------
    cases, readers
        In any order; ids are unique.
    per_case
        Readers per case, as the charter says.
    seed
        The trial's stored seed; the number 7 and the text "7" are the same seed.

    Returns
    -------
    tuple of Assignment
        One per case, in the order of case ids.

    Raises
    ------
    NotEnoughReaders
        A case has fewer eligible readers than `per_case`; nothing is assigned.
    ValueError
        An id occurs twice, or `per_case` is below 1.
    """
    return extend((), cases, readers, per_case=per_case, seed=seed)


def extend(
    existing: Sequence[Assignment],
    new_cases: Sequence[CaseRef],
    readers: Sequence[ReaderRef],
    *,
    per_case: int,
    seed: Seed,
) -> tuple[Assignment, ...]:
    """Give new cases their readers, counting what readers already have; existing assignments stand.

    A case that is already assigned is passed over, so that calling again changes nothing. A reader who
    joins later is given cases first, until level with the others.

    Returns
    -------
    tuple of Assignment
        The new ones only, in the order of case ids.

    Raises
    ------
    NotEnoughReaders, ValueError
        As for `assign`.
    """
    _unique([case.id for case in new_cases], "case")
    _unique([reader.id for reader in readers], "reader")
    if per_case < 1:
        raise ValueError("a case needs at least one reader")
    known = {assignment.case_id for assignment in existing}
    cases = [case for case in new_cases if case.id not in known]
    eligible = {case.id: _eligible(case, readers, per_case) for case in cases}

    load = Counter(reader for assignment in existing for reader in assignment.reader_ids)
    paired = Counter(pair for assignment in existing for pair in _pairs(assignment.reader_ids))
    chosen: dict[str, set[str]] = {}
    # Cases with the least choice go first; among equals the seed decides.
    for case in sorted(cases, key=lambda c: (len(eligible[c.id]), _draw(seed, "case", c.id))):
        team: set[str] = set()
        for _ in range(per_case):
            team.add(
                min(
                    eligible[case.id] - team,
                    key=lambda r: (
                        load[r],
                        sum(paired[_pair(r, mate)] for mate in team),
                        _draw(seed, "reader", case.id, r),
                    ),
                )
            )
        load.update(team)
        paired.update(_pairs(team))
        chosen[case.id] = team
    _level(chosen, eligible, load)
    return tuple(
        Assignment(case_id, tuple(sorted(team, key=lambda r: _draw(seed, "slot", case_id, r))))
        for case_id, team in sorted(chosen.items())
    )


def pick_adjudicator(
    case: CaseRef,
    adjudicators: Sequence[ReaderRef],
    *,
    seed: Seed,
    exclude: Collection[str] = (),
    load: Mapping[str, int] | None = None,
) -> str:
    """Choose the adjudicator of a case: the one with the fewest adjudications; among equals the seed decides.

    Parameters
    ----------
    exclude
        Ids of those who may not adjudicate the case: its readers.
    load
        Adjudications that each adjudicator already has; one who is not named has none.

    Raises
    ------
    NotEnoughReaders
        No adjudicator is left.
    """
    able = [a.id for a in adjudicators if a.id not in exclude and a.may_read(case)]
    if not able:
        raise NotEnoughReaders(
            f"Case {case.id} has no adjudicator who neither read it nor has a conflict of interest. "
            "Add an adjudicator to the trial, or lift an exclusion.",
            case=case.id,
        )
    counts = load or {}
    return min(able, key=lambda a: (counts.get(a, 0), _draw(seed, "adjudicator", case.id, a)))


def side_order(case_id: str, seed: Seed) -> tuple[int, int]:
    """Return the reader slots to show on the left and on the right in an adjudication: (1, 2) or (2, 1)."""
    return (1, 2) if _draw(seed, "side", case_id)[0] < 128 else (2, 1)


def drawn_order(case_id: str, slot: int, timepoints: Sequence[str], seed: Seed) -> list[str]:
    """Return a case's timepoints in the order in which the reader in a slot sees them, each by itself."""
    return sorted(timepoints, key=lambda code: _draw(seed, "order", case_id, str(slot), code))


def reread_after_days(
    case_id: str, slot: int, seed: Seed, *, percent: float, washout: int, spread: int
) -> float | None:
    """Return how many days after its last signature a reader gets a case again; None: it was not drawn.

    Parameters
    ----------
    percent
        Probability that a reader's case is drawn, from 0 to 100.
    washout, spread
        The least number of days, and how many more there may be.
    """
    drawn = _share(_draw(seed, "re-read", case_id, str(slot))) * 100 < percent
    return washout + spread * _share(_draw(seed, "re-read day", case_id, str(slot))) if drawn else None


def _share(draw: bytes) -> float:
    """Return a number from 0 up to 1 that a draw stands for."""
    return int.from_bytes(draw[:6]) / 2**48


def _eligible(case: CaseRef, readers: Sequence[ReaderRef], per_case: int) -> set[str]:
    able = {reader.id for reader in readers if reader.may_read(case)}
    if len(able) < per_case:
        raise NotEnoughReaders(
            f"Case {case.id} has {len(able)} of the {per_case} readers it needs without a conflict of interest. "
            "Add readers to the trial, or lift an exclusion.",
            case=case.id,
            eligible=len(able),
            needed=per_case,
        )
    return able


def _level(chosen: dict[str, set[str]], eligible: Mapping[str, set[str]], load: Counter[str]) -> None:
    """Hand cases on, from reader to reader, while that brings two readers' counts closer together.

    When no such chain is left, no other assignment of these cases is more even: the readers' counts are then
    a flow of least convex cost (Harvey, Ladner, Lovász, Tamir: Semi-matchings for bipartite graphs, 2006).
    """
    while chain := _chain(chosen, eligible, load):
        for case_id, giver, taker in chain:
            chosen[case_id].remove(giver)
            chosen[case_id].add(taker)
        load[chain[0][1]] -= 1
        load[chain[-1][2]] += 1


def _chain(
    chosen: Mapping[str, set[str]], eligible: Mapping[str, set[str]], load: Mapping[str, int]
) -> list[tuple[str, str, str]]:
    """Return the hand-overs (case, from, to) from a busy reader to one with at least two cases fewer, or none."""
    hand_over: dict[str, dict[str, str]] = {}
    for case_id in sorted(chosen):
        for giver in chosen[case_id]:
            for taker in eligible[case_id] - chosen[case_id]:
                hand_over.setdefault(giver, {}).setdefault(taker, case_id)
    for start in sorted(hand_over, key=lambda r: (-load[r], r)):
        came_from: dict[str, tuple[str, str, str]] = {}
        queue = deque([start])
        while queue:
            giver = queue.popleft()
            for taker, case_id in sorted(hand_over.get(giver, {}).items()):
                if taker == start or taker in came_from:
                    continue
                came_from[taker] = (case_id, giver, taker)
                if load[taker] <= load[start] - 2:
                    chain = [came_from[taker]]
                    while chain[0][1] != start:
                        chain.insert(0, came_from[chain[0][1]])
                    return chain
                queue.append(taker)
    return []


def _pairs(team: Collection[str]) -> list[tuple[str, str]]:
    return [_pair(a, b) for a, b in combinations(sorted(team), 2)]


def _unique(ids: Sequence[str], what: str) -> None:
    if len(set(ids)) != len(ids):
        raise ValueError(f"a {what} is named twice")
