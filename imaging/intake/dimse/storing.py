"""One C-STORE: from the fragments of a data set to an instance in the spool, undecoded."""

from __future__ import annotations

import logging
import struct
import zlib
from typing import Any

from django.utils import timezone

from imaging.dicom.headers import is_valid_uid
from imaging.services import metering
from imaging.services.spool import Landing, Origin

log = logging.getLogger(__name__)

# C-STORE status (PS3.4 Table B.2-1).
SUCCESS, OUT_OF_RESOURCES, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000
COMMENTS = {
    OUT_OF_RESOURCES: "The disk is nearly full; send again later",
    MISMATCH: "Data set and command name different instances",
    CANNOT_UNDERSTAND: "The data set cannot be read",
}
_SPENT = "The site's test studies of this hour are used up; wait an hour"
#: The implementation that wrote the file meta information.
IMPLEMENTATION_CLASS_UID = "2.25.193736152866853024391243957107586812435"
IMPLEMENTATION_VERSION = "PARALLAX"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_IMPLICIT = "1.2.840.10008.1.2"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
#: A data set has an element at least (PS3.5 §7.1).
_LEAST = 8
#: Bytes of a data set among which its SOP UIDs are looked for.
_HEAD = 64 * 1024


class Storing:
    """Takes the fragments of one data set; `end()` returns the status to answer.

    After a refusal the rest of the data set is taken and dropped, so that the association can go on.
    """

    def __init__(self, origin: Origin, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> None:
        self._uids = {0x00080016: sop_class_uid, 0x00080018: sop_instance_uid}
        self._syntax = transfer_syntax_uid
        self._origin = origin
        self._landing: Landing | None = None
        self._head = bytearray()
        self.status, self.comment = SUCCESS, ""
        if not (is_valid_uid(sop_class_uid) and is_valid_uid(sop_instance_uid)):
            self.refuse(CANNOT_UNDERSTAND)

    def write(self, fragment: memoryview) -> None:
        """Take the next fragment."""
        if self.status != SUCCESS:
            return
        try:
            if self._landing is not None:
                self._keep(self._landing, fragment)
                return
            self._head += fragment
            if len(self._head) >= 4096:
                self._begin()
        except OSError as problem:
            self.refuse(OUT_OF_RESOURCES, problem)

    def end(self) -> int:
        """Make the instance durable and return the status; only `SUCCESS` means that it is."""
        try:
            if self.status == SUCCESS and self._landing is None:
                self._begin()
            if self.status == SUCCESS and self._landing is not None:
                self._landing.commit()
        except OSError as problem:
            self.refuse(OUT_OF_RESOURCES, problem)
        finally:
            self.drop()
        return self.status

    def drop(self) -> None:
        """Forget what was not committed."""
        if self._landing is not None:
            self._landing.__exit__(None, None, None)
            self._landing = None

    def refuse(self, status: int, problem: OSError | None = None) -> None:
        """Answer with this status; what comes of the data set is dropped."""
        self.status, self.comment = status, COMMENTS[status]
        if isinstance(problem, metering.Spent):
            self.comment = _SPENT
        elif problem is not None:
            log.error("an instance was not stored: %s", problem.strerror)

    def _keep(self, landing: Landing, piece: memoryview | bytearray) -> None:
        if self._origin.test:
            metering.charge(self._origin.site_id, size=len(piece), at=timezone.now())
        landing.write(piece)

    def _begin(self) -> None:
        if len(self._head) < _LEAST:
            self.refuse(CANNOT_UNDERSTAND)
            return
        said = uids_of(self._head, self._syntax)
        if any(said.get(tag, uid) != uid for tag, uid in self._uids.items()):
            self.refuse(MISMATCH)
            return
        if self._origin.test:
            metering.charge(self._origin.site_id, images=1, at=timezone.now())
        landing = Landing(self._origin, at=timezone.now())
        landing.__enter__()
        self._landing = landing
        landing.write(file_meta(self._uids[0x00080016], self._uids[0x00080018], self._syntax))
        self._keep(landing, self._head)
        self._head = bytearray()


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble, prefix and file meta information of a Part 10 file (PS3.10 §7.1)."""

    def element(number: int, vr: bytes, value: bytes) -> bytes:
        return struct.pack("<HH2sH", 2, number, vr, len(value)) + value

    def uid(text: str) -> bytes:
        raw = text.encode("ascii")
        return raw + b"\0" * (len(raw) % 2)

    body = b"".join(
        (
            struct.pack("<HH2sxxI", 2, 1, b"OB", 2) + b"\0\1",
            element(0x0002, b"UI", uid(sop_class_uid)),
            element(0x0003, b"UI", uid(sop_instance_uid)),
            element(0x0010, b"UI", uid(transfer_syntax_uid)),
            element(0x0012, b"UI", uid(IMPLEMENTATION_CLASS_UID)),
            element(0x0013, b"SH", IMPLEMENTATION_VERSION.encode()),
        )
    )
    return b"\0" * 128 + b"DICM" + element(0, b"UL", struct.pack("<I", len(body))) + body


def uids_of(head: bytes | bytearray, transfer_syntax_uid: str) -> dict[int, str]:
    """Return SOP Class and SOP Instance UID by tag, as far as the first bytes of a data set hold them.

    Group 0008 comes first, so that they do unless something odd stands before them; that is for the full reading
    that follows.
    """
    data: Any = head[:_HEAD]
    if transfer_syntax_uid == _DEFLATED:
        try:
            data = zlib.decompressobj(-15).decompress(bytes(data), 4096)
        except zlib.error:
            return {}
    explicit, order = transfer_syntax_uid != _IMPLICIT, ">" if transfer_syntax_uid == _BIG_ENDIAN else "<"
    found: dict[int, str] = {}
    place = 0
    while len(data) - place >= 12:
        group, element = struct.unpack_from(order + "HH", data, place)
        tag = group << 16 | element
        if tag > 0x00080018:
            break
        vr = bytes(data[place + 4 : place + 6])
        if not explicit:
            length, step = struct.unpack_from(order + "I", data, place + 4)[0], 8
        elif vr in _LONG:
            length, step = struct.unpack_from(order + "I", data, place + 8)[0], 12
        else:
            length, step = struct.unpack_from(order + "H", data, place + 6)[0], 8
        if length > len(data) - place - step:
            break
        place += step
        if tag in (0x00080016, 0x00080018):
            found[tag] = bytes(data[place : place + length]).rstrip(b"\0 ").decode("ascii", "replace")
        place += length
    return found
