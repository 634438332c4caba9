"""What a hostile or broken sender may send: files and ZIP archives, each with the name under which it is refused.

The makers take nothing from outside and always make the same bytes; whatever a file claims of its size, it is small.
Shapes of PDUs are with their test (tests/imaging/intake/test_pdus.py), those of requests with theirs
(tests/acceptance/test_doors.py).
"""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID

from tests.factories import encoded, slice_of

EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED, JPEG, JPEG_2000 = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
GIANT = 0xFFFFFFF0
UNDEFINED = 0xFFFFFFFF
_LONG = {b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"OF", b"OD"}

# --- the bricks ---------------------------------------------------------------------------------------------


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element in Explicit VR Little Endian (PS3.5 §7.1.2), with a length that may lie."""
    said = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return head + (struct.pack("<xxI", said) if vr in _LONG else struct.pack("<H", said & 0xFFFF)) + value


def text(tag: int, vr: bytes, value: str) -> bytes:
    """An element of text, padded to an even length."""
    raw = value.encode("latin-1")
    return element(tag, vr, raw + (b"\0" if vr == b"UI" else b" ") * (len(raw) % 2))


def item(content: bytes, length: int | None = None) -> bytes:
    """An item of a sequence or fragment of pixel data (PS3.5 §7.5)."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content) if length is None else length) + content


def meta(syntax: str | None = EXPLICIT, *more: bytes, uid: str = "1.2.3.4", group_length: int | None = None) -> bytes:
    """Preamble, prefix and file meta information (PS3.10 §7.1)."""
    body = element(0x00020001, b"OB", b"\0\1") + text(0x00020002, b"UI", "1.2.840.10008.5.1.4.1.1.2")
    body += text(0x00020003, b"UI", uid)
    if syntax is not None:
        body += text(0x00020010, b"UI", syntax)
    body += b"".join(more)
    said = len(body) if group_length is None else group_length
    return bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", said)) + body


def body(number: int, **values: Any) -> bytes:
    """The data set of a good slice, in Explicit VR Little Endian."""
    whole = encoded(_slice(number, **values))
    return whole[144 + struct.unpack_from("<I", whole, 140)[0] :]


def _slice(number: int, **values: Any) -> Dataset:
    return slice_of(number, scan_number=666, **values)


def with_element(content: bytes, extra: bytes, *, before: int) -> bytes:
    """A data set in which something stands before a tag."""
    place = content.index(struct.pack("<HH", before >> 16, before & 0xFFFF))
    return content[:place] + extra + content[place:]


def in_syntax(syntax: str, number: int, pixels: bytes, **values: Any) -> bytes:
    """A file of a compressed transfer syntax whose pixel data are these bytes."""
    dataset = body(number, PixelData=None, **values)
    uid = f"{_slice(number).SOPInstanceUID}"
    return meta(syntax, uid=uid) + dataset + element(0x7FE00010, b"OB", pixels, UNDEFINED)


def fragments(*pieces: bytes, end: bool = True) -> bytes:
    """Encapsulated pixel data (PS3.5 annex A.4): an empty offset table, the fragments, and an end unless not."""
    close = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) if end else b""
    return item(b"") + b"".join(item(piece + b"\0" * (len(piece) % 2)) for piece in pieces) + close


def part_10(number: int, content: bytes) -> bytes:
    """A file around a data set."""
    return meta(uid=str(_slice(number).SOPInstanceUID)) + content


def nested(depth: int, *, defined: bool) -> bytes:
    """Sequences within sequences, with lengths or with an end that never comes."""
    tag = 0x00081115
    if not defined:
        return (element(tag, b"SQ", b"", UNDEFINED) + item(b"", UNDEFINED)) * depth
    whole = b""
    for _ in range(depth):
        whole = element(tag, b"SQ", item(whole))
    return whole


# --- files --------------------------------------------------------------------------------------------------

#: What is wrong does not matter to anybody: the instance comes in.
KEPT = "kept"
#: It is held in quarantine, for the reason that follows.
HELD = "held: "


def files() -> dict[str, tuple[bytes, str]]:
    """Files by what is wrong with them, each with the code of its refusal, or what becomes of it instead."""
    return {name: (content, code) for name, content, code in _files()}


def _files() -> Iterator[tuple[str, bytes, str]]:
    good = encoded(_slice(1))
    yield "nothing", b"", "empty_file"
    yield "one byte", b"D", "not_dicom"
    yield "a letter", b"Dear colleague, please find attached " * 20, "not_dicom"
    yield "a PDF", b"%PDF-1.7\n" + bytes(600), "not_dicom"
    yield "a PNG", b"\x89PNG\r\n\x1a\n" + bytes(600), "not_dicom"
    yield "a page with a script", b"<html><script>alert(1)</script>" * 20, "not_dicom"
    yield "zeros", bytes(8192), "not_dicom"
    yield "noise", random.Random(1).randbytes(8192), "not_dicom"
    yield "a prefix alone", bytes(128) + b"DICM", "truncated"
    yield "cut in the file meta information", good[:170], "truncated"
    yield "cut in the header", good[:705], "truncated"
    yield "cut in the pixels", good[:-40], "truncated"
    yield "file meta information of 4 GiB", meta(group_length=GIANT) + body(2), KEPT
    yield "no transfer syntax", meta(None) + body(3), HELD + "cannot_deidentify"
    yield "a transfer syntax of nobody", meta("1.2.3.4.5") + body(4), "unsupported_transfer_syntax"
    yield "a transfer syntax that is no UID", meta("../../etc/passwd") + body(5), "unsupported_transfer_syntax"
    yield "file meta information twice", meta() + meta()[132:] + body(6), KEPT
    yield "deflated noise", meta(DEFLATED) + random.Random(2).randbytes(4096), "malformed"
    yield "deflated and cut", meta(DEFLATED) + _deflated(body(7))[:-60], "truncated"
    yield "a deflated gigabyte", meta(DEFLATED) + _deflated(body(8)[:-600] + bytes(640 << 20)), "over_budget"
    yield "implicit that says it is explicit", meta(EXPLICIT) + _implicit(), "missing_attribute"
    yield "little endian that says it is big", meta(BIG_ENDIAN) + body(9), "truncated"
    yield "sequences without end, 10,000 deep", part_10(10, nested(10_000, defined=False)), "too_complex"
    deep = with_element(body(11), nested(2_000, defined=True), before=0x00080060)
    yield "sequences with lengths, 2,000 deep", part_10(11, deep), "too_complex"
    many = b"".join(element(0x00110000 | n & 0xFFFF, b"LO", b"") for n in range(0x1000, 0xFFFF)) * 10
    yield "600,000 elements", part_10(12, with_element(body(12), many, before=0x00180050)), "malformed"
    flat = element(0x00081115, b"SQ", item(b"") * 600_000)
    yield "600,000 items", part_10(13, with_element(body(13), flat, before=0x00080060)), "too_complex"
    yield "an element of 4 GiB", part_10(14, body(14) + element(0x7FE10010, b"OB", b"x", GIANT)), "truncated"
    short = element(0x00081115, b"SQ", item(text(0x00100020, b"LO", "12345678"), 10))
    yield "an item longer than its content", part_10(15, with_element(body(15), short, before=0x00080060)), "malformed"
    loose = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    yield (
        "an end of an item without an item",
        part_10(16, with_element(body(16), loose, before=0x00080060)),
        "malformed",
    )
    twice = text(0x00100020, b"LO", "ANOTHER PERSON")
    yield "a patient twice", part_10(17, with_element(body(17), twice, before=0x00100020)), "malformed"
    yield "elements in no order", part_10(18, body(18) + text(0x00080050, b"SH", "late")), "malformed"
    yield (
        "a VR that is none",
        part_10(19, with_element(body(19), element(0x00091001, b"ZZ", b"ab"), before=0x00100010)),
        "truncated",
    )
    yield "a NUL in a name", encoded(_slice(20, PatientID="A\0B")), "nul_character"
    yield "a path for a UID", _with_uid(21, "../../../etc/x"), "invalid_uid"
    yield "a UID of 80 characters", _with_uid(22, "1." * 40), "invalid_uid"
    yield "a UID of letters", _with_uid(23, "1.2.826.abc"), "invalid_uid"
    yield "no SOP Instance UID", encoded(_slice(24)).replace(b"\x08\0\x18\0UI", b"\x08\0\x17\0UI"), "missing_attribute"
    yield "no Study Instance UID", part_10(25, _without(body(25), 0x0020000D)), "missing_attribute"
    yield "another UID in its file meta information", meta(uid="1.2.3.99") + body(26), KEPT
    yield "fewer pixels than rows", encoded(_slice(27, Rows=60_000, Columns=60_000)), "truncated"
    yield "two thousand million frames", encoded(_slice(28, NumberOfFrames="2147483647")), "truncated"
    yield "no pixels", encoded(_slice(29, PixelData=None)), "truncated"
    yield "the list of a disc", encoded(_slice(30, SOPClassUID=UID("1.2.840.10008.1.3.10"))), "media_directory"
    yield "fragments without end", in_syntax(JPEG, 31, fragments(b"\xff\xd8\xff\xd9", end=False)), "truncated"
    yield "a fragment longer than the file", in_syntax(JPEG, 32, item(b"") + item(b"xx", GIANT)), "truncated"
    yield "pixel data within a fragment's place", in_syntax(JPEG, 33, element(0x00100010, b"PN", b"X^Y ")), "malformed"
    nobodys = with_element(body(34), text(0x00080005, b"CS", "../../codecs"), before=0x00080008)
    yield "a character set of nobody", part_10(34, nobodys), KEPT


def _deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def _implicit() -> bytes:
    value = b"1.2.840.10008.5.1.4.1.1.2\0"
    return struct.pack("<HHI", 8, 0x16, len(value)) + value + struct.pack("<HHI", 8, 0x18, 6) + b"1.2.34"


def _with_uid(number: int, uid: str) -> bytes:
    dataset = _without(body(number), 0x00080018)
    return meta(uid=uid) + with_element(dataset, text(0x00080018, b"UI", uid), before=0x00080020)


def _without(content: bytes, tag: int) -> bytes:
    """A data set without one element of a short VR."""
    place = content.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
    length = struct.unpack_from("<H", content, place + 6)[0]
    return content[:place] + content[place + 8 + length :]


# --- archives -----------------------------------------------------------------------------------------------


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """A plain archive, to be hurt."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return bytearray(buffer.getvalue())


def special(kind: int, name: str = "IM0001", content: bytes = b"/etc/passwd") -> bytes:
    """An archive whose one entry is a link, a pipe or a device by its Unix mode."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (kind | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, content)
    return buffer.getvalue()


_CENTRAL, _END = b"PK\x01\x02", b"PK\x05\x06"


def _patched(archive: bytearray, offset: int, value: bytes, *, local: int | None = None, entry: int = 0) -> bytes:
    """An archive with bytes of an entry's central header replaced, and of the first local header at `local` too."""
    place = -1
    for _ in range(entry + 1):
        place = archive.index(_CENTRAL, place + 1)
    archive[place + offset : place + offset + len(value)] = value
    if local is not None:
        archive[local : local + len(value)] = value
    return bytes(archive)


def _many_entries(count: int) -> bytes:
    """An archive that lists one entry so many times; the end record of ZIP64 gives their number (APPNOTE 4.3.14)."""
    small = zipped({"a": b"x"}, zipfile.ZIP_STORED)
    start, end = small.index(_CENTRAL), small.index(_END)
    record = bytes(small[start:end])
    directory = record * count
    zip64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, start + len(directory), 1)
    last = struct.pack("<4sHHHHIIH", _END, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return bytes(small[:start]) + directory + zip64 + locator + last


def _zip64_lie(good: bytes) -> bytes:
    """An entry that says in its ZIP64 field that it is 2**62 bytes long."""
    archive = zipped({"a": good}, zipfile.ZIP_STORED)
    place, end = archive.index(_CENTRAL), archive.index(_END)
    archive[place + 20 : place + 28] = b"\xff" * 8
    archive[place + 30 : place + 32] = struct.pack("<H", 20)
    extra = struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 62)
    name_end = place + 46 + 1
    whole = archive[:name_end] + extra + archive[name_end:]
    size = end - place + len(extra)
    at = len(whole) - 22
    whole[at + 12 : at + 16] = struct.pack("<I", size)
    return bytes(whole)


def archives(good: bytes) -> dict[str, tuple[bytes, str, int]]:
    """Archives by what is wrong with them, each with the code of its refusal, and how many good files come in."""
    two = {"a": good, "b": good[:-1] + b"\1"}
    inner = bytes(zipped({"x": bytes(80 << 20)}))
    return {
        "a path that climbs out": (bytes(zipped({"a": good, "../../etc/cron.d/x": good})), "archive_unsafe", 0),
        "an absolute path": (bytes(zipped({"/etc/cron.d/x": good})), "archive_unsafe", 0),
        "a drive": (bytes(zipped({"C:\\windows\\x": good})), "archive_unsafe", 0),
        "a share": (bytes(zipped({"\\\\host\\share\\x": good})), "archive_unsafe", 0),
        "a path behind a NUL": (bytes(zipped({"ok_x_/../..": good}).replace(b"ok_x_", b"ok\0x_")), "archive_unsafe", 0),
        "a name of control characters": (bytes(zipped({"a\nb\x1b[2J": good})), "archive_unsafe", 0),
        "a link": (special(stat.S_IFLNK), "archive_unsafe", 0),
        "a pipe": (special(stat.S_IFIFO), "archive_unsafe", 0),
        "a device": (special(stat.S_IFCHR), "archive_unsafe", 0),
        "an encrypted file": (_patched(zipped({"a": good}), 8, b"\1", local=6), "archive_encrypted", 0),
        "zeros that would fill a disk": (bytes(zipped({"a": good, "z": bytes(80 << 20)})), "archive_too_large", 1),
        "a bomb of bombs": (bytes(zipped({f"{n}.zip": inner for n in range(90)})), "archive_too_large", 0),
        "archives in archives in archives": (
            bytes(zipped({"1.zip": bytes(zipped({"2.zip": bytes(zipped({"3": good}))}))})),
            "archive_too_large",
            0,
        ),
        "entries that share bytes": (
            _patched(zipped(two, zipfile.ZIP_STORED), 42, bytes(4), entry=1),
            "archive_unsafe",
            0,
        ),
        "100,001 entries": (_many_entries(100_001), "archive_too_large", 0),
        "65,600 entries that are one": (_many_entries(65_600), "archive_unsafe", 0),
        "a length of 2**62": (_zip64_lie(good), "archive_damaged", 0),
        "a checksum that is not its file's": (
            _patched(zipped({"a": good}, zipfile.ZIP_STORED), 16, b"\0\0\0\0", local=14),
            "archive_damaged",
            0,
        ),
        "a file that is longer than it says": (
            _patched(zipped({"a": good}), 24, struct.pack("<I", 100)),
            "archive_damaged",
            0,
        ),
        "an unknown compression": (_patched(zipped({"a": good}), 10, b"\x63\0", local=8), "archive_damaged", 0),
        "compression by LZMA": (bytes(zipped({"a": good}, zipfile.ZIP_LZMA)), "archive_damaged", 0),
        "another name in the file's own head": (_renamed(zipped({"a": good})), "archive_damaged", 0),
        "a directory that points behind the end": (_pointing_out(zipped({"a": good})), "archive_unsafe", 0),
        "no directory": (bytes(zipped(two))[:-80], "archive_damaged", 0),
        "half of it": (bytes(zipped(two))[: len(zipped(two)) // 2], "archive_damaged", 0),
        "a head alone": (b"PK\x03\x04" + bytes(200), "archive_damaged", 0),
        "no files": (bytes(zipped({})), "archive_empty", 0),
        "folders alone": (bytes(zipped({"a/": b"", "a/b/": b""})), "archive_empty", 0),
        "a letter beside the images": (bytes(zipped({"a": good, "readme.txt": b"see there " * 50})), "not_dicom", 1),
        "a file of the same name twice": (_same_name(good), "", 2),
    }


def _renamed(archive: bytearray) -> bytes:
    archive[30:31] = b"z"
    return bytes(archive)


def _pointing_out(archive: bytearray) -> bytes:
    at = archive.index(_END)
    archive[at + 16 : at + 20] = struct.pack("<I", 1 << 30)
    return bytes(archive)


def _same_name(good: bytes) -> bytes:
    archive = zipped({"a": good, "b": good})
    second = archive.index(b"PK\x03\x04", 4)
    archive[second + 30 : second + 31] = b"a"
    central = archive.index(_CENTRAL, archive.index(_CENTRAL) + 4)
    archive[central + 46 : central + 47] = b"a"
    return bytes(archive)
