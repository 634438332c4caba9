"""The DICOM door on pynetdicom alone: slower, and the fallback should its successor fail somewhere.

Who may call, what is refused and what is acknowledged are the same on both, and so are their tests. What our own path
guards alone: memory, as pynetdicom holds a data set whole before anybody may look at it (so that a nearly full disk
is noticed after the data came, and the length of a PDU is the peer's word); and against crowds, as each connection
here has a thread from its first byte, and a slow one stays for as long as it says something each minute.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, cast
from weakref import WeakKeyDictionary

from pydicom import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from compliance.faults import fault
from imaging.dicom.commitments import PUSH_MODEL
from imaging.intake.dimse import asking
from imaging.intake.dimse.callers import Caller, Rejected, address_of, faults, identify
from imaging.intake.dimse.negotiating import SYNTAXES, VERIFICATION, negotiated
from imaging.intake.dimse.storing import CANNOT_UNDERSTAND, SUCCESS, Storing
from imaging.intake.dimse.tls import Trust, fingerprint_of_peer
from imaging.intake.dimse.wire import MAX_PDU, SILENCE
from imaging.services import hearing
from imaging.tasks import ring_index

#: Who is at the other end of each association that was accepted.
callers: WeakKeyDictionary[Association, Caller] = WeakKeyDictionary()

# Header values must not reach the log, and data sets are kept as they came.
_config.LOG_HANDLER_LEVEL = "none"
_config.STORE_RECV_CHUNKED_DATASET = False
_config.UNRESTRICTED_STORAGE_SERVICE = True


def _requested(event: evt.Event) -> None:
    """Refuse an association whose calling AE title no site has; the title itself stays out of the log."""
    request: Any = event.assoc.requestor.primitive
    connection: Any = event.assoc.dul.socket
    try:
        titles = str(request.calling_ae_title).strip(), str(request.called_ae_title).strip()
        peer = fingerprint_of_peer(connection.socket), address_of(connection.socket)
        callers[event.assoc] = identify(*titles, *peer)
    except Rejected as rejected:
        event.assoc.acse.send_reject(*rejected.answer)
        event.assoc.kill()
        return
    for proposed in request.presentation_context_definition_list:
        # pynetdicom takes the first of a class that it does not know, whatever that is.
        proposed.transfer_syntax = negotiated(proposed).transfer_syntax


def _stored(event: evt.Event) -> Dataset:
    """Make one instance durable, then say so."""
    storing = _store(event)
    return _status(storing.status, storing.comment)


def _status(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status = status
    if comment:
        answer.ErrorComment = comment
    return answer


def _store(event: evt.Event) -> Storing:
    request: Any = event.request
    storing = Storing(
        callers[event.assoc].origin,
        str(request.AffectedSOPClassUID),
        str(request.AffectedSOPInstanceUID),
        str(event.context.transfer_syntax),
    )
    if event.context.transfer_syntax not in SYNTAXES:
        storing.refuse(CANNOT_UNDERSTAND)
    try:
        storing.write(request.DataSet.getbuffer())
        storing.end()
    finally:
        storing.drop()
    return storing


def _echoed(event: evt.Event) -> int:
    """Answer an echo."""
    hearing.note(callers[event.assoc].entity_id, hearing.Sign.ECHOED)
    return SUCCESS


def _asked(event: evt.Event) -> tuple[Dataset, None]:
    """Take a request for storage commitment; the answer comes in an association of its own."""
    request: Any = event.request
    question = asking.Asking(
        callers[event.assoc],
        str(request.RequestedSOPClassUID),
        str(request.RequestedSOPInstanceUID),
        request.ActionTypeID,
        str(event.context.transfer_syntax),
    )
    question.write(request.ActionInformation.getbuffer() if request.ActionInformation else memoryview(b""))
    status = question.end()
    ring_index()
    return _status(status, question.comment), None


def _ended(event: evt.Event) -> None:
    if callers.pop(event.assoc, None):
        fault("received.acknowledged")
        ring_index()


class _Encryption:
    """What pynetdicom takes for a TLS context: ours of the moment, and the handshake left to the peer's own thread."""

    def __init__(self) -> None:
        self._trust = Trust()

    def wrap_socket(self, connection: socket.socket, *, server_side: bool) -> ssl.SSLSocket:
        """Wrap a connection that was just accepted; the first reading shakes hands, and waits so long and no longer."""
        try:
            connection.settimeout(SILENCE)
            return self._trust.context().wrap_socket(connection, server_side=server_side, do_handshake_on_connect=False)
        except OSError:
            faults.note("TLS without a context")
            connection.close()
            raise


class Servers:
    """One server, or a second one over TLS."""

    def __init__(self, plain: ThreadedAssociationServer, encrypted: ThreadedAssociationServer | None) -> None:
        self._plain, self._encrypted = plain, encrypted

    @property
    def server_address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._plain.server_address[:2]
        return host, port

    @property
    def tls_address(self) -> tuple[str, int]:
        """Host and port of the server over TLS."""
        assert self._encrypted is not None
        host, port = self._encrypted.server_address[:2]
        return host, port

    def shutdown(self) -> None:
        """Stop accepting."""
        for server in (self._plain, self._encrypted):
            if server is not None:
                server.shutdown()


def _ae(title: str) -> AE:
    ae = AE(ae_title=title)
    ae.maximum_pdu_size = MAX_PDU
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = SILENCE
    ae.maximum_associations = 50
    ae.add_supported_context(VERIFICATION)
    ae.add_supported_context(PUSH_MODEL)
    return ae


def start(host: str, port: int, tls_port: int | None, ae_title: str) -> Servers:
    """Listen in the background, on a second port over TLS if one is given; `shutdown()` ends it."""
    handlers: list[Any] = [
        (evt.EVT_REQUESTED, _requested),
        (evt.EVT_C_ECHO, _echoed),
        (evt.EVT_C_STORE, _stored),
        (evt.EVT_N_ACTION, _asked),
        (evt.EVT_RELEASED, _ended),
        (evt.EVT_ABORTED, _ended),
        (evt.EVT_CONN_CLOSE, _ended),
    ]

    def serve(port: int, encryption: _Encryption | None = None) -> ThreadedAssociationServer:
        server = _ae(ae_title).start_server(
            (host, port), block=False, ssl_context=cast("Any", encryption), evt_handlers=handlers
        )
        assert isinstance(server, ThreadedAssociationServer)
        return server

    return Servers(serve(port), serve(tls_port, _Encryption()) if tls_port is not None else None)
