"""Listening: a connection costs a few kilobytes until its association request has come whole, and no thread.

One loop accepts and reads the requests of all new connections; a connection whose request is whole goes to a thread
of its own. Strangers who connect and say nothing, or little by little, meet a deadline; when there are too many of
them, the one who has waited longest goes, so that there is always room for the next.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from imaging.intake.dimse.association import Association
from imaging.intake.dimse.callers import TOO_MANY, faults
from imaging.intake.dimse.tls import Trust
from imaging.intake.dimse.wire import MAX_REQUEST

log = logging.getLogger(__name__)

#: Seconds that a new connection has for its association request.
REQUEST_SECONDS = 15.0
#: New connections that wait for their request, in all and from one address.
WAITING, WAITING_PER_ADDRESS = 1024, 256
#: Associations at the same time in this process, in all and from one address.
ASSOCIATIONS, ASSOCIATIONS_PER_ADDRESS = 128, 64
_REQUEST_KIND = 1


@dataclass(eq=False, slots=True)
class _Waiting:
    """A connection whose association request is still coming."""

    connection: socket.socket
    address: str
    deadline: float
    shaking: bool = False
    got: bytearray = field(default_factory=bytearray)

    def wanted(self) -> int:
        """Bytes still missing of what is known to come."""
        if len(self.got) < 6:
            return 6 - len(self.got)
        return 6 + int(struct.unpack_from(">I", self.got, 2)[0]) - len(self.got)

    def is_acceptable(self) -> bool:
        """Tell whether it may still become a request."""
        if self.got and self.got[0] != _REQUEST_KIND:
            return False
        return len(self.got) < 6 or int(struct.unpack_from(">I", self.got, 2)[0]) <= MAX_REQUEST


class Listener:
    """Accepts associations on listening sockets until `shutdown()`; on the second one, if given, over TLS."""

    def __init__(self, listening: socket.socket, encrypted: socket.socket | None = None) -> None:
        self._listening, self._encrypted = listening, encrypted
        self._trust = Trust()
        self._selector = selectors.DefaultSelector()
        for one in (listening, encrypted):
            if one is not None:
                one.setblocking(False)
                self._selector.register(one, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        #: In the order of their arrival.
        self._waiting: dict[socket.socket, _Waiting] = {}
        self._from: Counter[str] = Counter()
        self._served: Counter[str] = Counter()
        self._serving: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._over = False

    @property
    def tls_address(self) -> tuple[str, int]:
        """Host and port of the listener over TLS."""
        assert self._encrypted is not None
        host, port = self._encrypted.getsockname()[:2]
        return str(host), int(port)

    @property
    def server_address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._listening.getsockname()[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve, name="dicom-listener", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether the loop runs."""
        return self._thread.is_alive()

    def shutdown(self, patience: float = 10.0) -> None:
        """Stop accepting and end what is under way; what it delivered is safe."""
        self._wake.send(b"x")  # first: the loop closes its end as soon as it is over
        self._over = True
        if (thread := getattr(self, "_thread", None)) is not None:
            thread.join(patience)
        with self._lock:
            serving = dict(self._serving)
        for connection in serving.values():
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                continue
        until = time.monotonic() + patience
        for one in serving:
            one.join(max(until - time.monotonic(), 0))

    def serve(self) -> None:
        """Accept and read requests until `shutdown()`."""
        while not self._over:
            for key, _ in self._selector.select(timeout=1.0):
                if key.fileobj is self._listening or key.fileobj is self._encrypted:
                    assert isinstance(key.fileobj, socket.socket)
                    self._accept(key.fileobj)
                elif key.fileobj is not self._woken:
                    self._read(key.data)
            self._dismiss_late()
            faults.tell()
        for waiting in list(self._waiting.values()):
            self._dismiss(waiting)
        self._selector.close()
        for one in (self._listening, self._encrypted, self._wake, self._woken):
            if one is not None:
                one.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(64):
            try:
                connection, (address, *_rest) = listening.accept()
            except OSError:
                # Another process took it, or there is none left; or no file handle is free, and the oldest must go.
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            shaking = listening is self._encrypted
            if shaking:
                try:
                    connection = self._trust.context().wrap_socket(
                        connection, server_side=True, do_handshake_on_connect=False
                    )
                except OSError:
                    faults.note("TLS without a context")
                    connection.close()
                    continue
            waiting = _Waiting(connection, str(address), time.monotonic() + REQUEST_SECONDS, shaking)
            self._make_room(waiting.address)
            self._waiting[connection] = waiting
            self._from[waiting.address] += 1
            self._selector.register(connection, selectors.EVENT_READ, waiting)

    def _make_room(self, address: str) -> None:
        if self._from[address] >= WAITING_PER_ADDRESS:
            faults.note("too many waiting connections of one address")
            self._dismiss(next(one for one in self._waiting.values() if one.address == address))
        elif len(self._waiting) >= WAITING:
            faults.note("too many waiting connections")
            self._dismiss(next(iter(self._waiting.values())))

    def _read(self, waiting: _Waiting) -> None:
        if waiting.connection not in self._waiting:
            return
        try:
            if waiting.shaking:
                assert isinstance(waiting.connection, ssl.SSLSocket)
                waiting.connection.do_handshake()
                waiting.shaking = False
            piece = self._receive(waiting)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._selector.modify(waiting.connection, selectors.EVENT_READ, waiting)
            return
        except ssl.SSLWantWriteError:
            self._selector.modify(waiting.connection, selectors.EVENT_WRITE, waiting)
            return
        except OSError:
            if waiting.shaking:
                faults.note("TLS handshake")
            piece = b""
        if not piece or not waiting.is_acceptable():
            if piece:
                faults.note("no association request")
                _send(waiting.connection, struct.pack(">BxIxxBB", 7, 4, 2, 2))
            self._dismiss(waiting)
        elif len(waiting.got) >= 6 and not waiting.wanted():
            self._hand_over(waiting)

    @staticmethod
    def _receive(waiting: _Waiting) -> bytes:
        """Take what is there of the request; what TLS has decrypted already would not wake the selector again."""
        piece = waiting.connection.recv(min(waiting.wanted(), 65536))
        waiting.got += piece
        while (
            piece
            and isinstance(waiting.connection, ssl.SSLSocket)
            and waiting.is_acceptable()
            and waiting.wanted()
            and waiting.connection.pending()
        ):
            waiting.got += waiting.connection.recv(min(waiting.wanted(), 65536))
        return piece

    def _hand_over(self, waiting: _Waiting) -> None:
        self._forget(waiting)
        with self._lock:
            full = len(self._serving) >= ASSOCIATIONS or self._served[waiting.address] >= ASSOCIATIONS_PER_ADDRESS
        if full:
            faults.note("too many associations")
            _send(waiting.connection, struct.pack(">BxIxBBB", 3, 4, *TOO_MANY))
            waiting.connection.close()
            return
        waiting.connection.setblocking(True)
        thread = threading.Thread(target=self._associate, args=(waiting,), name="dicom-association", daemon=True)
        with self._lock:
            self._served[waiting.address] += 1
            self._serving[thread] = waiting.connection
        thread.start()

    def _associate(self, waiting: _Waiting) -> None:
        try:
            Association(waiting.connection, bytes(waiting.got)).run()
        finally:
            with self._lock:
                self._served[waiting.address] -= 1
                del self._serving[threading.current_thread()]

    def _forget(self, waiting: _Waiting) -> None:
        self._selector.unregister(waiting.connection)
        del self._waiting[waiting.connection]
        self._from[waiting.address] -= 1
        if not self._from[waiting.address]:
            del self._from[waiting.address]

    def _dismiss(self, waiting: _Waiting) -> None:
        self._forget(waiting)
        waiting.connection.close()

    def _dismiss_late(self) -> None:
        now = time.monotonic()
        late = []
        for waiting in self._waiting.values():
            if waiting.deadline > now:
                break
            late.append(waiting)
        for waiting in late:
            faults.note("no association request in time")
            self._dismiss(waiting)


def _send(connection: socket.socket, data: bytes) -> None:
    """Send a few bytes to a peer that may not listen."""
    try:
        connection.send(data)
    except OSError:
        return


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens, to be shared by several processes."""
    return socket.create_server((host, port), backlog=512)


def start(host: str, port: int, tls_port: int | None = None) -> Listener:
    """Listen in a thread of this process, on a second port over TLS if one is given; `shutdown()` ends it."""
    encrypted = listening_socket(host, tls_port) if tls_port is not None else None
    listener = Listener(listening_socket(host, port), encrypted)
    listener.start()
    return listener
