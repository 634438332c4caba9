"""The web server's entry point."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

log = logging.getLogger(__name__)
#: Answered requests whose body somebody still waits for: so many of them and the process starts anew.
_MOST = 8

_django = get_wsgi_application()
_waiting = threading.BoundedSemaphore(_MOST)


class _Answer:
    """An answer whose request is over when nobody reads its body any more.

    The server takes a body away from its readers when the application returns, and holds the interpreter until they let
    go of it. A peer that is silent and stays would stop every thread of the process so; here it is waited for, with the
    interpreter free, until it goes. Those who stay for ever are ended with the process, which another replaces; senders
    go on there as after any other end of it.
    """

    def __init__(self, content: Iterable[bytes], readers: list[threading.Thread]) -> None:
        self._content, self._readers = content, readers

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._content)

    def close(self) -> None:
        """End the request; the peer has its answer by now."""
        if hasattr(self._content, "close"):
            self._content.close()
        if not any(reader.is_alive() for reader in self._readers):
            return
        if not _waiting.acquire(blocking=False):
            log.warning("%s peers fell silent in the middle of a request and stay; this process starts anew", _MOST)
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            for reader in self._readers:
                reader.join()
        finally:
            _waiting.release()


def application(environ: dict[str, Any], start_response: Any) -> _Answer:
    """Answer a request (PEP 3333). Whoever reads its body in a thread says so in `parallax.readers`."""
    readers: list[threading.Thread] = []
    return _Answer(_django(environ | {"parallax.readers": readers}, start_response), readers)
