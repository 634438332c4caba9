"""An echo as bytes (C-ECHO, PS3.7 §9.1.5): what the caller sends, and what the answers say.

A few PDUs of fixed form. Written by hand they leave the caller in charge of its socket, and so of the time it takes.
"""

from __future__ import annotations

import struct

#: Verification SOP Class (PS3.4 annex A).
VERIFICATION = "1.2.840.10008.1.1"
#: Types of PDU (PS3.8 §9.3.1).
ACCEPTED, REJECTED, DATA, ABORTED = 2, 3, 4, 7
#: Largest answer that is read, in bytes; none of a sane peer comes near.
LARGEST = 64 * 1024
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_IMPLICIT = "1.2.840.10008.1.2"
_IMPLEMENTATION = "2.25.193736152866853024391243957107586812435"
_MESSAGE_ID = 1
_ECHO_RESPONSE = 0x8030
#: What a refusal means: result, source and reason of an A-ASSOCIATE-RJ (PS3.8 Table 9-21).
REASONS = {
    (1, 1, 1): "no reason given",
    (1, 1, 2): "application context name not supported",
    (1, 1, 3): "calling AE title not recognised",
    (1, 1, 7): "called AE title not recognised",
    (1, 2, 1): "no reason given",
    (1, 2, 2): "protocol version not supported",
    (2, 3, 1): "temporary congestion",
    (2, 3, 2): "local limit exceeded",
}
CALLING_NOT_RECOGNISED, CALLED_NOT_RECOGNISED = REASONS[1, 1, 3], REASONS[1, 1, 7]


class NotUnderstood(ValueError):
    """The answer is no DICOM, or not the one that was asked for."""


def association_request(calling: str, called: str) -> bytes:
    """Return an A-ASSOCIATE-RQ that proposes Verification alone (PS3.8 §9.3.2)."""
    context = struct.pack(">B3x", 1) + _item(0x30, VERIFICATION) + _item(0x40, _IMPLICIT)
    user = _item(0x51, struct.pack(">I", LARGEST)) + _item(0x52, _IMPLEMENTATION)
    titles = struct.pack(">H2x16s16s32x", 1, called.ljust(16).encode("ascii"), calling.ljust(16).encode("ascii"))
    return _pdu(1, titles + _item(0x10, _APPLICATION_CONTEXT) + _item(0x20, context) + _item(0x50, user))


def echo_request() -> bytes:
    """Return a C-ECHO-RQ as a P-DATA-TF (PS3.7 §9.3.5.1)."""
    elements = (
        (0x0002, VERIFICATION.encode() + b"\0"),
        (0x0100, struct.pack("<H", 0x0030)),
        (0x0110, struct.pack("<H", _MESSAGE_ID)),
        (0x0800, struct.pack("<H", 0x0101)),
    )
    body = b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in elements)
    command = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    return _pdu(DATA, struct.pack(">IBB", len(command) + 2, 1, 3) + command)


def release_request() -> bytes:
    """Return an A-RELEASE-RQ (PS3.8 §9.3.6)."""
    return _pdu(5, bytes(4))


def is_offered(content: bytes) -> bool:
    """Tell whether an A-ASSOCIATE-AC accepts what was proposed: the result of its presentation context is 0.

    Raises
    ------
    NotUnderstood
    """
    place = 68
    while place + 4 <= len(content):
        kind, length = struct.unpack_from(">BxH", content, place)
        item = content[place + 4 : place + 4 + length]
        if kind == 0x21 and len(item) >= 4:
            return item[2] == 0
        place += 4 + length
    raise NotUnderstood


def reason_of(content: bytes) -> str:
    """Return the standard's words for an A-ASSOCIATE-RJ."""
    return REASONS.get((content[1], content[2], content[3]) if len(content) == 4 else (0, 0, 0), "no reason given")


def status_of(content: bytes) -> int:
    """Return the status in a C-ECHO-RSP.

    Raises
    ------
    NotUnderstood
        The P-DATA-TF holds something else.
    """
    elements: dict[int, int] = {}
    place = 6
    while place + 8 <= len(content):
        group, number, length = struct.unpack_from("<HHI", content, place)
        value = content[place + 8 : place + 8 + length]
        if group == 0 and length == 2 and len(value) == 2:
            elements[number] = int.from_bytes(value, "little")
        place += 8 + length
    if elements.get(0x0100) != _ECHO_RESPONSE or elements.get(0x0120) != _MESSAGE_ID or 0x0900 not in elements:
        raise NotUnderstood
    return elements[0x0900]


def _item(kind: int, content: str | bytes) -> bytes:
    content = content.encode("ascii") if isinstance(content, str) else content
    return struct.pack(">BxH", kind, len(content)) + content


def _pdu(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(content)) + content
