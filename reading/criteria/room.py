"""How many target lesions are chosen, and how many more may be: the count that a reader follows while choosing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .baseline import organ_key
from .form import NODES

#: Where a lesion is, in words, where “in the” and the organ do not say it.
_PLACES = {
    NODES: "in lymph nodes",
    "BONE": "in bone",
    "PLEURA": "on the pleura",
    "PERITONEUM": "on the peritoneum",
    "SOFT TISSUE": "in soft tissue",
    "OTHER": "elsewhere",
    "": "without an organ yet",
}


@dataclass(frozen=True, slots=True)
class Room:
    """Targets chosen so far.

    Attributes
    ----------
    most, most_per_organ
        How many may be, in all and in one organ; None: no limit.
    organs
        Chosen by organ as the rules count it, the fullest first; an empty name: not stated yet.
    """

    most: int | None
    most_per_organ: int | None
    organs: tuple[tuple[str, int], ...]

    @property
    def chosen(self) -> int:
        """How many are chosen in all."""
        return sum(count for _, count in self.organs)

    @property
    def is_broken(self) -> bool:
        """Whether there are too many, in all or in one organ."""
        return _over(self.chosen, self.most) or any(_over(count, self._most_in(organ)) for organ, count in self.organs)

    @property
    def said(self) -> str:
        """The count in words: “3 of 5 targets: 2 in the liver (2 at most), 1 in the lung”."""
        whole = f"{self.chosen} {'target' if self.chosen == 1 else 'targets'}"
        if self.most is not None:
            whole = f"{self.chosen} of {self.most} targets"
        return f"{whole}: {', '.join(map(self._said_in, self.organs))}" if self.organs else whole

    @property
    def hints(self) -> tuple[str, ...]:
        """Where one more would be too many, or there are too many already, a sentence each."""
        if _over(self.chosen, self.most):
            return (f"{self.chosen} targets are chosen, and {self.most} may be. Remove one.", *self._hints_of_organs())
        if self.chosen == self.most:
            return ("One more target would be too many.", *self._hints_of_organs(full=False))
        return self._hints_of_organs()

    def _hints_of_organs(self, *, full: bool = True) -> tuple[str, ...]:
        found = []
        for organ, count in self.organs:
            most, place = self._most_in(organ), _place(organ)
            if _over(count, most):
                found.append(f"{count} targets are {place}, and {most} may be. Remove one.")
            elif full and count == most:
                found.append(f"One more {place} would be too many.")
        return tuple(found)

    def _most_in(self, organ: str) -> int | None:
        return self.most_per_organ if organ else None

    def _said_in(self, counted: tuple[str, int]) -> str:
        organ, count = counted
        most = self._most_in(organ)
        limit = f" ({most} at most)" if most is not None and count >= most else ""
        return f"{count} {_place(organ)}{limit}"


def room_of(targets: Iterable[tuple[str, bool]], most: int | None, most_per_organ: int | None = None) -> Room:
    """Count targets, each given by its organ and whether it is a node, as the rules of the baseline count them."""
    counts = Counter(organ_key(organ, nodal) for organ, nodal in targets)
    return Room(most, most_per_organ, tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def _over(count: int, most: int | None) -> bool:
    return most is not None and count > most


def _place(organ: str) -> str:
    return _PLACES.get(organ, f"in the {organ.lower()}")
