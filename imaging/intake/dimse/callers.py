"""Who calls: a site's scanner or archive, known by its calling AE title and, over TLS, by its certificate."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter

from django.db import DatabaseError, connections
from django.utils import timezone

from compliance import audit, context
from imaging.models import Transfer
from imaging.services.spool import Origin
from trials.models import Site
from trials.selectors import site_calling_as

log = logging.getLogger(__name__)

# A-ASSOCIATE-RJ: result, source, reason (PS3.8 Table 9-21).
TITLE_NOT_RECOGNISED = (1, 1, 3)
CONTEXT_NAME_NOT_SUPPORTED = (1, 1, 2)
VERSION_NOT_SUPPORTED = (1, 2, 2)
TRY_AGAIN = (2, 3, 1)
TOO_MANY = (2, 3, 2)

#: What the trail names in place of a site; a foreign title may be anything, so it is not kept.
_STRANGER = Site(code="UNKNOWN", name="calling AE title of no site")
#: Seconds between two events of the trail about strangers of one kind: they must not be able to flood it.
_PAUSE = 60.0


class Rejected(Exception):
    """The association is refused; `answer` are the three numbers of the A-ASSOCIATE-RJ."""

    def __init__(self, answer: tuple[int, int, int]) -> None:
        super().__init__(answer)
        self.answer = answer


def origin_of(calling_ae_title: str) -> Origin:
    """Return the origin of a new delivery by this caller.

    Raises
    ------
    Rejected
        No site has the title, or the database cannot be asked now.
    """
    try:
        site = site_calling_as(calling_ae_title)
        if site is None:
            _refusals.note()
            raise Rejected(TITLE_NOT_RECOGNISED)
        return Origin(door=Transfer.Door.DIMSE, site_id=site.pk, sender=calling_ae_title, delivery=uuid.uuid4())
    except DatabaseError:
        log.error("an association was put off: the database cannot be asked who calls")
        raise Rejected(TRY_AGAIN) from None
    finally:
        # The thread ends with its association, and nobody would use its connection again.
        connections.close_all()


class _Refusals:
    """Refused associations: each is counted, the trail and the log hear of them once a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._told = -_PAUSE

    def note(self) -> None:
        with self._lock:
            self._count += 1
            if time.monotonic() - self._told < _PAUSE:
                return
            count, self._count, self._told = self._count, 0, time.monotonic()
        log.warning("%s associations were refused: their calling AE titles belong to no site", count)
        with context.surroundings("", "imaging.dimse"):
            audit.record("association.refused", _STRANGER, actor=None, at=timezone.now(), after={"count": count})


_refusals = _Refusals()


class Faults:
    """Counts what peers did wrong, by kind; one line in the log a minute says how often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._told = time.monotonic()

    def note(self, kind: str) -> None:
        """Count one."""
        with self._lock:
            self._counts[kind] += 1

    def tell(self) -> None:
        """Say what was counted, if there is something and a minute has passed."""
        with self._lock:
            if not self._counts or time.monotonic() - self._told < _PAUSE:
                return
            counts, self._counts, self._told = self._counts, Counter(), time.monotonic()
        log.warning("connections ended for what the peer sent: %s", ", ".join(f"{k} {n}" for k, n in counts.items()))


faults = Faults()
