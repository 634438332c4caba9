"""Searching finished files for what is known of people, whoever made the files. Runs in a child process.

Names are found in any order, alphabet and encoding, dates and phones in all usual spellings: in parsed text of any
depth, in markup and documents, in bytes, inflated ones too, and in the names of files and folders.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from compliance.errors import HouseError
from imaging.deid.documents import texts_of
from imaging.deid.identifiers import DATE, Identifier
from imaging.deid.leaks import encodings, walk
from imaging.deid.needles import Needle, Sieve
from imaging.deid.pixels.reading import lines_in, read_line, views_of
from imaging.deid.spelling import folded, phone_runs, phone_tail, raw_words, readings, spellings, tokens_of
from imaging.deid.values import name_of
from imaging.dicom.files import layout_of, opened

_CODED_VRS = frozenset({"CS", "AS"})
_NUMERIC_VRS = frozenset({"DS", "IS", "TM", "UI"})
_DATED_VRS = frozenset({"DA", "DT"})
_PIXEL_DATA, _DOCUMENT = 0x7FE00010, 0x00420011
#: Shorter numbers, and shorter words in codes, are looked for in prose alone: there are too many of them.
_LEAST_NUMBER, _LEAST_CODE = 6, 4
#: Letters of a word that may be misread, and how alike the two must be then.
_LEAST_READ, _CLOSE = 5, 0.8
# As in `imaging.deid.leaks`: bytes that a value needs to be searched for, and in pixels.
_LEAST_BYTES, _LEAST_PIXEL_BYTES = 4, 7
_MARKS = ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence")
#: Bytes of a file without a data set that are read as text.
_MOST_TEXT = 64 << 20


class Hit(NamedTuple):
    """An identifier, by its number in the list, and where it was found."""

    number: int
    place: str


class Search:
    """A search for many identifiers at once."""

    def __init__(self, identifiers: Sequence[Identifier]) -> None:
        self._starts: dict[str, list[tuple[tuple[str, ...], int]]] = defaultdict(list)
        self._wide: list[tuple[str, int]] = []
        self._tails: dict[str, set[int]] = defaultdict(set)
        self._raw: dict[Needle, set[int]] = defaultdict(set)
        self._long: dict[str, set[int]] = defaultdict(set)
        self._dates = {number for number, one in enumerate(identifiers) if one.kind == DATE}
        for number, one in enumerate(identifiers):
            for tokens in spellings(one):
                self._starts[tokens[0]].append((tokens, number))
                if len(tokens) == 1 and len(tokens[0]) >= _LEAST_READ:
                    self._long[tokens[0]].add(number)
                if len(tokens) == 1 and len(tokens[0]) > 1 and ord(tokens[0][0]) > 0x2E7F:
                    self._wide.append((tokens[0], number))
            if tail := phone_tail(one):
                self._tails[tail].add(number)
            for word in raw_words(one):
                if not word.isdigit() or len(word) >= _LEAST_NUMBER:
                    for content in encodings(word):
                        self._raw[Needle(content, word.isdigit(), word.isascii())].add(number)
        self._sieves = {least: Sieve(sorted(self._raw), least) for least in (_LEAST_BYTES, _LEAST_PIXEL_BYTES)}

    def in_text(self, text: str, vr: str = "LT") -> set[int]:
        """Which identifiers a text holds, read as a value of its VR."""
        found: set[int] = set()
        for reading in readings(text):
            tokens = tokens_of(reading)
            for place, token in enumerate(tokens):
                for spelling, number in self._at(token):
                    if tuple(tokens[place : place + len(spelling)]) == spelling and _counts(spelling, vr):
                        found.add(number)
                if len(token) > 8 and token.isdigit():  # a date with a time of day
                    found |= {number for _, number in self._starts.get(token[:8], ()) if number in self._dates}
            if not reading.isascii():
                whole = folded(reading)
                found |= {number for word, number in self._wide if word in whole}
            if vr not in _NUMERIC_VRS | _DATED_VRS:
                found |= self._phones(reading)
        return found

    def in_bytes(self, content: bytes, *, pixels: bool = False) -> Iterator[tuple[int, int]]:
        """Which identifiers stand somewhere in bytes, in whatever encoding, and where first."""
        for needle, at in self._sieves[_LEAST_PIXEL_BYTES if pixels else _LEAST_BYTES].search(content):
            for number in self._raw[needle]:
                yield number, at

    def in_picture(self, text: str) -> set[int]:
        """Which identifiers a text holds that was read from a picture, a few letters of which may be wrong."""
        found = self.in_text(text)
        for token in tokens_of(text):
            if len(token) >= _LEAST_READ:
                for word, numbers in self._long.items():
                    if not numbers <= found and _is_close(token, word):
                        found |= numbers
        return found

    def in_name(self, name: str) -> set[int]:
        """Which identifiers the name of a file or folder holds."""
        return self.in_text(name) | {number for number, _ in self.in_bytes(os.fsencode(name))}

    def _at(self, token: str) -> Iterable[tuple[tuple[str, ...], int]]:
        yield from self._starts.get(token, ())
        if token.isdigit() and token[0] == "0" and (short := token.lstrip("0")):
            yield from (
                ((token, *spelling[1:]), number)
                for spelling, number in self._starts.get(short, ())
                if len(short) >= _LEAST_CODE
            )

    def _phones(self, text: str) -> set[int]:
        found: set[int] = set()
        if self._tails:
            for digits in phone_runs(text):
                for tail, numbers in self._tails.items():
                    if tail in digits:
                        found |= numbers
        return found


def _is_close(one: str, other: str) -> bool:
    """Whether one word may be the other, misread."""
    if abs(len(one) - len(other)) > 2:
        return False
    match = SequenceMatcher(None, one, other, autojunk=False)
    return match.quick_ratio() >= _CLOSE and match.ratio() >= _CLOSE


def _counts(spelling: tuple[str, ...], vr: str) -> bool:
    """Whether a spelling means something in a value of a VR."""
    if vr in _NUMERIC_VRS:
        return len(spelling) == 1 and len(spelling[0]) >= _LEAST_NUMBER
    if vr in _CODED_VRS:
        return sum(map(len, spelling)) >= _LEAST_CODE
    return True


def verify(path: str, identifiers: str, pixels: bool = False) -> dict[str, Any]:
    """Search one file for identifiers.

    Parameters
    ----------
    identifiers
        JSON of a list of `Identifier`.
    pixels
        Read what is written in each frame, which takes about a quarter of a second for 512 × 512 pixels.

    Returns
    -------
    dict
        `instance`, whether it is one; `hits`, pairs of the identifier's number and the place; `missing`, keywords of
        the marks that it lacks; `unread`, what could not be read.
    """
    search = _search(identifiers)
    with opened(Path(path)) as whole:
        content = bytes(whole)
    look = _Look(search)
    instance = look.at(content, pixels)
    return {
        "instance": instance,
        "hits": sorted(look.hits.items()),
        "missing": look.missing,
        "unread": look.unread,
    }


class _Look:
    """One look at a file; each identifier counts at the most telling place."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.hits: dict[int, str] = {}
        self.missing: list[str] = []
        self.unread: list[str] = []

    def at(self, content: bytes, pictures: bool) -> bool:
        """Search a file, and what its pixels show if asked to; tell whether it is an instance."""
        try:
            layout = layout_of(memoryview(content))
        except HouseError:
            if len(content) <= _MOST_TEXT:
                self._document(content, "text")
            self._bytes(content, "byte")
            return False
        with config.disable_value_validation():
            dataset = dcmread(BytesIO(content), force=True)
            try:
                self._dataset(dataset)
            except (AttributeError, LookupError, NotImplementedError, RecursionError, TypeError, ValueError):
                self.unread.append("attributes")
            self.missing = [name for name in _MARKS if not dataset.get(name)]
            if dataset.get("PatientIdentityRemoved") != "YES" and _MARKS[0] not in self.missing:
                self.missing.insert(0, _MARKS[0])
        if pictures and _PIXEL_DATA in dataset:
            try:
                self._pictures(dataset)
            except (AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError):
                self.unread.append("pixels")
        if layout.inflated:
            self._bytes(content[: layout.file_start], "byte")
            self._pixels(dataset, bytes(layout.view), "inflated byte")
        else:
            self._pixels(dataset, content, "byte")
        return True

    def _dataset(self, dataset: Dataset) -> None:
        for path, tag, vr, texts in walk(dataset):
            for text in texts:
                self._found(self._search.in_text(text, vr), path + name_of(tag))
        if _DOCUMENT in dataset and isinstance(document := dataset[_DOCUMENT].value, bytes):
            self._document(document, name_of(_DOCUMENT))

    def _pictures(self, dataset: Dataset) -> None:
        for number, frame in enumerate(iter_pixels(dataset), start=1):
            for view in views_of(frame):
                for _, line, _ in lines_in(view):
                    self._found(self._search.in_picture(read_line(line)[0]), f"pixels of frame {number}")

    def _document(self, document: bytes, place: str) -> None:
        for text in texts_of(document):
            self._found(self._search.in_text(text), place)

    def _pixels(self, dataset: Dataset, content: bytes, unit: str) -> None:
        """Search the bytes of a file, with more caution where they are pixels."""
        value = dataset.get_item(_PIXEL_DATA).value if _PIXEL_DATA in dataset else None
        pixels = value if isinstance(value, bytes) else b""
        start = content.rfind(pixels) if pixels else len(content)
        self._bytes(content[:start], unit)
        self._bytes(pixels, unit, start=start, pixels=True)
        stop = start + len(pixels)
        self._bytes(content[stop:], unit, start=stop)

    def _bytes(self, content: bytes, unit: str, *, start: int = 0, pixels: bool = False) -> None:
        for number, at in self._search.in_bytes(content, pixels=pixels):
            self._found({number}, f"{unit} {start + at}")

    def _found(self, numbers: set[int], place: str) -> None:
        for number in numbers:
            self.hits.setdefault(number, place)


@lru_cache(maxsize=2)
def _search(identifiers: str) -> Search:
    return Search([Identifier(*one) for one in json.loads(identifiers)])
