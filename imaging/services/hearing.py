"""When a site's scanner or archive was last heard: two empty files beside the spool, whose times say it.

A note that costs no database, so that no call ever waits for it; what is lost of it is heard again.
"""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from enum import StrEnum

from imaging.services import spool


class Sign(StrEnum):
    """What was heard: an association that we accepted, an echo."""

    CALLED = "called"
    ECHOED = "echoed"


def note(entity_id: int, sign: Sign) -> None:
    """Note that a scanner or archive was heard just now; a disk that fails hinders nobody."""
    with suppress(OSError):
        (spool.root() / f".{sign}-{entity_id}").touch(mode=0o640)


def last(entity_id: int, sign: Sign) -> dt.datetime | None:
    """Return when it was last heard; None if never."""
    try:
        return dt.datetime.fromtimestamp((spool.root() / f".{sign}-{entity_id}").stat().st_mtime, dt.UTC)
    except OSError:
        return None
