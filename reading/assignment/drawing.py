"""The readers of one case, place by place: from pools, in pairs, evenly, and replayable from what the draw knew.

A case comes when it comes, so the draw looks at this case and at what readers have by then. Where the choice that is
left is the same, SHA-256 of the seed and the ids decides, as in `assigning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from typing import Any

from reading.assignment.assigning import CaseRef, NotEnoughReaders, ReaderRef
from reading.assignment.lots import Seed, lot, pair


@dataclass(frozen=True, slots=True)
class Pool:
    """Readers who may take some places of the cases of some sites; without sites: of those that no other pool names."""

    name: str
    members: frozenset[str]
    places: frozenset[int]
    sites: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Chance:
    """All that the draw of a case's readers knows.

    Attributes
    ----------
    places
        By place, the ids of those who may take it.
    pools
        By place, the names of the pools that these come from; nothing: all readers of the trial.
    pairs
        Readers who read together; None: any two do.
    load, together
        How many cases a reader has, and two readers share; empty where that does not matter.
    """

    case_id: str
    places: tuple[frozenset[str], ...]
    pools: tuple[tuple[str, ...], ...] = ()
    pairs: frozenset[tuple[str, str]] | None = None
    load: Mapping[str, int] = field(default_factory=dict)
    together: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return {
            "case": self.case_id,
            "places": [sorted(place) for place in self.places],
            "pools": [list(names) for names in self.pools],
            "pairs": None if self.pairs is None else [list(two) for two in sorted(self.pairs)],
            "load": dict(sorted(self.load.items())),
            "together": [[*two, count] for two, count in sorted(self.together.items())],
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Chance:
        """Read it back."""
        return cls(
            kept["case"],
            tuple(frozenset(place) for place in kept["places"]),
            tuple(tuple(names) for names in kept["pools"]),
            None if kept["pairs"] is None else frozenset((a, b) for a, b in kept["pairs"]),
            kept["load"],
            {(a, b): count for a, b, count in kept["together"]},
        )


def pools_of(pools: Sequence[Pool], place: int, site: str) -> tuple[Pool, ...]:
    """Return the pools that fill a place for a site: those that name the site, else those that name none."""
    of_place = [pool for pool in pools if place in pool.places]
    named = [pool for pool in of_place if site in pool.sites]
    return tuple(sorted(named or [pool for pool in of_place if not pool.sites], key=lambda pool: pool.name))


def candidates(
    case: CaseRef, readers: Sequence[ReaderRef], pools: Sequence[Pool], *, per_case: int
) -> tuple[tuple[frozenset[str], ...], tuple[tuple[str, ...], ...]]:
    """Return, by place, who may take it, and the names of the pools that they come from.

    A place that no pool is for is open to every reader; one whose pools name other sites only is open to nobody.
    """
    able = {reader.id for reader in readers if reader.may_read(case)}
    places, names = [], []
    for place in range(1, per_case + 1):
        filling = pools_of(pools, place, case.site)
        pooled = any(place in pool.places for pool in pools)
        members = {reader for pool in filling for reader in pool.members}
        places.append(frozenset(able & members if pooled else able))
        names.append(tuple(pool.name for pool in filling))
    return tuple(places), tuple(names) if pools else ()


def draw(chance: Chance, *, seed: Seed) -> tuple[str, ...]:
    """Return the readers of a case by place.

    Of the teams that may read it, one whose readers have the fewest cases together, then the one whose busiest reader
    has fewest, then one that shared the fewest; among equals the seed decides. So no other team would leave the
    readers' counts more even.

    Raises
    ------
    NotEnoughReaders
        No team may read the case.
    """
    teams = [team for team in product(*map(sorted, chance.places)) if _may_read_together(team, chance.pairs)]
    if not teams:
        raise NotEnoughReaders(_shortage(chance), case=chance.case_id)
    return min(teams, key=lambda team: _rank(team, chance, seed))


def _may_read_together(team: Sequence[str], pairs: frozenset[tuple[str, str]] | None) -> bool:
    if len(set(team)) != len(team):
        return False
    return pairs is None or len(team) < 2 or any(two in pairs for two in permutations(team, 2))


def _rank(team: Sequence[str], chance: Chance, seed: Seed) -> tuple[Any, ...]:
    loads = [chance.load.get(reader, 0) for reader in team]
    shared = chance.together.get(pair(team[0], team[1]), 0) if len(team) == 2 else 0
    by_chance = sorted(lot(seed, "reader", chance.case_id, reader) for reader in team)
    places = [lot(seed, "slot", chance.case_id, reader) for reader in team]
    return sum(loads), max(loads), shared, by_chance, places


def _shortage(chance: Chance) -> str:
    for number, place in enumerate(chance.places, start=1):
        if not place:
            named = chance.pools[number - 1] if chance.pools else ()
            where = f"in the pool{'s' if len(named) > 1 else ''} {', '.join(named)}" if named else "in any pool"
            where = where if chance.pools else "in the trial"
            return (
                f"Case {chance.case_id} has nobody {where} who may be reader {number}. "
                "Add readers there, or end an exclusion."
            )
    if chance.pairs is not None and len(set[str]().union(*chance.places)) > 1:
        return f"Case {chance.case_id} has no fixed pair of whom both may read it. Make a pair, or end an exclusion."
    able = len(set[str]().union(*chance.places))
    return (
        f"Case {chance.case_id} has {able} of the {len(chance.places)} readers it needs without a conflict of "
        "interest. Add readers to the trial, or lift an exclusion."
    )
