"""What a hostile or broken peer may send to the DICOM port: each ends its own connection, and a good scan follows.

Layouts are those of PS3.8 §9.3 and PS3.7 §6.3. Every case is sent to the same listener, one after the other.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RQ

from imaging.intake import dimse
from imaging.intake.dimse import listener, stock
from imaging.intake.dimse.commands import as_pdu
from imaging.services import spool
from tests.factories import encoded, make_world, slice_of
from tests.imaging.intake.conftest import STOCK
from tests.support.pdus import CT, EXPLICIT, USER, command, context, element, item, pdu, pdv, request, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database, pytest.mark.requirement("REQ-INT-010")]

IMPLICIT = "1.2.840.10008.1.2"
VERIFICATION = "1.2.840.10008.1.1"
GIANT = 0xFFFFFFF0
STORE = pdv(1, 3, command())
DATA = encoded(slice_of())

# --- the shapes ---------------------------------------------------------------------------------------------

#: Sent at once upon connecting.
BEFORE: dict[str, bytes] = {
    "nothing but a first byte": b"\1",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\0" * 200,
    "zeros": b"\0" * 64,
    "PDU of type 0": pdu(0, b"x" * 10),
    "PDU of type 8": pdu(8, b"x" * 10),
    "PDU of type 255": pdu(255, b"x" * 10),
    "P-DATA before a request": pdu(4, STORE),
    "release before a request": pdu(5, b"\0" * 4),
    "abort before a request": pdu(7, b"\0" * 4),
    "accept instead of a request": pdu(2, b"\0" * 68),
    "request of 4 GiB": pdu(1, b"x" * 100, GIANT),
    "request of 64 KiB and one": pdu(1, b"x" * 100, 65537),
    "empty request": pdu(1, b""),
    "request cut in its head": pdu(1, b"\0\1\0\0PARALLAX"),
    "request of another version": request(version=2),
    "request without contexts": pdu(1, struct.pack(">Hxx16s16s32x", 1, b"PARALLAX", b"NORTH_CT") + USER),
    "request of another application": request(name=b"1.2.3.4"),
    "request by a stranger": request(title=b"NOBODY"),
    "request with an empty title": request(title=b""),
    "request with a title of control characters": request(title=b"\x01\x02\n\r\x00"),
    "request with a title of other bytes": request(title=b"\xff\xfe\x80"),
    "item longer than the request": pdu(1, request()[6:-30] + item(0x20, b"x", 60000)),
    "item of unknown kind": request(context(1), user=item(0x77, b"xxxx") + USER),
    "context with an even number": request(context(2)),
    "context numbered 0": request(context(0)),
    "context without transfer syntax": request(item(0x20, b"\1\0\0\0" + item(0x30, CT.encode()))),
    "context without abstract syntax": request(item(0x20, b"\1\0\0\0" + item(0x40, EXPLICIT.encode()))),
    "abstract syntax that is no UID": request(context(1, "../../etc/passwd")),
    "transfer syntax that is no UID": request(context(1, CT, "x" * 64)),
    "300 contexts": request(*(context(n % 256 | 1) for n in range(300))),
    "user information cut": request(user=item(0x50, item(0x51, b"\0"), 200)),
    "maximum length of 0": request(user=item(0x50, item(0x51, struct.pack(">I", 0)) + item(0x52, b"1.2"))),
}
#: Sent after a good request was accepted.
AFTER: dict[str, bytes] = {
    "P-DATA longer than negotiated": pdu(4, b"x" * 100, 131073),
    "P-DATA of 4 GiB": pdu(4, b"x" * 100, GIANT),
    "a second request": request(),
    "PDU of unknown type": pdu(9, b"x"),
    "release response nobody asked for": pdu(6, b"\0" * 4),
    "release of 64 KiB and one": pdu(5, b"", 65537),
    "PDV cut": pdu(4, b"\0\0\0"),
    "PDV of length 0": pdu(4, struct.pack(">I", 0) + b"\1\3"),
    "PDV of length 1": pdu(4, struct.pack(">I", 1) + b"\1\3"),
    "PDV longer than its PDU": pdu(4, pdv(1, 3, b"x", 5000)),
    "PDV of 4 GiB": pdu(4, pdv(1, 3, b"x", GIANT)),
    "PDV of an unknown context": stored(pdv(3, 3, command())),
    "PDV of an even context": stored(pdv(2, 3, command())),
    "PDV of a refused context": stored(pdv(5, 3, command())),
    "data set before a command": stored(pdv(1, 2, b"x" * 100)),
    "command in the middle of a data set": stored(STORE, pdv(1, 0, b"x"), pdv(1, 3, command())),
    "data set of another context": stored(STORE, pdv(7, 2, b"x")),
    "command set of 20 KiB": stored(pdv(1, 1, b"x" * 20480), pdv(1, 3, b"")),
    "command set without end": stored(*(pdv(1, 1, b"x" * 8000) for _ in range(5))),
    "command set cut in an element's head": stored(pdv(1, 3, command() + b"\0\0\1")),
    "command element longer than its set": stored(pdv(1, 3, element(0x0100, b"\1\0", length=5000))),
    "command element of 4 GiB": stored(pdv(1, 3, element(0x0100, b"\1\0", length=GIANT))),
    "element of another group in a command": stored(pdv(1, 3, command() + element(0x10, b"ab", group=8))),
    "empty command set": stored(pdv(1, 3, b"")),
    "command without a field": stored(pdv(1, 3, command(without=0x0100))),
    "command without a message number": stored(pdv(1, 3, command(without=0x0110))),
    "command without data set type": stored(pdv(1, 3, command(without=0x0800))),
    "command field of one byte": stored(pdv(1, 3, element(0x0100, b"\1"))),
    "unknown command": stored(pdv(1, 3, command(0x7777))),
    "C-FIND on a storage context": stored(pdv(1, 3, command(0x0020))),
    "C-STORE without a data set": stored(pdv(1, 3, command(data=0x0101))),
    "a response as a request": stored(pdv(1, 3, command(0x8001))),
    "text of random bytes": bytes(range(256)) * 8,
}
#: Answered with a status that is not success, on an association that goes on.
REFUSED: dict[str, tuple[bytes, int]] = {
    "UID with a path in it": (stored(pdv(1, 3, command(sop="../../x")), pdv(1, 2, DATA[400:])), 0xC000),
    "UID of 100 characters": (stored(pdv(1, 3, command(sop="1." * 50)), pdv(1, 2, DATA[400:])), 0xC000),
    "empty UID": (stored(pdv(1, 3, command(sop="")), pdv(1, 2, DATA[400:])), 0xC000),
    "UID with leading zeros": (stored(pdv(1, 3, command(sop="1.02.3")), pdv(1, 2, DATA[400:])), 0xC000),
    "data set too short for an element": (stored(STORE, pdv(1, 2, b"x")), 0xC000),
    "UID that is not the data set's": (
        stored(STORE, pdv(1, 2, struct.pack("<HH2sH", 8, 0x18, b"UI", 6) + b"1.2.99" + b"x" * 90)),
        0xA900,
    ),
    "class that is not the data set's": (
        stored(STORE, pdv(1, 2, struct.pack("<HH2sH", 8, 0x16, b"UI", 6) + b"1.2.99" + b"x" * 90)),
        0xA900,
    ),
}
#: Of these, what pynetdicom alone does not answer: UIDs of no possible length.
UNANSWERED_BY_STOCK = ("UID of 100 characters", "empty UID")


# --- the door -----------------------------------------------------------------------------------------------


@pytest.fixture
def port(transactional_db: None, own_disk: Path, rung: list[bool]) -> Iterator[int]:
    """A listener for a trial's scanners, and its port."""
    make_world()
    server = listener.start("127.0.0.1", 0)
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def either_port(transactional_db: None, own_disk: Path, data_path: str) -> Iterator[int]:
    """The same for what both ways in promise."""
    make_world()
    server = dimse.start("127.0.0.1", 0)
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def stock_port(transactional_db: None, own_disk: Path, rung: list[bool]) -> Iterator[int]:
    """pynetdicom alone, for what our own path does better."""
    make_world()
    server = stock.start("127.0.0.1", 0, None, "PARALLAX")
    yield server.server_address[1]
    server.shutdown()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def rest_of(connection: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            got += piece
    return got


def associated(port: int) -> socket.socket:
    """A connection whose request (contexts 1 and 7 for CT, 5 for a query) was accepted."""
    connection = connect(port)
    query = context(5, "1.2.840.10008.5.1.4.1.2.2.1")
    connection.sendall(request(context(1), query, context(7)))
    kind, length = struct.unpack(">BxI", connection.recv(6, socket.MSG_WAITALL))
    connection.recv(length, socket.MSG_WAITALL)
    assert kind == 2
    return connection


def a_good_scan_passes(port: int) -> None:
    ae = AE(ae_title="NORTH_CT")
    ae.add_requested_context(CT, EXPLICIT)
    dataset = slice_of()
    encoded(dataset)
    sender = ae.associate("127.0.0.1", port, ae_title="PARALLAX")
    assert sender.is_established
    assert sender.send_c_store(dataset).Status == 0x0000
    sender.release()


def memory() -> int:
    """Largest resident size of this process so far, in bytes (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def spooled(disk: Path) -> list[str]:
    return sorted(path.suffix for path in (disk / "spool").glob("*/*") if path.name != spool.DELIVERY)


def ended(send: Callable[[], bytes]) -> bytes:
    """Do something and return what was answered before the connection was closed."""
    before = memory()
    answer = send()
    assert memory() - before < 64 * 1024**2
    return answer


@pytest.mark.parametrize("shape", BEFORE)
def test_what_is_no_association_request_ends_its_connection(port: int, own_disk: Path, shape: str) -> None:
    def send() -> bytes:
        with connect(port) as connection:
            # A peer that is refused in the middle of its words is cut off.
            with contextlib.suppress(OSError):
                connection.sendall(BEFORE[shape])
                connection.shutdown(socket.SHUT_WR)
            return rest_of(connection)

    answer = ended(send)

    # Refused, aborted or closed; or accepted, where the standard lets a peer be odd, and then closed by us.
    assert answer[:1] in (b"", b"\2", b"\3", b"\7")
    a_good_scan_passes(port)
    assert spooled(own_disk) == [".dcm"]


@pytest.mark.parametrize("shape", AFTER)
def test_what_breaks_the_protocol_is_aborted(port: int, own_disk: Path, shape: str) -> None:
    def send() -> bytes:
        with associated(port) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(AFTER[shape])
            return rest_of(connection)

    answer = ended(send)

    # A-ABORT by the service provider (PS3.8 §9.3.8), or a connection that was closed under what was still coming.
    assert answer[:1] in (b"\7", b"")
    a_good_scan_passes(port)
    assert spooled(own_disk) == [".dcm"]


@pytest.mark.parametrize("shape", REFUSED)
def test_what_cannot_be_stored_is_never_success_and_leaves_nothing(
    either_port: int, own_disk: Path, data_path: str, shape: str
) -> None:
    sent, status = REFUSED[shape]
    with associated(either_port) as connection:
        connection.sendall(sent)
        if data_path != STOCK or shape not in UNANSWERED_BY_STOCK:
            assert struct.pack("<HHIH", 0, 0x0900, 2, status) in connection.recv(65536)
            connection.sendall(pdu(5, b"\0" * 4))
            assert connection.recv(10)[:1] == b"\6"

    assert spooled(own_disk) == []
    a_good_scan_passes(either_port)


def test_nothing_of_this_ends_the_other_way_in_or_leaves_something_there(
    stock_port: int, own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thread of pynetdicom may die of what it reads, with a word to the hook; what matters is what follows.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    for sent in BEFORE.values():
        with connect(stock_port) as connection, contextlib.suppress(OSError):
            connection.sendall(sent)
    for sent in (*AFTER.values(), *(REFUSED[shape][0] for shape in UNANSWERED_BY_STOCK)):
        with associated(stock_port) as connection, contextlib.suppress(OSError):
            connection.sendall(sent)

    a_good_scan_passes(stock_port)
    assert spooled(own_disk) == [".dcm"]


def test_a_sender_who_hangs_up_in_a_data_set_leaves_nothing(port: int, own_disk: Path) -> None:
    with associated(port) as connection:
        connection.sendall(stored(STORE, pdv(1, 0, b"x" * 60_000)))
        connection.sendall(pdu(7, b"\0" * 4))
        rest_of(connection)

    a_good_scan_passes(port)
    assert spooled(own_disk) == [".dcm"]


def test_a_request_may_come_byte_by_byte(port: int) -> None:
    with connect(port) as connection:
        for byte in request():
            connection.sendall(bytes((byte,)))
        assert connection.recv(1) == b"\2"


def test_a_data_set_may_come_in_fragments_of_any_size(port: int, own_disk: Path) -> None:
    dataset = slice_of()
    whole = encoded(dataset)
    body = whole[whole.index(struct.pack("<HH", 8, 8)) :] if b"\x08\x00\x08\x00" in whole else whole
    uid = str(dataset.SOPInstanceUID)
    pieces = [body[n : n + 7] for n in range(0, len(body), 7)]
    fragments = [pdv(1, 0, piece) for piece in pieces[:-1]] + [pdv(1, 2, pieces[-1])]
    with associated(port) as connection:
        connection.sendall(stored(pdv(1, 1, command(sop=uid)[:11]), pdv(1, 3, command(sop=uid)[11:])))
        connection.sendall(stored(*fragments))
        assert struct.pack("<HHIH", 0, 0x0900, 2, 0) in connection.recv(65536)

    (file,) = (own_disk / "spool").glob("*/*.dcm")
    assert file.read_bytes().endswith(body)


def test_those_who_say_nothing_meet_a_deadline(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_SECONDS", 0.2)
    with connect(port) as idle, connect(port) as slow:
        slow.sendall(request()[:20])
        assert (rest_of(idle), rest_of(slow)) == (b"", b"")


def test_a_slow_association_is_ended(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imaging.intake.dimse.wire.GRACE", 0.1)
    with associated(port) as connection:
        with contextlib.suppress(ConnectionError):
            for byte in STORE * 3:
                connection.sendall(bytes((byte,)))
                time.sleep(0.005)
        assert rest_of(connection)[:1] in (b"\7", b"")


def test_when_too_many_wait_the_oldest_goes(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "WAITING_PER_ADDRESS", 3)
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(connect(port)) for _ in range(4)]
        assert rest_of(waiting[0]) == b""
        a_good_scan_passes(port)


def test_one_address_has_only_so_many_associations(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "ASSOCIATIONS_PER_ADDRESS", 1)
    with associated(port), connect(port) as second:
        second.sendall(request())
        # Rejected transiently, by the presentation layer, local limit exceeded (PS3.8 Table 9-21).
        assert rest_of(second) == bytes((3, 0, 0, 0, 0, 4, 0, 2, 3, 2))
    patience = time.monotonic() + 10
    while time.monotonic() < patience:
        with connect(port) as third:
            third.sendall(request())
            if third.recv(1) == b"\2":
                return
        time.sleep(0.05)
    pytest.fail("the place of an association that ended was not free again")


def test_500_idle_and_slow_connections_cost_no_thread_and_a_scan_passes(port: int) -> None:
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        for number in range(500):
            connection = stack.enter_context(connect(port))
            if number % 2:
                connection.sendall(request()[: number % 60 + 1])
        time.sleep(0.2)
        assert threading.active_count() <= threads + 1
        a_good_scan_passes(port)


def test_our_answers_are_pdus_that_pynetdicom_reads(port: int) -> None:
    answer = as_pdu(1, b"\0\0")
    assert struct.unpack(">BxI", answer[:6]) == (4, len(answer) - 6)
    parsed: Any = A_ASSOCIATE_RQ()
    parsed.decode(request())
    assert str(parsed.to_primitive().calling_ae_title).strip() == "NORTH_CT"


def test_there_are_as_many_shapes_as_promised() -> None:
    assert len(BEFORE) + len(AFTER) + len(REFUSED) >= 70
