"""Storage commitment: reading what a sender asks about, and writing what it is told (PS3.4 annex J)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydicom.dataset import Dataset

from compliance.errors import HouseError
from imaging.dicom.elements import Kind, Limits, Malformed, walk
from imaging.dicom.files import layout_of
from imaging.dicom.headers import is_valid_uid

#: Storage Commitment Push Model SOP Class and its one instance (PS3.4 §J.3).
PUSH_MODEL, PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
#: Failure Reason (0008,1197): PS3.4 §J.3.3.1.2 and PS3.3 §C.14.1.1.
PROCESSING_FAILURE, NO_SUCH_INSTANCE, CLASS_CONFLICT = 0x0110, 0x0112, 0x0119
#: Event Type ID of the report (PS3.4 Table J.3-5).
ALL_COMMITTED, SOME_FAILED = 1, 2

_TRANSACTION, _REFERENCES = 0x00081195, 0x00081199
_SOP_CLASS, _SOP_INSTANCE = 0x00081150, 0x00081155
_LIMITS = Limits(max_bytes=16 << 20, max_elements=200_000, max_depth=4)


class InvalidRequest(HouseError):
    """The data set asks for no commitment that could be answered."""

    code = "invalid_request"
    status = 422


class Reference(NamedTuple):
    """One instance, as a sender names it."""

    sop_class_uid: str
    sop_instance_uid: str


class Request(NamedTuple):
    """What a sender asks us to vouch for."""

    transaction_uid: str
    references: Sequence[Reference]


def read_request(data: bytes | bytearray, transfer_syntax_uid: str) -> Request:
    """Read the action information of an N-ACTION request (PS3.4 Table J.3-2), under budgets.

    Raises
    ------
    InvalidRequest
        It cannot be read, or names no transaction or no instance by valid UIDs.
    """
    transaction = ""
    references: list[Reference] = []
    item: dict[int, str] = {}
    try:
        layout = layout_of(memoryview(data), transfer_syntax_uid=transfer_syntax_uid, limits=_LIMITS)
        for part in walk(layout, _LIMITS):
            if part.kind is Kind.VALUE and part.tag in (_TRANSACTION, _SOP_CLASS, _SOP_INSTANCE):
                text = bytes(layout.view[part.start : part.stop]).rstrip(b"\0 ").decode("ascii", "replace")
                if not is_valid_uid(text):
                    raise Malformed("A UID is not valid.")
                if part.depth:
                    item[part.tag] = text
                elif part.tag == _TRANSACTION:
                    transaction = text
            elif part.kind is Kind.ITEM_END and part.depth == 0 and part.tag == _REFERENCES:
                references.append(Reference(item[_SOP_CLASS], item[_SOP_INSTANCE]))
                item = {}
    except (HouseError, KeyError) as problem:
        raise InvalidRequest("The request for storage commitment cannot be read.") from problem
    if not transaction or not references:
        raise InvalidRequest("The request for storage commitment names no transaction or no instance.")
    return Request(transaction, references)


def report(
    transaction_uid: str, committed: Iterable[Reference], failed: Iterable[tuple[Reference, int]]
) -> tuple[int, Dataset]:
    """Return event type and event information of an N-EVENT-REPORT (PS3.4 Table J.3-6)."""
    dataset = Dataset()
    dataset.TransactionUID = transaction_uid
    if kept := [_item(one) for one in committed]:
        dataset.ReferencedSOPSequence = kept
    lost = []
    for reference, reason in failed:
        item = _item(reference)
        item.FailureReason = reason
        lost.append(item)
    if lost:
        dataset.FailedSOPSequence = lost
    return (SOME_FAILED if lost else ALL_COMMITTED), dataset


def _item(reference: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference
    return item
