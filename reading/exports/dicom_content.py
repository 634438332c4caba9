"""The content of structured reports, written at once as bytes: Explicit VR Little Endian (PS3.5 §7.1.2).

A large trial has thousands of reports, and each has hundreds of data elements in items within items. Made one by one as
objects of pydicom and highdicom they would take most of the time of a package; here each content item is written
directly. Tests read what comes out with both, and write it with pydicom once more, byte for byte the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import format_number_as_ds

Element = tuple[int, bytes]
"""A tag, and the whole data element as it is written."""

_LONG_FORM = (b"OB", b"SQ", b"UC", b"UT")
_SHORT_CODE, _SHORT_NUMBER = 16, 16
CONTAINS, CONTEXT, MODIFIES = "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD"


def element(tag: int, vr: bytes, value: bytes) -> Element:
    """Write one data element; `value` is of even length already."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    length = struct.pack("<HI", 0, len(value)) if vr in _LONG_FORM else struct.pack("<H", len(value))
    return tag, head + length + value


def text(tag: int, vr: bytes, value: str) -> Element:
    """Write a data element of characters, padded to an even length: a UID with a zero, others with a space."""
    data = value.encode()
    return element(tag, vr, data + (b"\0" if vr == b"UI" else b" ") * (len(data) % 2))


def sequence(tag: int, items: Iterable[Sequence[Element]]) -> Element:
    """Write a sequence of items, each with its length."""
    return element(tag, b"SQ", b"".join(map(_item, items)))


def _item(elements: Sequence[Element]) -> bytes:
    data = written(elements)
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(data)) + data


def written(elements: Iterable[Element]) -> bytes:
    """Return data elements in the order of their tags."""
    return b"".join(data for _, data in sorted(elements))


def top(dataset: Dataset) -> list[Element]:
    """Write the plain data elements of a data set: text, and sequences that are empty."""
    return [
        sequence(int(one.tag), ()) if one.VR == "SQ" else text(int(one.tag), one.VR.encode(), str(one.value or ""))
        for one in dataset
    ]


@lru_cache(maxsize=4096)
def _coded(value: str, scheme: str, meaning: str) -> tuple[Element, ...]:
    code = text(0x00080100, b"SH", value) if len(value) <= _SHORT_CODE else text(0x00080119, b"UC", value)
    return code, text(0x00080102, b"SH", scheme), text(0x00080104, b"LO", meaning)


def coded(tag: int, code: Code) -> Element:
    """Write a sequence of one code."""
    return sequence(tag, [_coded(code.value, code.scheme_designator, code.meaning)])


def _content(relation: str, kind: str, name: Code, *more: Element) -> list[Element]:
    relates = [text(0x0040A010, b"CS", relation)] if relation else []
    return [*relates, text(0x0040A040, b"CS", kind), coded(0x0040A043, name), *more]


def container(relation: str, name: Code, template: str, children: Iterable[Sequence[Element]]) -> list[Element]:
    """Write a content item that holds others; `template` is empty where it begins none (PS3.16)."""
    said = [text(0x00080105, b"CS", "DCMR"), text(0x0040DB00, b"CS", template)]
    begins = [sequence(0x0040A504, [said])] if template else []
    continuous = text(0x0040A050, b"CS", "CONTINUOUS")
    return _content(relation, "CONTAINER", name, continuous, *begins, sequence(0x0040A730, children))


def code_item(relation: str, name: Code, value: Code) -> list[Element]:
    """Write a content item of value type CODE."""
    return _content(relation, "CODE", name, coded(0x0040A168, value))


def text_item(relation: str, name: Code, value: str) -> list[Element]:
    """Write a content item of value type TEXT."""
    return _content(relation, "TEXT", name, text(0x0040A160, b"UT", value))


def name_item(relation: str, name: Code, value: str) -> list[Element]:
    """Write a content item of value type PNAME."""
    return _content(relation, "PNAME", name, text(0x0040A123, b"PN", value))


def uid_item(relation: str, name: Code, value: str) -> list[Element]:
    """Write a content item of value type UIDREF."""
    return _content(relation, "UIDREF", name, text(0x0040A124, b"UI", value))


def number_item(
    relation: str, name: Code, value: float, unit: Code, children: Sequence[Sequence[Element]] = ()
) -> list[Element]:
    """Write a content item of value type NUM: the number exactly, and as text of at most 16 characters."""
    said = repr(value) if len(repr(value)) <= _SHORT_NUMBER else format_number_as_ds(value)
    measured = [
        coded(0x004008EA, unit),
        element(0x0040A161, b"FD", struct.pack("<d", value)),
        text(0x0040A30A, b"DS", said),
    ]
    below = [sequence(0x0040A730, children)] if children else []
    return _content(relation, "NUM", name, sequence(0x0040A300, [measured]), *below)


def image_item(relation: str, name: Code, picture: Sequence[Element]) -> list[Element]:
    """Write a content item of value type IMAGE; `picture` as of `reference`."""
    return _content(relation, "IMAGE", name, sequence(0x00081199, [picture]))


def reference(sop_class_uid: str, sop_instance_uid: str, frame: int | None = None) -> list[Element]:
    """Write what names an image, or one frame of it."""
    frames = [] if frame is None else [text(0x00081160, b"IS", str(frame))]
    return [text(0x00081150, b"UI", sop_class_uid), text(0x00081155, b"UI", sop_instance_uid), *frames]


def drawn_item(
    relation: str, name: Code, kind: str, points: Iterable[Sequence[float]], picture: Sequence[Element]
) -> list[Element]:
    """Write a content item of value type SCOORD: (column, row) in pixels, on the image that is its own content."""
    flat = [place for point in points for place in point]
    return _content(
        relation,
        "SCOORD",
        name,
        element(0x00700022, b"FL", struct.pack(f"<{len(flat)}f", *flat)),
        text(0x00700023, b"CS", kind),
        sequence(0x0040A730, [picture]),
    )


def file_of(elements: Iterable[Element], meta: Sequence[Element]) -> bytes:
    """Return a DICOM file (PS3.10 §7.1); `meta` is what stands in group 2 after its version."""
    head = written([element(0x00020001, b"OB", b"\0\1"), *meta])
    length = written([element(0x00020000, b"UL", struct.pack("<I", len(head)))])
    return bytes(128) + b"DICM" + length + head + written(elements)
