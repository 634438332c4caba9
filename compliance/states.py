"""A life is a table: the states of an entity, the moves between them, and the ceremony of each move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Move:
    """One row of a life's table.

    Attributes
    ----------
    source
        State, or states, that the entity must be in.
    target
        State that it is in afterwards.
    may
        Verb that the actor must hold (see `compliance.access`); None: only the system itself moves it.
    reason, signature
        What the actor has to give with the move.
    supersedes
        Whether the signatures on the record no longer speak for it afterwards, though its content is the same.
    """

    source: StrEnum | tuple[StrEnum, ...]
    target: StrEnum
    may: str | None = None
    reason: bool = False
    signature: bool = False
    supersedes: bool = False

    @property
    def sources(self) -> tuple[StrEnum, ...]:
        """The source states, always as a tuple."""
        return self.source if isinstance(self.source, tuple) else (self.source,)


@dataclass(frozen=True, slots=True)
class Machine:
    """The life of one entity, as a table from verb to `Move`."""

    name: str
    initial: StrEnum
    moves: Mapping[str, Move]

    def reachable(self) -> frozenset[StrEnum]:
        """States that some sequence of moves reaches from the initial one, itself included."""
        seen = {self.initial}
        while True:
            more = {m.target for m in self.moves.values() if seen.intersection(m.sources)} - seen
            if not more:
                return frozenset(seen)
            seen |= more
