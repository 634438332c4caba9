"""Reading PDUs under budgets: no more bytes than were negotiated, no slower than a scanner on a bad line."""

from __future__ import annotations

import socket
import ssl
import struct
import sys
import time

#: Largest P-DATA-TF that we announce and take, in bytes; a large one saves round trips.
MAX_PDU = 128 * 1024
#: Largest PDU of another kind. 128 presentation contexts of 40 transfer syntaxes take about 400 KiB in theory; no
#: peer proposes them, and what strangers can make us hold must be small.
MAX_REQUEST = 64 * 1024
_HEADER = struct.Struct(">BxI")
#: Seconds of silence after which a peer is given up.
SILENCE = 60.0
#: Slowest pace at which a message may come, in bytes per second, after a grace in seconds.
PACE, GRACE = 1024, 30.0
_SPACE = 4 * (MAX_PDU + 6)
_QUICK = getattr(socket, "TCP_QUICKACK", None) if sys.platform == "linux" else None


class PeerGone(Exception):
    """The connection was closed, or nothing came for too long."""


class Violation(Exception):
    """The peer broke the protocol; `kind` says how, `reason` is for the A-ABORT (PS3.8 Table 9-26)."""

    def __init__(self, kind: str, reason: int = 0) -> None:
        super().__init__(kind)
        self.kind, self.reason = kind, reason


class Wire:
    """One connection: PDUs in, bytes out.

    Parameters
    ----------
    connection
        A blocking socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(SILENCE)
        self._buffer = bytearray(_SPACE)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._quick = _QUICK is not None and not isinstance(connection, ssl.SSLSocket)
        self._began: float | None = None
        self._came = 0

    def rest(self) -> None:
        """A message is over; the pace is watched again from the first bytes of the next."""
        self._began, self._came = None, 0

    def read_pdu(self) -> tuple[int, memoryview]:
        """Return type and content of the next PDU; the content is valid until the next call.

        Raises
        ------
        PeerGone
        Violation
            The PDU is of no known type or longer than it may be.
        """
        self._need(6)
        kind, length = _HEADER.unpack_from(self._buffer, self._start)
        if not 1 <= kind <= 7:
            raise Violation("unknown PDU type", 1)
        if length > (MAX_PDU if kind == 4 else MAX_REQUEST):
            raise Violation("PDU too long", 6)
        self._need(6 + length)
        begin = self._start + 6
        self._start = begin + length
        return kind, self._view[begin : self._start]

    def _need(self, size: int) -> None:
        while self._end - self._start < size:
            if self._start and _SPACE - self._start < size + MAX_PDU // 2:
                rest = self._end - self._start
                self._view[:rest] = self._view[self._start : self._end]
                self._start, self._end = 0, rest
            self._receive()

    def _receive(self) -> None:
        if self._quick:
            # The sender may hold back the rest of its message until this is acknowledged; the system re-arms
            # its delay by itself, so that this is said anew each time.
            self._connection.setsockopt(socket.IPPROTO_TCP, _QUICK or 0, 1)
        try:
            count = self._connection.recv_into(self._view[self._end :])
        except (OSError, ssl.SSLError) as problem:
            raise PeerGone from problem
        if not count:
            raise PeerGone
        self._end += count
        self._came += count
        if self._began is None:
            self._began = time.monotonic()
        took = time.monotonic() - self._began
        if took > GRACE and self._came < took * PACE:
            raise Violation("too slow")

    def send(self, data: bytes) -> None:
        """Send bytes, at once.

        Raises
        ------
        PeerGone
        """
        try:
            self._connection.sendall(data)
        except OSError as problem:
            raise PeerGone from problem

    def abort(self, reason: int) -> None:
        """Send an A-ABORT of the service provider (PS3.8 §9.3.8)."""
        self.send(struct.pack(">BxIxxBB", 7, 4, 2, reason))
