"""Requests for storage commitment are read under budgets, and reports say what PS3.4 annex J asks."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from imaging.dicom.commitments import InvalidRequest, Reference, Request, read_request, report

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"


def action(references: Sequence[tuple[str, str]], transaction: str = "1.2.3.4") -> Dataset:
    dataset = Dataset()
    dataset.TransactionUID = transaction
    dataset.ReferencedSOPSequence = []
    for sop_class, sop_instance in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        dataset.ReferencedSOPSequence.append(item)
    return dataset


def written(dataset: Dataset, syntax: str = EXPLICIT) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = syntax == IMPLICIT, syntax != BIG
    write_dataset(buffer, dataset)
    return buffer.getvalue()


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_a_request_is_read_in_every_native_encoding(syntax: str) -> None:
    asked = action([(CT, "1.2.3.5"), (MR, "1.2.3.6")])

    assert read_request(written(asked, syntax), syntax) == Request(
        "1.2.3.4", [Reference(CT, "1.2.3.5"), Reference(MR, "1.2.3.6")]
    )


REFUSED = {
    "nothing": b"",
    "random bytes": bytes(range(256)),
    "no transaction": written(Dataset()),
    "no instance": written(action([])),
    "a transaction that is no UID": written(action([(CT, "1.2.3.5")], "../../x")),
    "an instance that is no UID": written(action([(CT, "x" * 64)])),
    "an item without an instance": written(action([(CT, "1.2.3.5")])).replace(b"\x08\x00\x55\x11", b"\x08\x00\x56\x11"),
    "cut in the middle": written(action([(CT, "1.2.3.5")]))[:-6],
    "sequences in sequences": written(action([(CT, "1.2.3.5")]))
    + (struct.pack("<HH2sxxI", 0x0040, 0xA730, b"SQ", 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 50,
}


@pytest.mark.parametrize("shape", REFUSED)
def test_what_cannot_be_answered_is_refused(shape: str) -> None:
    with pytest.raises(InvalidRequest):
        read_request(REFUSED[shape], EXPLICIT)


def test_a_report_names_what_is_safe_and_what_is_not_with_its_reason() -> None:
    kept, lost = Reference(CT, "1.2.3.5"), Reference(MR, "1.2.3.6")

    event, information = report("1.2.3.4", [kept], [(lost, 0x0112)])

    assert event == 2
    assert information.TransactionUID == "1.2.3.4"
    assert [one.ReferencedSOPInstanceUID for one in information.ReferencedSOPSequence] == ["1.2.3.5"]
    (failed,) = information.FailedSOPSequence
    assert (failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID, failed.FailureReason) == (
        MR,
        "1.2.3.6",
        0x0112,
    )


def test_a_report_without_failures_is_of_the_other_type_and_has_no_empty_sequence() -> None:
    event, information = report("1.2.3.4", [Reference(CT, "1.2.3.5")], [])

    assert (event, "FailedSOPSequence" in information) == (1, False)
