"""One N-ACTION of storage commitment: its data set is read, made durable, and taken; the answer comes later."""

from __future__ import annotations

import logging

from django.utils import timezone

from imaging.dicom.commitments import PUSH_MODEL, PUSH_MODEL_INSTANCE, InvalidRequest, read_request
from imaging.intake.dimse.callers import Caller
from imaging.services import committing

log = logging.getLogger(__name__)

# N-ACTION status (PS3.7 §10.1.4.1.10).
SUCCESS, PROCESSING_FAILURE, NO_SUCH_INSTANCE, INVALID_ARGUMENT = 0x0000, 0x0110, 0x0112, 0x0115
NO_SUCH_CLASS, NO_SUCH_ACTION, RESOURCE_LIMITATION = 0x0118, 0x0123, 0x0213
_COMMENTS = {
    PROCESSING_FAILURE: "No host and port for the answer are registered, or this is a test",
    INVALID_ARGUMENT: "The request cannot be read",
    RESOURCE_LIMITATION: "Too long, or the disk is nearly full",
}
#: Action Type ID of a request for storage commitment (PS3.4 Table J.3-1).
_REQUEST = 1
#: Bytes of a request that are taken; tens of thousands of references.
_LARGEST = 4 << 20


class Asking:
    """Takes the fragments of one request; `end()` returns the status to answer."""

    def __init__(
        self, caller: Caller, sop_class_uid: str, sop_instance_uid: str, action: int, transfer_syntax_uid: str
    ) -> None:
        self._caller, self._syntax = caller, transfer_syntax_uid
        self._data = bytearray()
        self.status = SUCCESS
        if sop_class_uid != PUSH_MODEL:
            self.status = NO_SUCH_CLASS
        elif sop_instance_uid != PUSH_MODEL_INSTANCE:
            self.status = NO_SUCH_INSTANCE
        elif action != _REQUEST:
            self.status = NO_SUCH_ACTION
        elif not caller.can_be_called or caller.origin.test:
            # Of a test nothing is kept, so that nothing can be promised.
            self.status = PROCESSING_FAILURE

    @property
    def comment(self) -> str:
        """What the answer says besides its status."""
        return _COMMENTS.get(self.status, "")

    def write(self, fragment: memoryview) -> None:
        """Take the next fragment."""
        if self.status == SUCCESS and len(self._data) + len(fragment) > _LARGEST:
            self.status = RESOURCE_LIMITATION
        if self.status == SUCCESS:
            self._data += fragment

    def end(self) -> int:
        """Make the question durable and return the status; only `SUCCESS` means that it will be answered."""
        if self.status != SUCCESS:
            return self.status
        try:
            request = read_request(self._data, self._syntax)
            committing.ask(request, origin=self._caller.origin, at=timezone.now())
        except InvalidRequest:
            self.status = INVALID_ARGUMENT
        except OSError as problem:
            log.error("a storage commitment was not taken: %s", problem.strerror)
            self.status = RESOURCE_LIMITATION
        return self.status

    def drop(self) -> None:
        """Forget what was not taken."""
        self._data = bytearray()
