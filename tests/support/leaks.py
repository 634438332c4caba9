"""What the demonstration's scanners wrote into headers, and the search for it in what must not hold it."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from pydicom import DataElement, Dataset, dcmread

#: Values shorter than this are looked for as whole words only, as chance finds them inside others.
SHORT = 6
_UIDS = re.compile(r"\d+(?:\.\d+){1,}")
#: Days in the forms of DICOM, ISO 8601 and pages, not inside a digest or UID, where any eight digits turn up.
_DATES = re.compile(
    r"(?<![0-9a-f.])0?((?:19|20)\d{6}|\d{4}[-.]\d\d[-.]\d\d|\d{1,2}/\d\d/\d{4}|\d{1,2} [a-z]{3,9} \d{4})"
)
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
#: Attributes that say who, where or by whom; names of people are all that have VR PN.
_IDENTIFYING = frozenset(
    {
        *("PatientID", "OtherPatientIDs", "IssuerOfPatientID", "PatientAddress", "PatientTelephoneNumbers"),
        *("PatientComments", "AccessionNumber", "StudyID", "RequestedProcedureID", "RequestedProcedureDescription"),
        *("InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName"),
        *("DeviceSerialNumber", "ScheduledProcedureStepDescription"),
    }
)


@dataclass
class Planted:
    """Texts, dates and UIDs that were in original headers; `ignored` dates are known from elsewhere too."""

    texts: set[str] = field(default_factory=set)
    dates: set[dt.date] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    ignored: frozenset[dt.date] = frozenset()

    def take(self, dataset: Dataset) -> None:
        """Collect from one original, nested and private elements included."""
        for element in dataset.iterall():
            for value in _values(element):
                self._take(element, value)

    def _take(self, element: DataElement, value: str) -> None:
        if element.VR == "UI":
            # The standard's own UIDs name classes and syntaxes, nobody's images.
            if not value.startswith("1.2.840.10008."):
                self.uids.add(value)
        elif element.VR in ("DA", "DT"):
            self.dates.add(dt.date(int(value[:4]), int(value[4:6]), int(value[6:8])))
        elif element.VR == "PN":
            self._name({value, *re.split(r"[\^=]", value)})
        elif element.keyword in _IDENTIFYING:
            self._name({value})

    def _name(self, texts: set[str]) -> None:
        # A row of zeros or dashes names nobody.
        self.texts.update(text for text in texts if len(set(text)) > 1)

    @cached_property
    def _long(self) -> dict[str, str]:
        return {text.casefold(): text for text in self.texts if len(text) >= SHORT}

    @cached_property
    def _short(self) -> dict[str, re.Pattern[str]]:
        short = (text for text in self.texts if len(text) < SHORT)
        return {text: re.compile(rf"(?<!\w){re.escape(text.casefold())}(?!\w)") for text in short}

    @cached_property
    def _dates(self) -> dict[str, str]:
        forms = ("%Y%m%d", "%Y-%m-%d", "%Y.%m.%d", "%d/%m/%Y", "%d %b %Y", "%d %B %Y")
        return {
            day.strftime(form).casefold().lstrip("0"): day.isoformat()
            for day in self.dates - self.ignored
            for form in forms
        }

    def found_in(self, content: str | bytes) -> set[str]:
        """Return what of the originals is in a text, a page, JSON or bytes."""
        if isinstance(content, bytes):
            return self.found_in(content.decode("utf-8", "replace")) | self.found_in(content.decode("latin-1"))
        plain = html.unescape(_JSON_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), content)).casefold()
        found = {text for folded, text in self._long.items() if folded in plain}
        found |= {text for text, pattern in self._short.items() if pattern.search(plain)}
        found |= {self._dates[token] for token in _DATES.findall(plain) if token in self._dates}
        return found | self.uids.intersection(_UIDS.findall(plain))


def planted_in(files: Iterable[Path], ignored: frozenset[dt.date] = frozenset()) -> Planted:
    """Collect from original files."""
    planted = Planted(ignored=ignored)
    for file in files:
        planted.take(dcmread(file, stop_before_pixels=True))
    return planted


def texts_of(dataset: Dataset) -> Iterator[str]:
    """Return every value of a data set but its pixels, as text."""
    for element in dataset.iterall():
        if element.keyword != "PixelData":
            yield from _values(element)


def _values(element: DataElement) -> Iterator[str]:
    if element.VR == "SQ" or element.value is None:
        return
    for value in element.value if element.VM > 1 else [element.value]:
        if text := (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip(" \0"):
            yield text


class Search:
    """Looks for some hundred strings of bytes at once: by their first two bytes, and whole where these are."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._by_head: dict[int, list[bytes]] = {}
        for needle in needles:
            self._by_head.setdefault(needle[0] << 8 | needle[1], []).append(needle)
        self._heads = np.zeros(65536, bool)
        self._heads[list(self._by_head)] = True

    def found_in(self, raw: bytes) -> set[bytes]:
        """Return which of them are in some bytes."""
        each = np.frombuffer(raw, np.uint8).astype(np.uint16)
        heads = each[:-1] << 8 | each[1:]
        places = np.flatnonzero(self._heads[heads])
        return {
            needle
            for place, head in zip(places.tolist(), heads[places].tolist(), strict=True)
            for needle in self._by_head[head]
            if raw.startswith(needle, place)
        }
