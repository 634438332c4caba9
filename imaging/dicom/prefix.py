"""What an instance calls itself, from its first bytes alone: for doors that must answer by name while it streams by."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from pydicom.uid import UID_dictionary

from imaging.dicom.elements import Encoding, Kind, Layout, Limits, Truncated, walk
from imaging.dicom.files import EXPLICIT_VR_LITTLE_ENDIAN, NotDicom, layout_of, opened

#: Bytes from the start of a file that are enough to find its identifiers.
ENOUGH = 128 * 1024
#: The prefix is the sender's: little of it is looked at, and hardly anything inflated.
_LIMITS = Limits(max_bytes=1 << 20, max_elements=4000, max_depth=8)
_MEDIA_SOP_CLASS, _MEDIA_SOP_INSTANCE = 0x00020002, 0x00020003
_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D
_NAMES = frozenset({_MEDIA_SOP_CLASS, _MEDIA_SOP_INSTANCE, _SOP_CLASS, _SOP_INSTANCE, _STUDY})
_META = Encoding(implicit=False, little=True)
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


class Names(NamedTuple):
    """Identifiers as the instance gives them, unproved; empty where they were not found.

    `agree` is false when file meta information and data set name different instances (PS3.10 §7.1).
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    agree: bool


def read_names(prefix: bytes) -> Names:
    """Return what the beginning of a DICOM file says it is.

    Raises
    ------
    EmptyFile, NotDicom, Malformed, TooComplex, UnsupportedTransferSyntax
        It is no DICOM file (PS3.10 §7.1), or cannot be understood before the identifiers were found.
    """
    found: dict[int, str] = {}
    with opened(prefix[:ENOUGH]) as view:
        if bytes(view[128:132]) != b"DICM":
            raise NotDicom("The file is not a DICOM file. Send the images as the scanner or PACS exports them.")
        with suppress(Truncated):
            layout = layout_of(view, limits=_LIMITS, beginning=True)
            _collect(Layout(view[: layout.file_start], 132, 132, _META, EXPLICIT_VR_LITTLE_ENDIAN, False), found)
            _collect(layout, found)
    media = found.get(_MEDIA_SOP_CLASS, ""), found.get(_MEDIA_SOP_INSTANCE, "")
    names = found.get(_SOP_CLASS) or media[0], found.get(_SOP_INSTANCE) or media[1]
    agree = all(one in ("", other) for one, other in zip(media, names, strict=True))
    return Names(*names, found.get(_STUDY, ""), agree)


def is_storage_class(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class are kept: every one but those that the standard knows as something else."""
    name, kind, *_ = UID_dictionary.get(sop_class_uid, ("Storage", "SOP Class"))
    kept = kind == "SOP Class" and "Storage" in name and "Storage Commitment" not in name
    return kept and sop_class_uid != _MEDIA_DIRECTORY


def _collect(layout: Layout, found: dict[int, str]) -> None:
    for part in walk(layout, _LIMITS):
        if part.depth == 0 and part.tag > _STUDY:
            return
        if part.kind is Kind.VALUE and part.depth == 0 and part.tag in _NAMES:
            found[part.tag] = bytes(layout.view[part.start : part.stop]).rstrip(b"\0 ").decode("ascii", "replace")
