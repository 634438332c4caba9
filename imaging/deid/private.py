"""Private attributes: whose they are, what they hold, and whether that is what it should be.

An element (gggg,bbee) belongs to the creator that (gggg,00bb) of the same level names (PS3.5 §7.8.1). What a recipe
keeps is a creator's attribute of one VR; anything in its place that has another VR, or not the form of its own, goes.
"""

from __future__ import annotations

import re
from math import inf
from struct import iter_unpack

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from imaging.deid.keys import SubjectKeys
from imaging.deid.values import NUMBER_VRS, parsed, text_of

Element = DataElement | RawDataElement

_UNKNOWN = (None, "UN")
_CODES = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_WIDTHS = {"FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
_DATE = re.compile(r"\s*((?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))((?:\d{4}|\d{6})?(?:\.\d*)?)\s*")
# Seconds since 1970 from 1990 to 2040, as some makers write a time.
_SECONDS = range(631_152_000, 2_208_988_800)


def creators(dataset: Dataset) -> dict[int, str]:
    """Names of the private creators of one level, by group and block as in the tags of their elements: `ggggbb`."""
    found = {}
    for tag in map(int, dataset.keys()):
        if tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF:
            element = dataset.get_item(tag)
            if element is not None and element.VR in ("LO", *_UNKNOWN):
                found[tag >> 8 & 0xFFFF00 | tag & 0xFF] = "\\".join(text_of(element))
    return found


def read_as(source: Dataset, element: Element, vr: str) -> Element | None:
    """Return an element under the VR that it should have; none if it has another one.

    Values of unknown VR are little endian, and sequences among them implicit (PS3.5 §6.2.2).

    Parameters
    ----------
    vr
        Empty for whatever number the dictionary of private attributes says it is.
    """
    if not vr:
        made = element if element.VR not in _UNKNOWN else parsed(source, element)
        return made if made.VR in NUMBER_VRS else None
    if element.VR in vr.split(" or "):
        return element
    if element.VR not in _UNKNOWN:
        return None
    if not isinstance(element, RawDataElement):
        return None
    unknown = element.VR == "UN"
    if unknown and not element.is_little_endian:
        return None
    return element._replace(VR=vr[:2], is_implicit_VR=unknown or element.is_implicit_VR)


def has_form(element: Element, vr: str, vm: str) -> bool:
    """Whether binary numbers are as many as they may be."""
    value, width = element.value, _WIDTHS.get(vr)
    most = int(last) if (last := vm.split("-")[-1]).isdigit() else inf
    if width is None or not isinstance(value, bytes):
        return True
    return len(value) % width == 0 and len(value) <= width * most


def is_date(element: Element, vr: str) -> bool:
    """Whether a binary number is one that makers write for a date or a time."""
    code = _CODES.get(vr)
    if code is None:
        return False
    value = element.value
    if isinstance(value, bytes):
        little = not isinstance(element, RawDataElement) or element.is_little_endian
        numbers = [number for (number,) in iter_unpack(("<" if little else ">") + code, value)]
    else:
        numbers = [] if value is None else list(value) if hasattr(value, "__iter__") else [value]
    return any(
        number == number
        and abs(number) < 1e17
        and (_DATE.fullmatch(f"{number:.0f}") is not None or (vr in ("SL", "UL") and int(number) in _SECONDS))
        for number in numbers
    )


def moved(texts: list[str], keys: SubjectKeys, dates: str) -> list[str] | None:
    """Numbers in text, those that are dates shifted with the others; none where they must go."""
    found = [_DATE.fullmatch(text) for text in texts]
    if dates == "kept" or not any(found):
        return texts
    if dates == "removed":
        return None
    return [(keys.shift_date(one[1]) or "") + one[2] if one else text for one, text in zip(found, texts, strict=True)]
