"""Values without meaning: what a kept value must look like, and what stands in for one that may not stay."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from math import inf
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.deid.profile import younger

FREE_TEXT_VRS = frozenset({"AE", "AS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
CHARACTER_SET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
BYTES_VRS = frozenset({"OB", "OW", "UN", "OV"})
TEMPORAL_VRS = frozenset({"DA", "DT", "TM"})
NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_NUMBERS = frozenset({"AT", "FD", "FL", "OD", "OF", "OL", "SL", "SS", "SV", "UL", "US", "UV"})

# Elements written under an older edition may carry a VR of the same family; any other VR is a disguise.
_FAMILIES = (
    frozenset({"LO", "LT", "SH", "ST", "UC", "UR", "UT"}),
    frozenset({"DS", "IS"}),
    _NUMBERS | {"OW"},
    frozenset({"OB", "OW", "OV"}),
)
_FORMS = {
    "AS": re.compile(rb"\d{3}[DWMY]"),
    "DA": re.compile(rb"\d{8} *|\d{4}\.\d\d\.\d\d *"),
    "DT": re.compile(rb"\d{4}(?:\d\d){0,5}(?:\.\d{1,6})?(?:[+-]\d{4})? *"),
    "CS": re.compile(rb"[A-Z0-9 _]{0,16}"),
    "DS": re.compile(rb" *[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? *"),
    "IS": re.compile(rb" *[+-]?\d{1,12} *"),
    "TM": re.compile(rb"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)? *|\d{2}:\d{2}:\d{2}(?:\.\d{1,6})? *"),
    "UI": re.compile(rb"[0-9.]{1,64}"),
}
# No binary number but one made of letters is written like this.
_TEXT = re.compile(rb"[ -~]{8,}\0?")
_ITEM = b"\xfe\xff\x00\xe0"
_ANY_TAG = Tag(0x00100010)
_LONGEST_CACHED = 1024
_WIDTHS = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
_DUMMIES: dict[str, Any] = {
    "AE": "REMOVED",
    "AS": "000Y",
    "AT": 0,
    "CS": "REMOVED",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "LO": "REMOVED",
    "LT": "REMOVED",
    "OB": b"\0\0",
    "OD": b"\0" * 8,
    "OF": b"\0" * 4,
    "OL": b"\0" * 4,
    "OV": b"\0" * 8,
    "OW": b"\0\0",
    "PN": "REMOVED",
    "SH": "REMOVED",
    "SL": 0,
    "SS": 0,
    "ST": "REMOVED",
    "SV": 0,
    "TM": "000000",
    "UC": "REMOVED",
    "UL": 0,
    "UN": b"\0\0",
    "UR": "urn:removed",
    "US": 0,
    "UT": "REMOVED",
    "UV": 0,
}


@lru_cache(maxsize=8192)
def standard_vr(tag: int) -> str:
    """VR of a standard attribute, such as `US or SS` when there are two; empty when nobody told us of it."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return younger().get(tag, "")


def dummy(vr: str) -> Any:
    """Value that is valid for a VR and says nothing; for `UI` and `SQ` the engine makes its own."""
    return _DUMMIES[vr[:2]]


@lru_cache(maxsize=512)
def is_disguised(declared: str | None, standard: str) -> bool:
    """Whether an element claims a VR that its attribute cannot have."""
    if declared is None or declared == "UN" or declared in standard.split(" or "):
        return False
    return not any(declared in family and family & set(standard.split(" or ")) for family in _FAMILIES)


def name_of(tag: int) -> str:
    """A tag as people write it, such as `(0010,0020)`."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def in_order(dataset: Dataset) -> Iterator[tuple[int, DataElement | RawDataElement]]:
    """Tags and elements of one level in the order of tags, values as they are: raw ones are not parsed."""
    elements = dict(zip(map(int, dataset.keys()), dataset.values(), strict=True))
    for tag in elements.keys() & younger().keys():
        elements[tag] = _with_vr(elements[tag], younger()[tag])
    for tag in sorted(elements):
        element = elements[tag]
        # pydicom keeps some empty values as None, which it cannot write as they are.
        yield tag, dataset.get_item(tag) if element.value is None else element


def _with_vr(element: DataElement | RawDataElement, vr: str) -> DataElement | RawDataElement:
    """An element that pydicom does not know, read under its VR; one of unknown VR is implicit (PS3.5 §6.2.2)."""
    if not isinstance(element, RawDataElement) or element.VR not in (None, "UN") or not element.is_little_endian:
        return element
    value = element.value if element.length else b""
    if vr == "SQ" and value and not value.startswith(_ITEM):
        return element
    return element._replace(VR=vr, value=value, is_implicit_VR=True)


def parsed(dataset: Dataset, element: DataElement | RawDataElement) -> DataElement:
    """Return an element's value in Python's terms, without caching it in the data set.

    Raises
    ------
    ValueError
        The value of a sequence is no sequence. pydicom says so as it does of a disk that cannot be read.
    """
    if not isinstance(element, RawDataElement):
        return element
    try:
        return convert_raw_data_element(element, encoding=dataset.original_character_set, ds=dataset)
    except OSError as problem:
        raise ValueError("the value of a sequence is no sequence") from problem


def integer_of(dataset: Dataset, tag: int) -> int | None:
    """The whole number of an attribute, not cached in the data set; none where there is none.

    Raises
    ------
    TypeError, ValueError
        There is another value, or more than one.
    """
    element: Any = dataset.get_item(tag)
    if element is None:
        return None
    if isinstance(element, RawDataElement) and element.VR == "US" and element.value and len(element.value) == 2:
        return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    value = parsed(dataset, element).value
    return None if value is None or value == "" else int(value)


def items_of(dataset: Dataset, element: DataElement | RawDataElement) -> list[Dataset]:
    """Items of a sequence; none where a value cannot be read as one."""
    element = parsed(dataset, element)
    return list(element.value or ()) if element.VR == "SQ" else []


def text_of(element: DataElement | RawDataElement) -> list[str]:
    """Values of an element as text, without padding; numbers as they were written. Bytes read as Latin-1."""
    value = element.value
    if isinstance(value, bytes):
        return [part.strip(" \0") for part in value.decode("latin-1").rstrip("\0 ").split("\\")]
    if value is None:
        return []
    parts = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    originals = ((part, getattr(part, "original_string", None)) for part in parts)
    return [(original if isinstance(original, str) else str(part)).strip(" \0") for part, original in originals]


def readable(dataset: Dataset, element: DataElement | RawDataElement, vr: str) -> list[str]:
    """Values of an element as text, in the character set of its data set. The list is not to be changed."""
    value: Any = element.value
    raw = isinstance(element, RawDataElement) and isinstance(value, bytes) and element.VR != "UN"
    if raw and vr in CHARACTER_SET_VRS:
        charset = dataset.original_character_set
        decoded = _decoded if len(value) <= _LONGEST_CACHED else _decoded.__wrapped__
        return decoded(vr, value, charset if isinstance(charset, str) else tuple(charset))
    return text_of(parsed(dataset, element))


@lru_cache(maxsize=1024)
def _decoded(vr: str, value: bytes, charset: str | tuple[str, ...]) -> list[str]:
    """Texts of a raw value; most are the same in all files of a scan."""
    raw = RawDataElement(_ANY_TAG, vr, len(value), value, 0, False, True)
    return text_of(convert_raw_data_element(raw, encoding=charset if isinstance(charset, str) else list(charset)))


def is_plain(element: DataElement | RawDataElement, tag: int, vr: str) -> bool:
    """Whether a coded or numeric value has the form and count of its attribute, so that it cannot be prose."""
    form = _FORMS.get(vr)
    value = element.value
    if form is None:
        return not isinstance(value, bytes) or _is_binary(value, tag, vr)
    if isinstance(value, bytes):
        return all(form.fullmatch(part) or not part for part in value.rstrip(b"\0 ").split(b"\\"))
    return all(form.fullmatch(text.encode("utf-8")) for text in text_of(element) if text)


def is_offset(text: str) -> bool:
    """Whether a text is an offset from UTC, or empty."""
    return len(text) in (0, 5) and text[:1] in ("", "+", "-") and (not text or text[1:].isdigit())


def _is_binary(value: bytes, tag: int, vr: str) -> bool:
    width = _WIDTHS.get(vr[:2]) if " or O" not in vr else None
    if width is None:
        return True
    return len(value) % width == 0 and len(value) <= _most_bytes(tag, vr) and not _TEXT.fullmatch(value)


@lru_cache(maxsize=8192)
def _most_bytes(tag: int, vr: str) -> float:
    """Largest size of a value of binary numbers: by its VM, unless that is open."""
    width, most = _WIDTHS.get(vr[:2]), dictionary_VM(tag).split("-")[-1]
    return width * int(most) if width and most.isdigit() and " or O" not in vr else inf


def copied(dataset: Dataset) -> Dataset:
    """Return a copy of one level that writes as the original does, raw values included."""
    result = Dataset({tag: copy.copy(dataset.get_item(tag)) for tag in dataset.keys()})  # noqa: SIM118
    same_encoding(result, dataset)
    return result


def same_encoding(result: Dataset, source: Dataset) -> None:
    """Let raw values of `source` be written from `result` as they are."""
    implicit, little = source.original_encoding
    result.set_original_encoding(implicit, little, source.original_character_set)
