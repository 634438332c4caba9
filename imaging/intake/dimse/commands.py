"""Command sets of DIMSE messages (PS3.7 §6.3, §9.3, annex E), read and written without building objects."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ELEMENT = struct.Struct("<HHI")
C_STORE_RQ, C_ECHO_RQ, N_ACTION_RQ = 0x0001, 0x0030, 0x0130
_RESPONSE = 0x8000
_NO_DATA_SET = 0x0101
#: Largest command set taken, in bytes.
LARGEST = 16 * 1024


class Unreadable(ValueError):
    """The bytes are no command set, or it lacks what its command needs."""


@dataclass(frozen=True, slots=True)
class Command:
    """A request: the elements of group 0000 by element number, as raw bytes."""

    elements: dict[int, bytes]

    @classmethod
    def decode(cls, data: bytes | bytearray) -> Command:
        """Read a command set, which is always implicit VR little endian.

        Raises
        ------
        Unreadable
        """
        elements: dict[int, bytes] = {}
        place = 0
        while place < len(data):
            if len(data) - place < _ELEMENT.size:
                raise Unreadable
            group, element, length = _ELEMENT.unpack_from(data, place)
            place += _ELEMENT.size
            if group != 0 or length > len(data) - place:
                raise Unreadable
            elements[element] = bytes(data[place : place + length])
            place += length
        command = cls(elements)
        command.field, command.message_id  # noqa: B018 - both must be there
        return command

    def _number(self, element: int) -> int:
        raw = self.elements.get(element, b"")
        if len(raw) != 2:
            raise Unreadable
        return int.from_bytes(raw, "little")

    def text(self, element: int) -> str:
        """Return a UID without its padding; empty if it is absent."""
        return self.elements.get(element, b"").rstrip(b"\0 ").decode("ascii", "replace")

    @property
    def field(self) -> int:
        """Command Field (0000,0100)."""
        return self._number(0x0100)

    @property
    def message_id(self) -> int:
        """Message ID (0000,0110)."""
        return self._number(0x0110)

    @property
    def action_type(self) -> int:
        """Action Type ID (0000,1008)."""
        return self._number(0x1008)

    @property
    def has_data_set(self) -> bool:
        """Tell whether a data set follows: Command Data Set Type (0000,0800)."""
        return self._number(0x0800) != _NO_DATA_SET

    def response(self, status: int, *, comment: str = "") -> bytes:
        """Return the command set of the answer to this request."""
        fields = [
            (0x0002, self.elements.get(0x0002) or self.elements.get(0x0003) or b""),
            (0x0100, (self.field | _RESPONSE).to_bytes(2, "little")),
            (0x0120, self.message_id.to_bytes(2, "little")),
            (0x0800, _NO_DATA_SET.to_bytes(2, "little")),
            (0x0900, status.to_bytes(2, "little")),
        ]
        if comment:
            fields.append((0x0902, _even(comment[:64].encode("ascii", "replace"), b" ")))
        if instance := self.elements.get(0x1000) or self.elements.get(0x1001):
            fields.append((0x1000, instance))
        body = b"".join(_ELEMENT.pack(0, element, len(value)) + value for element, value in fields)
        return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def _even(value: bytes, padding: bytes) -> bytes:
    return value + padding * (len(value) % 2)


def as_pdu(context_id: int, command: bytes) -> bytes:
    """Return a command set as one P-DATA-TF with one PDV, its last fragment (PS3.8 §9.3.5, annex E)."""
    return struct.pack(">BxIIBB", 4, len(command) + 6, len(command) + 2, context_id, 3) + command
