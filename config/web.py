"""The web server: granian, from a parent that has loaded the application before it forks.

So a worker that dies is replaced within moments, and what all have loaded lies in memory once.
"""

from __future__ import annotations

import contextlib
import gc

from django.conf import settings
from django.urls import get_resolver
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from config.wsgi import application


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    assert application is not None
    assert get_resolver().url_patterns  # every view is imported now, and not by a worker's first request
    gc.collect()
    gc.freeze()
    while True:
        server = Granian(
            "config.wsgi:application",
            address=settings.WEB_HOST,
            port=settings.WEB_PORT,
            interface=Interfaces.WSGI,
            workers=settings.WEB_WORKERS,
            blocking_threads=settings.WEB_THREADS,
            websockets=False,
            log_level=LogLevels.warning,
            respawn_failed_workers=True,
        )
        with contextlib.suppress(SystemExit):
            server.serve()
        if server.interrupt_signal:
            return
        # It gives up when a worker dies twice within seconds; one bad request must not close the door to all.


if __name__ == "__main__":
    main()
