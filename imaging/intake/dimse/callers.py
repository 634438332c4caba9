"""Who calls: a site's scanner or archive, known by its calling AE title and, over TLS, by its certificate."""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from compliance import audit, context
from compliance.models import Record
from imaging.models import Transfer
from imaging.selectors import NOT_ENCRYPTED, OTHER_CERTIFICATE, OTHER_TITLE, SWITCHED_OFF
from imaging.services import hearing
from imaging.services.spool import Origin
from trials.models import Site
from trials.selectors import entity_calling_as, entity_meant_by

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


@dataclass(frozen=True, slots=True)
class Caller:
    """A site's scanner or archive at the other end of an association, and whether it can be called back."""

    origin: Origin
    entity_id: int
    can_be_called: bool


def address_of(connection: socket.socket) -> str:
    """Return the address of a peer; empty if it is gone already."""
    try:
        return str(connection.getpeername()[0]).removeprefix("::ffff:")
    except OSError:
        return ""


def identify(calling_ae_title: str, called_ae_title: str, certificate_sha256: str | None, address: str) -> Caller:
    """Return who calls, with the origin of a new delivery.

    Parameters
    ----------
    called_ae_title
        The title for tests says that what comes is to be thrown away; under any other it is kept.
    certificate_sha256
        Of the certificate that the caller proved to hold; None on a connection without encryption.
    address
        Where the call comes from: whom a stranger may be is said in the trail, so that the site is told.

    Raises
    ------
    Rejected
        No site has the title, it is not the certificate's, or the site may not send without encryption; or the
        database cannot be asked now.
    """
    try:
        entity = entity_calling_as(calling_ae_title)
        if entity is None:
            meant = entity_meant_by(calling_ae_title, address)
            if meant is None:
                _refusals.note("calling AE title of no site", _STRANGER)
            else:
                _refusals.note(OTHER_TITLE if meant.active else SWITCHED_OFF, meant)
            raise Rejected(TITLE_NOT_RECOGNISED)
        if certificate_sha256 is None and not entity.site.plain_dicom:
            _refusals.note(NOT_ENCRYPTED, entity)
            raise Rejected(TITLE_NOT_RECOGNISED)
        if certificate_sha256 is not None and certificate_sha256 != entity.certificate_sha256:
            _refusals.note(OTHER_CERTIFICATE, entity)
            raise Rejected(TITLE_NOT_RECOGNISED)
        origin = Origin(
            door=Transfer.Door.DIMSE,
            site_id=entity.site_id,
            sender=calling_ae_title,
            delivery=uuid.uuid4(),
            encrypted=certificate_sha256 is not None,
            test=called_ae_title == settings.DICOM_TEST_AE_TITLE,
        )
        hearing.note(entity.pk, hearing.Sign.CALLED)
        return Caller(origin, entity.pk, can_be_called=bool(entity.host and entity.port))
    except DatabaseError:
        log.error("an association was put off: the database cannot be asked who calls")
        raise Rejected(TRY_AGAIN) from None
    finally:
        # The thread ends with its association, and nobody would use its connection again.
        connections.close_all()


class _Refusals:
    """Refused associations: each is counted, the trail and the log hear of each kind once a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: Counter[tuple[str, str]] = Counter()
        self._told: dict[tuple[str, str], float] = {}

    def note(self, why: str, about: Record) -> None:
        key = (why, str(about.pk))
        with self._lock:
            self._count[key] += 1
            if time.monotonic() - self._told.get(key, -_PAUSE) < _PAUSE:
                return
            count, self._told[key] = self._count.pop(key), time.monotonic()
        log.warning("associations refused: %s (%s)", why, count)
        with context.surroundings("", "imaging.dimse"):
            audit.record(
                "association.refused", about, actor=None, at=timezone.now(), after={"why": why, "count": count}
            )


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
