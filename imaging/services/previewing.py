"""Before and after: what recipes make of files that somebody chose. Nothing is kept, logged or compared with the trial.

Pseudonyms and shifts are made with a key of the moment: with the trial's own, whoever may preview could ask for the
pseudonyms of guessed numbers and for a subject's shift of dates.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from compliance import confined
from compliance.errors import HouseError
from imaging.deid.preview import Change
from imaging.services.limits import budget


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a recipe makes of one file: its attributes before and after, or the sentence for which it is held."""

    changes: Sequence[Change] = ()
    held: str = ""

    @property
    def altered(self) -> list[Change]:
        """Attributes that were not kept as they are."""
        return [one for one in self.changes if one.kind != "kept"]

    @property
    def kept(self) -> list[Change]:
        """Attributes that were kept as they are."""
        return [one for one in self.changes if one.kind == "kept"]


@dataclass(slots=True)
class Difference:
    """An attribute, or a whole file, of which two recipes make different things; None where it is not there.

    Attributes
    ----------
    file
        The first file in which they do.
    files
        How many there are with these very values.
    """

    file: int
    path: str
    name: str
    before: str | None
    first: str | None
    second: str | None
    files: int = 0


@dataclass(slots=True)
class Outcome:
    """What one recipe, or two, make of files: of the first of them one by one, of all of them in sum.

    Attributes
    ----------
    shown
        The first files, under the first recipe.
    held
        How many files the first recipe holds, by the sentence why.
    untried
        Files for which there was no time.
    """

    #: Files that are shown one by one, and differences that are.
    FILES, DIFFERENCES = 20, 1000

    compared: bool
    count: int = 0
    shown: list[Previewed] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    untried: int = 0
    _found: dict[tuple[str | None, ...], Difference] = field(default_factory=dict)

    @property
    def differences(self) -> list[Difference]:
        """Where two recipes differ; those of many files alike are one."""
        return list(self._found.values())

    def add(self, first: Previewed, second: Previewed | None = None) -> None:
        """Add what came of the next file."""
        self.count += 1
        if len(self.shown) < self.FILES:
            self.shown.append(first)
        if first.held:
            self.held[first.held] = self.held.get(first.held, 0) + 1
        for one in _differences(self.count, first, second) if second else ():
            alike = one.path, one.before, one.first, one.second
            if alike in self._found or len(self._found) < self.DIFFERENCES:
                self._found.setdefault(alike, one).files += 1

    def plain(self) -> dict[str, Any]:
        """Write it as plain values."""
        shown = [[one.held, list(map(list, one.changes))] for one in self.shown]
        differences = [
            [one.file, one.path, one.name, one.before, one.first, one.second, one.files] for one in self.differences
        ]
        return {
            "compared": self.compared,
            "count": self.count,
            "shown": shown,
            "held": self.held,
            "untried": self.untried,
            "differences": differences,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Read it from plain values."""
        shown = [Previewed([Change(*one) for one in changes], held) for held, changes in plain["shown"]]
        made = cls(plain["compared"], plain["count"], shown, dict(plain["held"]), plain["untried"])
        for one in (Difference(*seven) for seven in plain["differences"]):
            made._found[one.path, one.before, one.first, one.second] = one
        return made


class Preview:
    """Files under recipes, with one key for all of them."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, path: str, size: int, terms: Mapping[str, Any], *, seconds: float | None = None) -> Previewed:
        """Show one file under a charter's recipe.

        Parameters
        ----------
        terms
            The charter's `deidentification`.
        seconds
            That it may take; without, as many as a file of this size may when it is archived.

        Raises
        ------
        confined.NotRead
            With `seconds`, it took longer, or more memory; without, the sentence is its result.
        """
        limits = budget(size, reading=terms.get("pixels", "hold") != "hold")
        try:
            seen = confined.call(
                "imaging.deid.workshop:preview",
                path,
                dict(terms),
                self._secret,
                **(limits if seconds is None else limits | {"seconds": seconds}),
            )
        except confined.NotRead as problem:
            if seconds is not None:
                raise
            return Previewed(held=problem.message)
        except (confined.Failed, HouseError):
            return Previewed(held="The file could not be read. Choose another, or export it again.")
        if "held" in seen:
            return Previewed(held=seen["sentence"])
        return Previewed([Change(*one) for one in seen["changes"]])


def _differences(number: int, first: Previewed, second: Previewed) -> Iterator[Difference]:
    """What two recipes make of the same file, where it differs."""
    if first.held or second.held:
        if first.held != second.held:
            yield Difference(number, "", "The whole file", None, first.held or None, second.held or None)
        return
    other = {one.path: one for one in second.changes}
    one = {change.path: change for change in first.changes}
    for path in [*one, *(path for path in other if path not in one)]:
        mine, theirs = one.get(path), other.get(path)
        after = mine.after if mine else None, theirs.after if theirs else None
        if after[0] != after[1]:
            known = mine or theirs
            assert known is not None
            yield Difference(number, path, known.name, known.before, *after)
