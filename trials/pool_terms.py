"""What a charter says of who may read what: pools of readers, pairs, and whether readers get equally much.

The charter names the pools; who is in them is for the reading manager.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trials.terms.kinds import Choice, Flag, Place, Problem, Several, Text
from trials.terms.records import Rows, term

#: Which reader of a timepoint comes from a pool, and the places this stands for.
READS_AS = {"first": "reader 1", "second": "reader 2"}
_PLACES = {"": frozenset({1, 2}), "first": frozenset({1}), "second": frozenset({2})}
PAIRING = {"fixed": "in fixed pairs, which the reading manager makes"}


@dataclass(frozen=True, slots=True)
class PoolOfReaders:
    """Some of the trial's readers, by what they may read."""

    name: str = term(
        Text(40), "Pool", "Such as radiologists; readers see it, so it does not name a site.", required=True
    )
    reads_as: str = term(Choice(READS_AS), "Reads as", "Either of the two readers, if left out.")
    #: They would tell readers of the pool where their cases come from.
    sites: tuple[str, ...] = term(
        Several(Text(12)),
        "Sites",
        "Codes of the sites whose subjects it reads; without any, those of all sites that no other pool names. Readers "
        "do not see them.",
        withheld=True,
    )

    @property
    def places(self) -> frozenset[int]:
        """The places that its members may take: 1 for reader 1, 2 for reader 2."""
        return _PLACES[self.reads_as]


@dataclass(frozen=True, slots=True)
class DrawTerms:
    """From whom, and how, the readers of a subject are drawn by the trial's seed."""

    pools: tuple[PoolOfReaders, ...] = term(
        Rows(PoolOfReaders, "name", "pool", most=12),
        "Pools of readers",
        "A reader that no pool is for is drawn from all readers of the trial.",
    )
    pairing: str = term(Choice(PAIRING), "Readers read", "Any two of them together, if left out.")
    balanced: bool = term(
        Flag(),
        "Readers get equally many subjects",
        "Who has fewest is drawn, and of two who are level the seed draws. If left out, the seed alone draws.",
    )


def faults_of_draw(terms: DrawTerms, readers: int, place: Place) -> Iterator[Problem]:
    """Return what cannot be drawn with so many readers of each timepoint."""
    if readers < 2 and terms.pairing:
        yield Problem((*place, "pairing"), "a single reader has nobody to read with")
    for number, pool in enumerate(terms.pools, start=1):
        if min(pool.places) > readers:
            yield Problem((*place, "pools", number, "reads_as"), "each timepoint has a single reader")
        for other in terms.pools[: number - 1]:
            shared = sorted(set(pool.sites) & set(other.sites))
            if shared and pool.reads_as == other.reads_as:
                yield Problem((*place, "pools", number, "sites"), f"{', '.join(shared)} is of pool {other.name} too")
