"""Searching a folder for what is known of people; each file is read in a child process that may be killed."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance import confined
from compliance.errors import HouseError
from imaging.deid.identifiers import Identifier
from imaging.deid.verifying import Search
from imaging.dicom.walking import Found, Unforeseen, Unreadable
from imaging.services.limits import budget

#: Stands for a part of a path that holds an identifier.
HIDDEN = "[…]"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a file.

    Attributes
    ----------
    path
        Below the folder that is searched; parts that hold an identifier are hidden.
    hits
        Pairs of an identifier's number and a place: an attribute's path, an offset in bytes, `name`.
    missing
        Keywords of the marks of de-identification that an instance lacks.
    unread
        What could not be searched, and why, in the words of a reason.
    """

    path: str
    instance: bool
    hits: Sequence[tuple[int, str]]
    missing: Sequence[str]
    unread: Sequence[str]


class Verification:
    """One search of the files that were found."""

    def __init__(
        self,
        files: Sequence[Found],
        *,
        top: Path,
        identifiers: Sequence[Identifier],
        workers: int,
        pixels: bool = True,
    ) -> None:
        """Begin a search.

        Parameters
        ----------
        files
            From `find_files(..., everything=True)`.
        top
            The folder that was named, or that of the file that was.
        pixels
            Read what is written in the pixels.
        """
        self._files, self._top, self._workers = files, Path(os.path.abspath(top)), workers
        self._pixels = pixels
        self._identifiers, self._search = json.dumps(identifiers), Search(identifiers)

    def verify(self) -> Generator[Verified, None, None]:
        """Search each file; yield what was found, in the order of the files."""
        with closing(confined.each(self._one, self._files, workers=self._workers)) as verified:
            yield from verified

    def _one(self, found: Found) -> Verified:
        name = found.path.relative_to(self._top).parts
        in_name = [self._search.in_name(part) for part in name]
        path = "/".join(HIDDEN if numbers else _shown(part) for part, numbers in zip(name, in_name, strict=True))
        hits = [(number, "name") for numbers in in_name for number in sorted(numbers)]
        try:
            if found.problem:
                raise found.problem
            looked = self._ask(found)
        except HouseError as problem:
            return Verified(path, False, hits, (), (problem.code,))
        hits += [(number, place) for number, place in looked["hits"]]
        return Verified(path, looked["instance"], hits, looked["missing"], looked["unread"])

    def _ask(self, found: Found) -> dict[str, Any]:
        question = ("imaging.deid.verifying:verify", str(found.path), self._identifiers, self._pixels)
        try:
            answer: dict[str, Any] = confined.call(*question, **budget(found.size, reading=self._pixels))
        except OSError as problem:
            raise Unreadable(problem) from problem
        except confined.Failed as problem:
            raise Unforeseen from problem
        return answer


def _shown(part: str) -> str:
    return os.fsencode(part).decode("utf-8", "backslashreplace")
