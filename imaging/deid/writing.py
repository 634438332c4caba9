"""A data set as bytes: what pydicom writes, without its cost for values that are still as they were read.

Most elements of an instance pass unchanged, and their bytes are at hand. They are copied with a new header; all others,
and data sets whose encoding changes, go through pydicom.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from struct import Struct
from typing import Any

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, PersonName

from imaging.deid.values import in_order, same_encoding

_UNDEFINED_LENGTH = 0xFFFFFFFF
_LONG_VRS = frozenset(str(vr) for vr in EXPLICIT_VR_LENGTH_32)
_PLAIN_VRS = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"})
_IMPLICIT = {True: Struct("<HHL"), False: Struct(">HHL")}
_SHORT = {True: Struct("<HH2sH"), False: Struct(">HH2sH")}
_LONG = {True: Struct("<HH2sHL"), False: Struct(">HH2sHL")}

Charset = str | list[str]


def encoded(dataset: Dataset, *, implicit: bool, little: bool, since: int = 0, before: int = 1 << 32) -> list[bytes]:
    """Elements of a data set in the order of their tags, in pieces to be joined; retired group lengths are left out.

    Parameters
    ----------
    since, before
        Elements before this tag, and from that one on, are left out.
    """
    if passes_unchanged(dataset, implicit=implicit, little=little):
        return _level(dataset, implicit, little, default_encoding, since, before)
    part = Dataset({tag: element for tag, element in dataset.items() if since <= int(tag) < before})
    same_encoding(part, dataset)
    return [_anew(part, implicit, little, default_encoding)]


def file_meta_bytes(meta: FileMetaDataset) -> bytes:
    """File meta information with the length of its group, always in Explicit VR Little Endian (PS3.10 §7.1)."""
    pieces = [piece for tag, one in in_order(meta) if tag & 0xFFFF for piece in _element(tag, one, False, True, "")]
    content = b"".join(pieces)
    return _SHORT[True].pack(0x0002, 0x0000, b"UL", 4) + Struct("<L").pack(len(content)) + content


def as_read(element: DataElement, level: Dataset) -> RawDataElement | None:
    """An element as it would be read again, once written as the level was; none if it is not written plainly.

    It cannot be changed, so several data sets may hold it.
    """
    implicit, little = level.original_encoding
    if implicit is None or little is None:  # made in memory
        return None
    tag, vr = int(element.tag), str(element.VR)
    charset = level.original_character_set
    charset = charset if isinstance(charset, str) else list(charset)
    written = b"".join(_element(tag, element, implicit, little, charset))
    value = written[8 if implicit or vr not in _LONG_VRS else 12 :]
    if written != _head(tag, vr, len(value), implicit, little) + value:
        return None
    return RawDataElement(element.tag, vr, len(value), value, 0, implicit, little)


def passes_unchanged(dataset: Dataset, *, implicit: bool, little: bool) -> bool:
    """Whether raw values are in the encoding and character set of the rest, so that they can stay as they are."""
    encoding, charset = dataset.original_encoding, dataset.original_character_set
    if (implicit, little) == encoding and charset == dataset._character_set:
        return True
    return all(isinstance(element, DataElement) and element.VR in _PLAIN_VRS for element in dataset.values())


def _anew(dataset: Dataset, implicit: bool, little: bool, parent: Charset) -> bytes:
    buffer = _buffer(implicit, little)
    write_dataset(buffer, dataset, parent)
    return buffer.getvalue()


def _level(
    dataset: Dataset, implicit: bool, little: bool, parent: Charset, since: int = 0, before: int = 1 << 32
) -> list[bytes]:
    charset: Charset = dataset.get("SpecificCharacterSet", parent)
    pieces: list[bytes] = []
    for tag, element in in_order(dataset):
        if since <= tag < before and (tag & 0xFFFF or tag >> 16 <= 6):
            pieces += _element(tag, element, implicit, little, charset)
    return pieces


def _element(
    tag: int, element: DataElement | RawDataElement, implicit: bool, little: bool, charset: Charset
) -> tuple[bytes, ...]:
    vr = element.VR
    value: Any = element.value
    if isinstance(element, RawDataElement):
        whole = isinstance(value, bytes) and element.length != _UNDEFINED_LENGTH
        if whole and (head := _head(tag, vr, len(value), implicit, little)):
            return head, value
    elif element.is_undefined_length:
        pass
    elif vr == "SQ":
        content = _items(value or (), implicit, little, convert_encodings(charset or [default_encoding]))
        return _head(tag, vr, len(content), implicit, little), content
    elif not value and value in (None, ""):
        if head := _head(tag, vr, 0, implicit, little):
            return (head,)
    elif vr in _PLAIN_VRS and (text := _ascii(value)) is not None:
        # Every character set of DICOM writes ASCII as it is.
        content = text.encode("ascii") + (b"\0" if vr == "UI" else b" ") * (len(text) % 2)
        if head := _head(tag, vr, len(content), implicit, little):
            return head, content
    return (_by_pydicom(element, implicit, little, charset),)


@lru_cache(maxsize=8192)
def _head(tag: int, vr: str | None, length: int, implicit: bool, little: bool) -> bytes:
    """An element's tag, VR and length; nothing for what does not fit."""
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return _IMPLICIT[little].pack(group, number, length)
    if vr is None or len(vr) != 2:
        return b""
    if vr in _LONG_VRS:
        return _LONG[little].pack(group, number, vr.encode("ascii"), 0, length)
    return _SHORT[little].pack(group, number, vr.encode("ascii"), length) if length <= 0xFFFF else b""


def _items(items: Iterable[Dataset], implicit: bool, little: bool, charset: Charset) -> bytes:
    pieces = []
    for item in items:
        if passes_unchanged(item, implicit=implicit, little=little):
            content = _level(item, implicit, little, charset)
        else:
            content = [_anew(item, implicit, little, charset)]
        delimited = item.is_undefined_length_sequence_item
        length = _UNDEFINED_LENGTH if delimited else sum(map(len, content))
        pieces += [_IMPLICIT[little].pack(0xFFFE, 0xE000, length), *content]
        if delimited:
            pieces.append(_IMPLICIT[little].pack(0xFFFE, 0xE00D, 0))
    return b"".join(pieces)


def _ascii(value: Any) -> str | None:
    """Text as it is written, its values joined; None for what is not plain ASCII."""
    if isinstance(value, PersonName):
        value = value.original_string
        if not isinstance(value, str) or "=" in value:
            return None
    elif isinstance(value, MultiValue):
        if not all(isinstance(part, str) for part in value):
            return None
        value = "\\".join(value)
    return value if isinstance(value, str) and value.isascii() else None


def _by_pydicom(element: DataElement | RawDataElement, implicit: bool, little: bool, charset: Charset) -> bytes:
    buffer = _buffer(implicit, little)
    write_data_element(buffer, element, charset)
    return buffer.getvalue()


def _buffer(implicit: bool, little: bool) -> DicomBytesIO:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    return buffer
