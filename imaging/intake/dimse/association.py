"""One association, from its request to its end, in a thread of its own: Verification, Storage and its commitment.

pynetdicom reads and writes what is negotiated (PS3.8 §9.3.2, §9.3.3); messages go by `wire` and `commands`, so that
a data set goes from the socket's buffer to the spool without being decoded or copied together.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from dataclasses import dataclass

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RP
from pynetdicom.pdu_primitives import A_ASSOCIATE, A_RELEASE
from pynetdicom.presentation import PresentationContext

from compliance.faults import fault
from imaging.dicom.commitments import PUSH_MODEL
from imaging.intake.dimse import commands, tls
from imaging.intake.dimse.asking import Asking
from imaging.intake.dimse.callers import (
    CONTEXT_NAME_NOT_SUPPORTED,
    VERSION_NOT_SUPPORTED,
    Caller,
    Rejected,
    address_of,
    faults,
    identify,
)
from imaging.intake.dimse.commands import Command, Unreadable
from imaging.intake.dimse.negotiating import ACCEPTED, VERIFICATION, negotiated
from imaging.intake.dimse.storing import OUT_OF_RESOURCES, SUCCESS, Storing
from imaging.intake.dimse.wire import MAX_PDU, PeerGone, Violation, Wire
from imaging.services import hearing
from imaging.services.spool import OutOfSpace, require_space
from imaging.tasks import ring_index

log = logging.getLogger(__name__)

#: What an abstract syntax is for, when it is neither verification nor storage commitment.
_STORAGE = "storage"
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_RELEASE_REQUEST, _ABORT, _DATA = 5, 7, 4
#: Seconds between two rings for the indexer while instances come.
_RING = 1.0
#: Seconds that a peer has to close after we refused it.
_PARTING = 1.0


@dataclass(slots=True)
class _Message:
    """A message that is coming in: its context, command set, and where its data set goes."""

    context_id: int
    command: bytearray
    request: Command | None = None
    storing: Storing | Asking | None = None


class Association:
    """Serves one peer until it releases, aborts, goes, or breaks the protocol.

    Parameters
    ----------
    connection
        A blocking socket from which the A-ASSOCIATE-RQ has been read already.
    request
        That PDU, whole.
    """

    def __init__(self, connection: socket.socket, request: bytes) -> None:
        self._connection = connection
        self._request = request
        self._wire = Wire(connection)
        self._contexts: dict[int, tuple[str, str]] = {}
        self._caller: Caller | None = None
        self._message: _Message | None = None
        self._received = 0
        self._rung = time.monotonic()

    def run(self) -> None:
        """Serve the peer; never raises."""
        try:
            if self._negotiate():
                self._serve()
        except PeerGone:
            pass
        except Violation as problem:
            faults.note(problem.kind)
            self._abort(problem.reason)
        except Exception as problem:
            # What a peer sends may end its own association and nothing else; the text may quote it.
            faults.note(type(problem).__name__)
            self._abort(0)
        finally:
            if self._message and self._message.storing:
                self._message.storing.drop()
            self._hang_up()
            if self._received:
                fault("received.acknowledged")
                ring_index()

    def _abort(self, reason: int) -> None:
        try:
            self._wire.abort(reason)
        except PeerGone:
            return

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)
        self._connection.close()

    # --- negotiation --------------------------------------------------------------------------------------------

    def _negotiate(self) -> bool:
        pdu = A_ASSOCIATE_RQ()
        try:
            pdu.decode(self._request)
            request = pdu.to_primitive()
            calling, called = str(request.calling_ae_title).strip(), str(request.called_ae_title).strip()
        except Exception as problem:
            raise Violation("malformed association request", 6) from problem
        try:
            if not pdu.protocol_version & 1:
                raise Rejected(VERSION_NOT_SUPPORTED)
            if str(request.application_context_name) != _APPLICATION_CONTEXT:
                raise Rejected(CONTEXT_NAME_NOT_SUPPORTED)
            certificate = tls.fingerprint_of_peer(self._connection)
            self._caller = identify(calling, called, certificate, address_of(self._connection))
        except Rejected as rejected:
            self._reject(rejected.answer)
            return False
        results = [negotiated(context) for context in request.presentation_context_definition_list]
        self._contexts = {
            int(context.context_id or 0): (str(context.abstract_syntax), str(context.transfer_syntax[0]))
            for context in results
            if context.result == ACCEPTED
        }
        self._accept(request, results)
        return True

    def _reject(self, answer: tuple[int, int, int]) -> None:
        primitive = A_ASSOCIATE()
        primitive.result, primitive.result_source, primitive.diagnostic = answer
        pdu = A_ASSOCIATE_RJ()
        pdu.from_primitive(primitive)
        self._wire.send(pdu.encode())
        # The peer closes (PS3.8 Table 9-10, Sta13); one that finds us gone first may not read why.
        self._connection.settimeout(_PARTING)
        with contextlib.suppress(OSError):
            self._connection.recv(1)

    def _accept(self, request: A_ASSOCIATE, results: list[PresentationContext]) -> None:
        from pynetdicom import PYNETDICOM_IMPLEMENTATION_UID, PYNETDICOM_IMPLEMENTATION_VERSION
        from pynetdicom.pdu_primitives import (
            ImplementationClassUIDNotification,
            ImplementationVersionNameNotification,
            MaximumLengthNotification,
        )

        length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
        version = ImplementationVersionNameNotification()
        length.maximum_length_received = MAX_PDU
        implementation.implementation_class_uid = PYNETDICOM_IMPLEMENTATION_UID
        version.implementation_version_name = PYNETDICOM_IMPLEMENTATION_VERSION
        primitive = A_ASSOCIATE()
        primitive.application_context_name = _APPLICATION_CONTEXT
        primitive.calling_ae_title = request.calling_ae_title
        primitive.called_ae_title = request.called_ae_title
        primitive.result, primitive.result_source = 0, 1
        primitive.presentation_context_definition_results_list = results
        primitive.user_information = [length, implementation, version]
        pdu = A_ASSOCIATE_AC()
        pdu.from_primitive(primitive)
        self._wire.send(pdu.encode())

    # --- messages -----------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            if self._message is None:
                self._wire.rest()
            kind, content = self._wire.read_pdu()
            if kind == _DATA:
                self._take(content)
            elif kind == _RELEASE_REQUEST:
                release = A_RELEASE()
                release.result = "affirmative"
                answer = A_RELEASE_RP()
                answer.from_primitive(release)
                self._wire.send(answer.encode())
                return
            elif kind == _ABORT:
                return
            else:
                raise Violation("unexpected PDU", 2)

    def _take(self, content: memoryview) -> None:
        """Take the presentation data values of one P-DATA-TF."""
        place = 0
        while place < len(content):
            if len(content) - place < 6:
                raise Violation("malformed PDV", 6)
            length = int.from_bytes(content[place : place + 4], "big")
            if not 2 <= length <= len(content) - place - 4:
                raise Violation("malformed PDV", 6)
            context_id, control = content[place + 4], content[place + 5]
            self._fragment(context_id, control, content[place + 6 : place + 4 + length])
            place += 4 + length

    def _fragment(self, context_id: int, control: int, fragment: memoryview) -> None:
        is_command, is_last = control & 1, control & 2
        message = self._message
        if message is None:
            if context_id not in self._contexts:
                raise Violation("unknown presentation context", 6)
            message = self._message = _Message(context_id, bytearray())
        if message.context_id != context_id or bool(is_command) != (message.request is None):
            raise Violation("fragment out of order", 6)
        if is_command:
            message.command += fragment
            if len(message.command) > commands.LARGEST:
                raise Violation("command set too long", 6)
            if is_last:
                self._begin(message)
            return
        if message.storing is not None:
            message.storing.write(fragment)
        if is_last:
            self._end(message)

    def _begin(self, message: _Message) -> None:
        """A command set is whole: prepare for its data set, or answer."""
        assert self._caller is not None
        try:
            request = message.request = Command.decode(message.command)
            abstract_syntax, syntax = self._contexts[message.context_id]
            kind = (request.field, abstract_syntax if abstract_syntax in (VERIFICATION, PUSH_MODEL) else _STORAGE)
            if kind == (commands.C_STORE_RQ, _STORAGE) and request.has_data_set:
                message.storing = Storing(self._caller.origin, request.text(0x0002), request.text(0x1000), syntax)
                _refuse_when_full(message.storing)
            elif kind == (commands.C_ECHO_RQ, VERIFICATION):
                hearing.note(self._caller.entity_id, hearing.Sign.ECHOED)
                self._answer(message, SUCCESS)
                self._message = None
            elif kind == (commands.N_ACTION_RQ, PUSH_MODEL) and request.has_data_set:
                message.storing = Asking(
                    self._caller, request.text(0x0003), request.text(0x1001), request.action_type, syntax
                )
            else:
                raise Violation("unknown command", 6)
        except Unreadable as problem:
            raise Violation("malformed command set", 6) from problem

    def _end(self, message: _Message) -> None:
        """A data set is whole: make it durable, then say so."""
        storing = message.storing
        assert storing is not None
        status = storing.end()
        self._received += status == SUCCESS
        self._answer(message, status)
        self._message = None
        if time.monotonic() - self._rung > _RING or isinstance(storing, Asking):
            self._rung = time.monotonic()
            ring_index()

    def _answer(self, message: _Message, status: int) -> None:
        assert message.request is not None
        response = message.request.response(status, comment=message.storing.comment if message.storing else "")
        fault("received.answering")
        self._wire.send(commands.as_pdu(message.context_id, response))


def _refuse_when_full(storing: Storing) -> None:
    try:
        require_space()
    except OutOfSpace:
        storing.refuse(OUT_OF_RESOURCES)
