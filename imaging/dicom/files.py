"""Finding the data set in a file, or in the bytes a door received."""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.config import IGNORE
from pydicom.uid import UID

from compliance.errors import HouseError
from imaging.dicom.elements import (
    EXPLICIT_HEADER,
    KNOWN_VRS,
    LONG_LENGTH,
    LONG_VRS,
    SHORT_VRS,
    Encoding,
    Layout,
    Limits,
    Malformed,
    Truncated,
    looks_implicit,
)

Source = bytes | bytearray | memoryview | Path

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFAULT_LIMITS = Limits()


class EmptyFile(HouseError):
    """The file holds no bytes."""

    code = "empty_file"
    status = 422


class NotDicom(HouseError):
    """The bytes are not a DICOM file (PS3.10 §7.1)."""

    code = "not_dicom"
    status = 422


class TooLarge(HouseError):
    """The file, its header or its inflated content is larger than allowed."""

    code = "too_large"
    status = 413


class UnsupportedTransferSyntax(HouseError):
    """The transfer syntax is private or unknown, so the bytes cannot be understood."""

    code = "unsupported_transfer_syntax"
    status = 422


@contextmanager
def opened(source: Source, limits: Limits = DEFAULT_LIMITS) -> Iterator[memoryview]:
    """The bytes of a file or buffer; files are mapped, not read.

    Raises
    ------
    EmptyFile, TooLarge
    """
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if size == 0:
        raise EmptyFile("The file is empty. Export it again and send the new copy.")
    if size > limits.max_bytes:
        raise TooLarge("The file is larger than this system accepts. Ask the trial's imaging contact.")
    if isinstance(source, Path):
        with source.open("rb") as file:
            # Not closed here: an error's traceback may still hold a slice. The last reference unmaps it.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        yield memoryview(mapped)
    else:
        yield memoryview(source)


def layout_of(
    view: memoryview,
    *,
    transfer_syntax_uid: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    beginning: bool = False,
) -> Layout:
    """Find the data set in a file, or in bare data set bytes received with a known transfer syntax.

    A file without the preamble of PS3.10 §7.1 is accepted when it starts like a data set, since old
    exporters write such files.

    Parameters
    ----------
    transfer_syntax_uid
        Give it when `view` is a bare data set, as C-STORE delivers it.
    beginning
        The view is the beginning of a file: of a deflated data set, what can be inflated within the limits.

    Raises
    ------
    NotDicom, Truncated, Malformed, UnsupportedTransferSyntax, TooLarge
    """
    start = 0
    syntax = transfer_syntax_uid
    if syntax is None:
        if bytes(view[128:132]) == b"DICM":
            start, syntax = _file_meta(view, 132)
        elif bytes(view[:4]) in (
            b"\x02\x00\x00\x00",
            b"\x02\x00\x01\x00",
            b"\x02\x00\x02\x00",
            b"\x02\x00\x10\x00",
        ):
            start, syntax = _file_meta(view, 0)
        if start and len(view) - start < 8:
            raise Truncated("The file ends after its file header: there is no data set. Send it again.")
        if not syntax:
            syntax = _guess(bytes(view[start : start + 8]))
    uid = UID(syntax, validation_mode=IGNORE)  # a warning would carry the value into a log
    if uid.is_private or not uid.is_transfer_syntax:
        raise UnsupportedTransferSyntax(
            "The file is written in a transfer syntax that is not in the standard. "
            "Export it as Explicit VR Little Endian."
        )
    file_start = start
    if uid.is_deflated:
        view, start = memoryview(_inflated(view[start:], limits, beginning)), 0
    # Some exporters write implicit elements under an explicit syntax; pydicom reads them likewise.
    implicit = uid.is_implicit_VR or looks_implicit(view, start)
    encoding = Encoding(implicit=implicit, little=uid.is_little_endian)
    return Layout(view, start, file_start, encoding, str(uid), uid.is_deflated)


def _file_meta(view: memoryview, at: int) -> tuple[int, str]:
    """End of the file meta group and the transfer syntax in it; PS3.10 §7.1 fixes explicit little endian.

    The group's length is not trusted: exporters get it wrong, and the group number ends it as well.
    """
    syntax = ""
    while bytes(view[at : at + 2]) == b"\x02\x00":
        if at + 12 > len(view):
            raise Truncated("The file ends within its file header. Send it again from the source.")
        _, element, letters, length = EXPLICIT_HEADER[True].unpack_from(view, at)
        value = at + 8
        if letters in LONG_VRS:
            length, value = LONG_LENGTH[True].unpack_from(view, at + 8)[0], at + 12
        elif letters not in SHORT_VRS:
            raise Malformed("The file header is not written as the standard asks. Export the file again.")
        at = value + length
        if at > len(view):
            raise Truncated("The file ends within its file header. Send it again from the source.")
        if element == 0x0010:
            syntax = bytes(view[value:at]).rstrip(b"\0 ").decode("ascii", "replace")
    return at, syntax


def _guess(head: bytes) -> str:
    """Transfer syntax of a data set that does not say: it must start in group 0008, as images do."""
    explicit = head[4:6] in KNOWN_VRS
    if head[:2] == b"\x08\x00" and head[3:4] == b"\x00":
        if explicit:
            return EXPLICIT_VR_LITTLE_ENDIAN
        if len(head) == 8 and int.from_bytes(head[4:8], "little") < 0x10000:
            return IMPLICIT_VR_LITTLE_ENDIAN
    elif head[:3] == b"\x00\x08\x00" and explicit:
        return EXPLICIT_VR_BIG_ENDIAN
    raise NotDicom("The file is not a DICOM file. Send the images as the scanner or PACS exports them.")


def _inflated(data: memoryview, limits: Limits, beginning: bool) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(data, limits.max_bytes)
    except zlib.error:
        raise Malformed("The deflated data set cannot be inflated. Export the file uncompressed.") from None
    if beginning:
        return content
    if inflater.unconsumed_tail:
        raise TooLarge("The data set inflates to more than this system accepts.")
    if not inflater.eof:
        raise Truncated("The deflated data set ends too early. Send the file again from the source.")
    return content
