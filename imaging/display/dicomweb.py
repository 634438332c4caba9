"""DICOMweb's questions and answers as plain values (PS3.18 §8, §10): what an address asks for, and its JSON."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

#: A data set in the DICOM JSON model (PS3.18 annex F).
Attributes = dict[str, Any]

DICOM, JSON = "application/dicom", "application/dicom+json"
#: Values that are longer are not told beside the others (PS3.18 §F.2.2); nothing that a viewer needs is.
_LONGEST = 4096
_UID = r"[0-9.]{1,64}"
_WITHIN = rf"studies(/(?P<study>{_UID})(/series(/(?P<series>{_UID})(/instances(/(?P<instance>{_UID}))?)?)?)?)?"
#: Parameters of a search that are no attribute.
_OPTIONS = frozenset({"limit", "offset", "includefield", "fuzzymatching", "accept", "charset"})
#: What a search gives at each level, by the standard's tables and what viewers list.
_STUDY = (
    *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName", "PatientName"),
    *("PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "StudyDescription"),
    *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "InstanceAvailability"),
)
_SERIES = ("Modality", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber", "NumberOfSeriesRelatedInstances")
_INSTANCE = ("SOPClassUID", "SOPInstanceUID", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames")


class Level(StrEnum):
    """What a search lists."""

    STUDY = "studies"
    SERIES = "series"
    INSTANCE = "instances"


class Wanted(StrEnum):
    """What is wanted of what an address names."""

    SEARCH = "search"
    METADATA = "metadata"
    WHOLE = "whole"
    FRAMES = "frames"
    RENDERED = "rendered"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class Within:
    """The study, series and instance that an address names; empty for any."""

    study: str = ""
    series: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question by its address; `frames` count from 1."""

    wanted: Wanted
    level: Level
    within: Within
    frames: tuple[int, ...] = ()


def asked(resource: str) -> Asked | None:
    """Return what an address below the service asks for; None where the standard has no such address."""
    if resource in ("series", "instances"):
        return Asked(Wanted.SEARCH, Level(resource), Within())
    found = re.fullmatch(rf"{_WITHIN}(?P<rest>/.+)?", resource)
    if found is None:
        return None
    named = Within(found["study"] or "", found["series"] or "", found["instance"] or "")
    rest = found["rest"] or ""
    level = Level.INSTANCE if named.instance else Level.SERIES if named.series else Level.STUDY
    if not rest:
        return _of_path(resource, named, level)
    if rest == "/instances" and named.study and not named.series:
        return Asked(Wanted.SEARCH, Level.INSTANCE, named)
    if rest in ("/metadata", "/thumbnail", "/rendered") and named.study:
        if rest == "/rendered" and not named.instance:
            return None
        return Asked(Wanted(rest[1:]), level, named, (1,) if named.instance else ())
    frames = re.fullmatch(r"/frames/(\d{1,6}(?:,\d{1,6})*)(/rendered|/thumbnail)?", rest)
    if frames is None or not named.instance:
        return None
    numbers = tuple(int(number) for number in frames[1].split(","))
    if frames[2] and len(numbers) > 1:
        return None
    return Asked(Wanted((frames[2] or "/frames")[1:]), level, named, numbers)


def _of_path(resource: str, named: Within, level: Level) -> Asked:
    last = resource.rpartition("/")[2]
    if last in set(Level):
        return Asked(Wanted.SEARCH, Level(last), named)
    return Asked(Wanted.WHOLE, level, named)


def listed(dataset: Dataset, level: Level) -> Attributes:
    """Return what a search tells of a data set at a level."""
    keywords = {Level.STUDY: _STUDY, Level.SERIES: _STUDY + _SERIES, Level.INSTANCE: _STUDY + _SERIES + _INSTANCE}
    told = Dataset()
    for keyword in keywords[level]:
        if keyword in dataset:
            told[keyword] = dataset[keyword]
    return metadata(told)


def metadata(dataset: Dataset) -> Attributes:
    """Return a data set in the DICOM JSON model, without pixels and other long binary values."""
    told: Attributes = dataset.to_json_dict(
        bulk_data_threshold=_LONGEST, bulk_data_element_handler=lambda _: "", suppress_invalid_tags=True
    )
    return {tag: _without_bulk(element) for tag, element in told.items() if "BulkDataURI" not in element}


def _without_bulk(element: Attributes) -> Attributes:
    if element["vr"] != "SQ" or "Value" not in element:
        return element
    items = [
        {tag: _without_bulk(inner) for tag, inner in item.items() if "BulkDataURI" not in inner}
        for item in element["Value"]
    ]
    return {**element, "Value": items}


def matching(found: Iterable[Attributes], query: Mapping[str, Sequence[str]]) -> Iterator[Attributes]:
    """Give what matches the parameters of a search (PS3.18 §8.3.4, PS3.4 §C.2.2.2), from `offset` on, at most `limit`.

    An attribute that is not told is not asked about either.
    """
    keys = {tag: values for name, values in query.items() if (tag := _tag(name))}
    offset, limit = _number(query, "offset", 0), _number(query, "limit", None)
    place = 0
    for one in found:
        if not all(_matches(one[tag], values) for tag, values in keys.items() if tag in one):
            continue
        place += 1
        if limit is not None and place > (offset or 0) + limit:
            return
        if place > (offset or 0):
            yield one


def _tag(name: str) -> str:
    if name.lower() in _OPTIONS:
        return ""
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return name.upper()
    tag = tag_for_keyword(name)
    return "" if tag is None else f"{tag:08X}"


def _number(query: Mapping[str, Sequence[str]], name: str, default: int | None) -> int | None:
    text = next(iter(query.get(name, ())), "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else default


def _matches(element: Attributes, wanted: Sequence[str]) -> bool:
    values = [_text(value) for value in element.get("Value", [])] or [""]
    patterns = [one for text in wanted for one in (re.split(r"[,\\]", text) if element["vr"] == "UI" else [text])]
    patterns = [pattern for pattern in patterns if pattern not in ("", "*")]
    if not patterns:
        return True
    if element["vr"] in ("DA", "TM") and all("-" in pattern for pattern in patterns):
        return any(_in_range(value, pattern) for value in values for pattern in patterns)
    return any(fnmatch.fnmatchcase(value, _pattern(pattern)) for value in values for pattern in patterns)


def _pattern(pattern: str) -> str:
    """Leave `*` and `?` as the only wildcards."""
    return pattern.replace("[", "[[]")


def _in_range(value: str, pattern: str) -> bool:
    first, _, last = pattern.partition("-")
    return bool(value) and (not first or value >= first) and (not last or value <= last)


def _text(value: Any) -> str:
    return str(value.get("Alphabetic", "")) if isinstance(value, Mapping) else str(value)


def multipart(parts: Iterable[tuple[str, bytes]], boundary: str) -> Iterator[bytes]:
    """Write parts, each with its media type, as the body of a multipart/related answer (RFC 2387)."""
    for kind, content in parts:
        yield f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        yield content
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()
