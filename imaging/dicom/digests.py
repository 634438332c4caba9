"""Digests that say whether two deliveries are the same instance."""

from __future__ import annotations

import hashlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from imaging.dicom.elements import TEXT_VRS, Kind, Limits, Part, fragments, public_vr, walk
from imaging.dicom.files import (
    DEFAULT_LIMITS,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    Source,
    layout_of,
    opened,
)

_TRAILING_PADDING = 0xFFFCFFFC
_WORDS = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4}
_WORDS |= {"FD": 8, "OD": 8, "OV": 8, "SV": 8, "UV": 8}


def dataset_digest(source: Source, *, transfer_syntax_uid: str | None = None, limits: Limits = DEFAULT_LIMITS) -> str:
    """SHA-256, in hexadecimal, of the data set bytes without preamble and file meta information.

    The same bytes give the same digest whether they came as a file or over C-STORE, where the receiver
    writes the file meta itself (PS3.10 §7.1). About 0.4 ms for a 512 × 512 CT slice.

    Parameters
    ----------
    transfer_syntax_uid
        Give it when `source` holds a bare data set.

    Raises
    ------
    EmptyFile, NotDicom, Truncated, Malformed, UnsupportedTransferSyntax, TooLarge
    """
    with opened(source, limits) as view:
        layout = layout_of(view, transfer_syntax_uid=transfer_syntax_uid, limits=limits)
        return hashlib.sha256(view[layout.file_start :]).hexdigest()


def canonical_digest(
    source: Source | Dataset, *, transfer_syntax_uid: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> str:
    """SHA-256, in hexadecimal, of what the data set says, however it was written.

    Two deliveries of one instance agree even when a node on the way changed group lengths, the encoding of
    sequence lengths, implicit or explicit VRs, the byte order, deflation, padding of text or the offset
    table of encapsulated pixel data. It does not see through compression: compressed and native pixel data
    differ. Text of private attributes is taken with its padding, since its VR may be unknown.

    Parameters
    ----------
    source
        A file, its bytes, a bare data set with `transfer_syntax_uid`, or a parsed data set.

    Raises
    ------
    EmptyFile, NotDicom, Truncated, Malformed, TooLarge, TooComplex, UnsupportedTransferSyntax
    """
    if isinstance(source, Dataset):
        source, transfer_syntax_uid = _encoded(source)
    with opened(source, limits) as whole:
        layout = layout_of(whole, transfer_syntax_uid=transfer_syntax_uid, limits=limits)
        digest = hashlib.sha256()
        opened_sequence: Part | None = None
        for part in walk(layout, limits):
            if opened_sequence is not None:
                empty = part.kind is Kind.SEQUENCE_END
                _label(digest, opened_sequence.tag, b"V" if empty else b"S", 0)
                opened_sequence = None
                if empty:
                    continue  # an empty sequence of unknown VR cannot be told from an empty value
            if part.kind is Kind.SEQUENCE:
                opened_sequence = part
            elif part.kind is Kind.VALUE:
                if part.tag & 0xFFFF and part.tag != _TRAILING_PADDING:
                    value = _value(layout.view, part)
                    _label(digest, part.tag, b"V", len(value))
                    digest.update(value)
            elif part.kind is Kind.FRAGMENTS:
                for start, stop in fragments(layout.view, part.start, part.stop):
                    _label(digest, part.tag, b"F", stop - start)
                    digest.update(layout.view[start:stop])
            else:
                _label(digest, part.tag, part.kind.name.encode(), 0)
        return digest.hexdigest()


def _label(digest: hashlib._Hash, tag: int, kind: bytes, length: int) -> None:
    digest.update(b"%08X%s%d:" % (tag, kind, length))


def _value(view: memoryview, part: Part) -> bytes | memoryview:
    value: bytes | memoryview = view[part.start : part.stop]
    if not part.encoding.little and (width := _WORDS.get(part.vr)) and len(value) % width == 0:
        value = np.frombuffer(value, dtype=f">u{width}").astype(f"<u{width}").tobytes()
    if public_vr(part.tag) in TEXT_VRS:
        value = bytes(value).rstrip(b"\0 ")
    return value


def _encoded(dataset: Dataset) -> tuple[bytes, str]:
    """The data set as bytes in the encoding it came in, since pydicom copies unparsed values as they are."""
    implicit, little = dataset.original_encoding
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = bool(implicit), little is not False
    write_dataset(buffer, dataset)
    if little is False:
        return buffer.getvalue(), EXPLICIT_VR_BIG_ENDIAN
    return buffer.getvalue(), IMPLICIT_VR_LITTLE_ENDIAN if implicit else EXPLICIT_VR_LITTLE_ENDIAN
