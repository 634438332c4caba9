"""The DICOM door on pynetdicom alone: slower, and the fallback should its successor fail somewhere.

Success (0x0000) is answered only after `receive_instance()` made bytes and record durable.
"""

from __future__ import annotations

import logging
from typing import Any
from weakref import WeakKeyDictionary

from django.utils import timezone
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, _config, evt
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from compliance.faults import fault
from imaging.intake.dimse.callers import Rejected, origin_of
from imaging.services.spool import Origin, receive_instance
from imaging.tasks import ring_index

log = logging.getLogger(__name__)

#: Verification SOP Class (PS3.4 A).
VERIFICATION = "1.2.840.10008.1.1"
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
#: Largest PDU we accept, in bytes; a large one saves round trips.
MAX_PDU = 128 * 1024
#: Seconds of silence after which an association ends.
TIMEOUT = 60

#: Who is at the other end of each association that was accepted.
deliveries: WeakKeyDictionary[Association, Origin] = WeakKeyDictionary()

# Header values must not reach the log, and data sets are kept as they came.
_config.LOG_HANDLER_LEVEL = "none"
_config.STORE_RECV_CHUNKED_DATASET = False
_config.UNRESTRICTED_STORAGE_SERVICE = True


def _requested(event: evt.Event) -> None:
    """Refuse an association whose calling AE title no site has; the title itself stays out of the log."""
    request = event.assoc.requestor.primitive
    try:
        deliveries[event.assoc] = origin_of(str(request.calling_ae_title).strip() if request else "", None)
    except Rejected as rejected:
        event.assoc.acse.send_reject(*rejected.answer)
        event.assoc.kill()


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
