"""Every storage SOP class and every standard transfer syntax is agreed to, and stored byte for byte as it came."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, UID_dictionary
from pynetdicom import AllStoragePresentationContexts

from imaging.intake import dimse
from tests.factories import make_world
from tests.imaging.intake.test_pdus import connect
from tests.support.pdus import CT, command, context, pdu, pdv, request

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database, pytest.mark.requirement("REQ-INT-015")]

#: Transfer syntaxes that the standard has not retired, and big endian, which old archives still send.
SYNTAXES = sorted(
    uid
    for uid, (_, kind, _, retired, name) in UID_dictionary.items()
    if kind == "Transfer Syntax" and (not retired or name == "ExplicitVRBigEndian")
)
#: A few that nobody would find missing in a list made by rule.
AMONG_THEM = {
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.2": "big endian",
    "1.2.840.10008.1.2.4.100": "MPEG-2",
    "1.2.840.10008.1.2.4.102": "MPEG-4",
    "1.2.840.10008.1.2.4.108": "HEVC",
    "1.2.840.10008.1.2.4.110": "JPEG XL",
    "1.2.840.10008.1.2.4.202": "HTJ2K",
    "1.2.840.10008.1.2.7.1": "SMPTE ST 2110",
}
CLASSES = sorted({str(one.abstract_syntax) for one in AllStoragePresentationContexts})


@pytest.fixture
def port(transactional_db: None, own_disk: Path, data_path: str) -> Iterator[int]:
    """A receiver that listens, on either way in."""
    make_world()
    server = dimse.start("127.0.0.1", 0)
    yield server.server_address[1]
    server.shutdown()


def body(sop_class: str, sop_instance: str, syntax: str) -> bytes:
    """A data set in a transfer syntax, with pixels or fragments that nobody could decode."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.PatientName = sop_class, sop_instance, "Test^One"
    uid = UID(syntax)
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = uid.is_implicit_VR, uid.is_little_endian
    write_dataset(buffer, dataset)
    written = buffer.getvalue()
    if uid.is_deflated:
        deflater = zlib.compressobj(wbits=-15)
        return deflater.compress(written) + deflater.flush()
    if not uid.is_compressed and syntax != "1.2.840.10008.1.2.1.98":
        return written
    frame = os.urandom(5000)
    items = b"\xfe\xff\x00\xe0" + struct.pack("<I", 0) + b"\xfe\xff\x00\xe0" + struct.pack("<I", len(frame)) + frame
    return written + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + items + b"\xfe\xff\xdd\xe0\0\0\0\0"


def answer(connection: socket.socket) -> bytes:
    head = connection.recv(6, socket.MSG_WAITALL)
    return head[:1] + connection.recv(struct.unpack(">xxI", head)[0], socket.MSG_WAITALL)


def send(port: int, instances: Sequence[tuple[str, str]], root: str = "1.2.3") -> dict[str, bytes]:
    """Send an instance of each class and transfer syntax, in contexts of one association; return what was sent."""
    sent = {}
    with connect(port) as connection:
        wanted = [context(2 * n + 1, sop_class, syntax) for n, (sop_class, syntax) in enumerate(instances)]
        connection.sendall(request(*wanted))
        assert answer(connection)[:1] == b"\2"
        for n, (sop_class, syntax) in enumerate(instances):
            uid = f"{root}.{n + 1}"
            sent[uid] = body(sop_class, uid, syntax)
            asked = command(sop=uid, sop_class=sop_class)
            connection.sendall(pdu(4, pdv(2 * n + 1, 3, asked)) + pdu(4, pdv(2 * n + 1, 2, sent[uid])))
            # Command set of the answer, without an error comment: success.
            assert struct.pack("<HHIH", 0, 0x0900, 2, 0) in answer(connection), (sop_class, syntax)
        connection.sendall(pdu(5, b"\0" * 4))
        assert answer(connection)[:1] == b"\6"
    return sent


def stored(disk: Path) -> dict[str, tuple[str, str, bytes]]:
    """Class, transfer syntax and data set of each instance in the spool, by its UID."""
    found = {}
    for path in (disk / "spool").glob("*/*.dcm"):
        whole = path.read_bytes()
        meta = dcmread(BytesIO(whole), stop_before_pixels=True, specific_tags=["SOPClassUID"]).file_meta
        start = 144 + meta.FileMetaInformationGroupLength
        found[meta.MediaStorageSOPInstanceUID] = (
            str(meta.MediaStorageSOPClassUID),
            str(meta.TransferSyntaxUID),
            whole[start:],
        )
    return found


def test_every_standard_transfer_syntax(port: int, own_disk: Path) -> None:
    assert AMONG_THEM.keys() <= set(SYNTAXES)

    sent = send(port, [(CT, syntax) for syntax in SYNTAXES])

    expected = {uid: (CT, syntax, sent[uid]) for uid, syntax in zip(sent, SYNTAXES, strict=True)}
    assert stored(own_disk) == expected


def test_every_storage_class(port: int, own_disk: Path) -> None:
    explicit, expected = "1.2.840.10008.1.2.1", {}
    # An association has room for 128 contexts.
    for root, some in (("1.2.3", CLASSES[:100]), ("1.2.4", CLASSES[100:])):
        sent = send(port, [(sop_class, explicit) for sop_class in some], root)
        expected |= {uid: (sop_class, explicit, sent[uid]) for uid, sop_class in zip(sent, some, strict=True)}

    assert stored(own_disk) == expected


def test_the_first_that_we_know_of_those_a_sender_prefers(port: int) -> None:
    private, jpeg, explicit = "1.2.826.0.1.3680043.9.7777.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1"
    with connect(port) as connection:
        connection.sendall(request(context(1, CT, private, jpeg, explicit)))
        accepted = answer(connection)

    assert accepted[:1] == b"\2"
    assert (jpeg.encode() in accepted, explicit.encode() + b"." in accepted) == (True, False)
