"""A line between a browser and the application: it counts what goes up, and may be slow."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

_PIECE = 16 * 1024


class Relay:
    """Passes connections on to a port of this machine.

    Attributes
    ----------
    up
        Bytes that came from the browser's side so far, whether or not they could be passed on.
    bytes_per_second
        How fast each connection may send upwards; None for as fast as it can.
    """

    def __init__(self, port: int, bytes_per_second: int | None = None) -> None:
        self.up, self.bytes_per_second = 0, bytes_per_second
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._count = threading.Lock()
        self._lines: list[tuple[threading.Thread, socket.socket]] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        """Where a browser finds the application."""
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                line = threading.Thread(target=self._connect, args=(near,), daemon=True)
                self._lines.append((line, near))
                line.start()

    def _connect(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._target) as far:
            down = threading.Thread(target=self._pass_on, args=(far, near, False), daemon=True)
            down.start()
            self._pass_on(near, far, True)
            down.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, upwards: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if upwards:
                    with self._count:
                        self.up += len(piece)
                    if self.bytes_per_second:
                        time.sleep(len(piece) / self.bytes_per_second)
                target.sendall(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections, and end those that are open."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for line, near in self._lines:
            with contextlib.suppress(OSError):
                near.shutdown(socket.SHUT_RDWR)
            line.join()


@contextlib.contextmanager
def relayed(port: int, bytes_per_second: int | None = None) -> Iterator[Relay]:
    """A line to a port for as long as a test needs it."""
    relay = Relay(port, bytes_per_second)
    try:
        yield relay
    finally:
        relay.close()
