"""Elements as bytes, so that a test may also write what no library writes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.encaps import encapsulate

EXPLICIT, IMPLICIT, BIG, DEFLATED = ("1.2.840.10008.1.2" + tail for tail in (".1", "", ".2", ".1.99"))
JPEG_LS = "1.2.840.10008.1.2.4.80"
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})

Values = Mapping[str | int, Any]


class Encoder:
    """Writes elements, sequences and files in one transfer syntax."""

    def __init__(self, syntax: str, *, undefined: bool = False) -> None:
        self.syntax, self.undefined = syntax, undefined
        self.implicit, self.order = syntax == IMPLICIT, ">" if syntax == BIG else "<"

    def element(self, tag: int, vr: str, value: bytes) -> bytes:
        value += b"" if len(value) % 2 == 0 else b"\0" if vr in ("UI", "OB", "UN") else b" "
        return self._head(tag, vr, len(value)) + value

    def sequence(self, tag: int, items: list[bytes], *, vr: str = "SQ") -> bytes:
        inner = Encoder(IMPLICIT) if vr == "UN" else self
        content = b"".join(inner._item(item, undefined=self.undefined) for item in items)
        if self.undefined:
            return self._head(tag, vr, 0xFFFFFFFF) + content + struct.pack(f"{self.order}HHL", 0xFFFE, 0xE0DD, 0)
        return self._head(tag, vr, len(content)) + content

    def pixels(self, value: bytes) -> bytes:
        if self.syntax != JPEG_LS:
            return self.element(0x7FE00010, "OW", value)
        return self._head(0x7FE00010, "OB", 0xFFFFFFFF) + encapsulate([value]) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)

    def level(self, elements: Values) -> bytes:
        """Elements by keyword or tag: bytes as they are, lists as items, numbers and text as their VR writes them."""
        keyed = {
            name if isinstance(name, int) else tag_for_keyword(name) or 0: value for name, value in elements.items()
        }
        return b"".join(self._any(tag, keyed[tag]) for tag in sorted(keyed))

    def file(self, elements: Values, *, preamble: bytes = bytes(128)) -> bytes:
        content = self.level(elements)
        if self.syntax == DEFLATED:
            deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            content = deflater.compress(content) + deflater.flush()
        writer = Encoder(EXPLICIT)
        return preamble + b"DICM" + writer.element(0x00020010, "UI", self.syntax.encode()) + content

    def _any(self, tag: int, value: Any) -> bytes:
        vr, value = value if isinstance(value, tuple) else (vr_of(tag), value)
        if isinstance(value, list):
            return self.sequence(tag, [item if isinstance(item, bytes) else self.level(item) for item in value], vr=vr)
        if tag == 0x7FE00010:
            return self.pixels(value)
        if isinstance(value, int):
            value = struct.pack(self.order + {"US": "H", "SS": "h", "UL": "L"}[vr], value)
        return self.element(tag, vr, value.encode("utf-8") if isinstance(value, str) else value)

    def _item(self, content: bytes, *, undefined: bool) -> bytes:
        length = 0xFFFFFFFF if undefined else len(content)
        end = struct.pack(f"{self.order}HHL", 0xFFFE, 0xE00D, 0) if undefined else b""
        return struct.pack(f"{self.order}HHL", 0xFFFE, 0xE000, length) + content + end

    def _head(self, tag: int, vr: str, length: int) -> bytes:
        number = struct.pack(f"{self.order}HH", tag >> 16, tag & 0xFFFF)
        if self.implicit:
            return number + struct.pack(f"{self.order}L", length)
        if vr in _LONG:
            return number + vr.encode() + b"\0\0" + struct.pack(f"{self.order}L", length)
        return number + vr.encode() + struct.pack(f"{self.order}H", length)


def vr_of(tag: int) -> str:
    """VR of a standard attribute, the first when there are several; UN when not in the dictionary."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"
