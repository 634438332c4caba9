"""How much a site may send in an hour that is thrown away: counted in a small file that all receivers share."""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import json

from django.conf import settings

from imaging.services import spool

_HOUR = dt.timedelta(hours=1)


class Spent(OSError):
    """The site has sent for tests what it may in an hour."""

    def __init__(self) -> None:
        super().__init__(errno.EDQUOT, "a site's test studies of this hour are used up")


def charge(site_id: int, *, images: int = 0, size: int = 0, at: dt.datetime) -> None:
    """Count images and bytes of a test study, before they are taken.

    Raises
    ------
    Spent
        There would be more of them than may come in an hour, which begins with the first.
    OSError
        The disk does not count.
    """
    with open(spool.root() / f".tested-{site_id}", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        since, counted, bytes_counted = json.loads(file.read() or "[0, 0, 0]")
        now = at.timestamp()
        if not 0 <= now - since < _HOUR.total_seconds():
            since, counted, bytes_counted = now, 0, 0
        counted, bytes_counted = counted + images, bytes_counted + size
        if counted > settings.DICOM_TEST_IMAGES or bytes_counted > settings.DICOM_TEST_BYTES:
            raise Spent
        file.truncate(0)
        file.write(json.dumps([since, counted, bytes_counted]))
