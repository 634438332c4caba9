"""Before and after: what recipes make of files that somebody chose. Nothing is kept, logged or compared with the trial.

Pseudonyms and shifts are made with a key of the moment: with the trial's own, whoever may preview could ask for the
pseudonyms of guessed numbers and for a subject's shift of dates.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute, or a whole file, of which two recipes make different things; None where it is not there."""

    file: int
    path: str
    name: str
    before: str | None
    first: str | None
    second: str | None


class Preview:
    """Files under recipes, with one key for all of them."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, path: str, size: int, terms: Mapping[str, Any]) -> Previewed:
        """Show one file under a charter's recipe.

        Parameters
        ----------
        terms
            The charter's `deidentification`.
        """
        try:
            seen = confined.call(
                "imaging.deid.workshop:preview",
                path,
                dict(terms),
                self._secret,
                **budget(size, reading=terms.get("pixels", "hold") != "hold"),
            )
        except confined.OverBudget as problem:
            return Previewed(held=problem.message)
        except (confined.Failed, HouseError):
            return Previewed(held="The file could not be read. Choose another, or export it again.")
        if "held" in seen:
            return Previewed(held=seen["sentence"])
        return Previewed([Change(*one) for one in seen["changes"]])


def differences(pairs: Iterable[tuple[Previewed, Previewed]]) -> list[Difference]:
    """What two recipes make of the same files, where it differs."""
    found = []
    for number, (first, second) in enumerate(pairs, start=1):
        if first.held or second.held:
            if first.held != second.held:
                found.append(Difference(number, "", "The whole file", None, first.held or None, second.held or None))
            continue
        other = {one.path: one for one in second.changes}
        one = {change.path: change for change in first.changes}
        for path in [*one, *(path for path in other if path not in one)]:
            mine, theirs = one.get(path), other.get(path)
            after = mine.after if mine else None, theirs.after if theirs else None
            if after[0] != after[1]:
                known = mine or theirs
                assert known is not None
                found.append(Difference(number, path, known.name, known.before, *after))
    return found
