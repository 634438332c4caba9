"""PDUs by hand, right or wrong (PS3.8 §9.3, PS3.7 §6.3): the bricks of hostile and of slow peers."""

from __future__ import annotations

import struct

#: CT Image Storage, and Explicit VR Little Endian.
CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"


def pdu(kind: int, content: bytes, length: int | None = None) -> bytes:
    """A PDU of a type; its length may be a lie."""
    return struct.pack(">BxI", kind, len(content) if length is None else length) + content


def item(kind: int, content: bytes, length: int | None = None) -> bytes:
    """An item or sub-item of an association request."""
    return struct.pack(">BxH", kind, len(content) if length is None else length) + content


def context(number: int, abstract: str = CT, *syntaxes: str) -> bytes:
    """A presentation context."""
    parts = item(0x30, abstract.encode()) + b"".join(item(0x40, one.encode()) for one in syntaxes or (EXPLICIT,))
    return item(0x20, bytes((number, 0, 0, 0)) + parts)


#: User information: the longest PDU that it takes, and its implementation.
USER = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3.4"))


def request(
    *contexts: bytes,
    title: bytes = b"NORTH_CT",
    version: int = 1,
    name: bytes = b"1.2.840.10008.3.1.1.1",
    user: bytes = USER,
) -> bytes:
    """An A-ASSOCIATE-RQ, of the northern scanner if nothing else is said."""
    head = struct.pack(">Hxx16s16s32x", version, b"PARALLAX".ljust(16), title.ljust(16))
    return pdu(1, head + item(0x10, name) + b"".join(contexts or (context(1),)) + user)


def pdv(context_id: int, control: int, content: bytes, length: int | None = None) -> bytes:
    """A presentation data value; control 1 is a fragment of a command, 2 a last one."""
    return struct.pack(">IBB", len(content) + 2 if length is None else length, context_id, control) + content


def element(number: int, value: bytes, *, group: int = 0, length: int | None = None) -> bytes:
    """An element in Implicit VR Little Endian."""
    return struct.pack("<HHI", group, number, len(value) if length is None else length) + value


def command(field: int = 1, *, data: int = 0, sop: str = "1.2.3", sop_class: str = CT, without: int = 0) -> bytes:
    """A command set, of a C-STORE if nothing else is said."""
    fields = {
        0x0002: sop_class.encode() + b"\0" * (len(sop_class) % 2),
        0x0100: field.to_bytes(2, "little"),
        0x0110: b"\1\0",
        0x0700: b"\0\0",
        0x0800: data.to_bytes(2, "little"),
        0x1000: sop.encode() + b"\0" * (len(sop) % 2),
    }
    fields.pop(without, None)
    return b"".join(element(number, value) for number, value in sorted(fields.items()))


def stored(first: bytes, *rest: bytes) -> bytes:
    """P-DATA-TFs that follow an accepted request."""
    return b"".join(pdu(4, one) for one in (first, *rest))
