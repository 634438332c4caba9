"""The DICOM door: C-STORE and C-ECHO on pynetdicom. The calling AE title names the site.

Success (0x0000) is answered only after `receive_instance()` made bytes and record durable.
"""

from __future__ import annotations

import logging
import signal
import threading
import uuid
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connections
from django.utils import timezone
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from compliance import audit, context
from compliance.faults import fault
from imaging.models import Transfer
from imaging.services.receiving import Origin, receive_instance
from imaging.tasks import ring_index
from trials.models import Site
from trials.selectors import site_calling_as

log = logging.getLogger(__name__)

#: Verification SOP Class (PS3.4 A).
VERIFICATION = "1.2.840.10008.1.1"
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
#: Largest PDU we accept, in bytes; a large one saves round trips.
MAX_PDU = 128 * 1024
#: Seconds of silence after which an association ends.
TIMEOUT = 60

# A-ASSOCIATE-RJ: result, source, reason (PS3.8 Table 9-21).
_TITLE_NOT_RECOGNISED = (0x01, 0x01, 0x03)
_TRY_AGAIN = (0x02, 0x03, 0x01)
#: What the trail names in place of a site; a foreign title may be anything, so it is not kept.
_STRANGER = Site(code="UNKNOWN", name="calling AE title of no site")

#: Who is at the other end of each association that was accepted.
deliveries: WeakKeyDictionary[Association, Origin] = WeakKeyDictionary()

# Header values must not reach the log, and data sets are kept as they came.
_config.LOG_HANDLER_LEVEL = "none"
_config.STORE_RECV_CHUNKED_DATASET = False
_config.UNRESTRICTED_STORAGE_SERVICE = True


def _reject(event: evt.Event, result: int, source: int, diagnostic: int) -> None:
    event.assoc.acse.send_reject(result, source, diagnostic)
    event.assoc.kill()


def _requested(event: evt.Event) -> None:
    """Refuse an association whose calling AE title no site has; the title itself stays out of the log."""
    request = event.assoc.requestor.primitive
    title = str(request.calling_ae_title).strip() if request else ""
    try:
        site = site_calling_as(title)
        if site is None:
            with context.surroundings("", "imaging.dimse"):
                audit.record("association.refused", _STRANGER, actor=None, at=timezone.now())
    except DatabaseError:
        log.error("an association was put off: the database cannot be asked who calls")
        _reject(event, *_TRY_AGAIN)
        return
    finally:
        # The thread ends with its association, and nobody would use its connection again.
        connections.close_all()
    if site is None:
        log.warning("an association was refused: its calling AE title belongs to no site")
        _reject(event, *_TITLE_NOT_RECOGNISED)
        return
    deliveries[event.assoc] = Origin(door=Transfer.Door.DIMSE, site_id=site.pk, sender=title, delivery=uuid.uuid4())


def _stored(event: evt.Event) -> int:
    """Make one instance durable, then say so."""
    try:
        data = event.encoded_dataset(include_meta=True)
    except Exception:
        log.warning("an instance could not be taken from its message")
        return CANNOT_UNDERSTAND
    try:
        receive_instance(data, origin=deliveries[event.assoc], at=timezone.now())
    except OSError as problem:
        log.error("an instance was not stored: %s", problem.strerror)
        return OUT_OF_RESOURCES
    return SUCCESS


def _ended(event: evt.Event) -> None:
    if deliveries.pop(event.assoc, None):
        fault("received.acknowledged")
        ring_index()


def _ae(title: str) -> AE:
    ae = AE(ae_title=title)
    ae.maximum_pdu_size = MAX_PDU
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = TIMEOUT
    ae.maximum_associations = 50
    for offered in AllStoragePresentationContexts:
        ae.add_supported_context(offered.abstract_syntax or "", ALL_TRANSFER_SYNTAXES)
    ae.add_supported_context(VERIFICATION)
    return ae


def start(host: str, port: int, ae_title: str) -> ThreadedAssociationServer:
    """Listen in the background and return the server; `shutdown()` ends it."""
    handlers: list[Any] = [
        (evt.EVT_REQUESTED, _requested),
        (evt.EVT_C_STORE, _stored),
        (evt.EVT_RELEASED, _ended),
        (evt.EVT_ABORTED, _ended),
        (evt.EVT_CONN_CLOSE, _ended),
    ]
    server = _ae(ae_title).start_server((host, port), block=False, evt_handlers=handlers)
    assert isinstance(server, ThreadedAssociationServer)
    return server


def serve(host: str, port: int, ae_title: str) -> None:
    """Listen until SIGINT or SIGTERM; associations under way are ended, what they delivered is safe."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    server = start(host, port, ae_title)
    over.wait()
    server.shutdown()
