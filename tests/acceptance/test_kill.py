"""Any process ends by SIGKILL anywhere on the road, while scans come through every door; what was acknowledged
arrives once.

Each door gets a scan for each point of its road (`tests.support.killing`). The last test looks at what became of all
scans, from outside, in the database and the stores. `make kill` does the same with 20 repeats
(PARALLAX_KILL_REPEATS) and writes what it found into docs/intake-faults.md (PARALLAX_KILL_TABLE).
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import fault_tables, killing, senders
from tests.support.installation import Installation
from tests.support.killing import DOORS, House, Round
from tests.support.senders import Web

pytestmark = pytest.mark.requirement("REQ-INT-002")

REPEATS = int(os.environ.get("PARALLAX_KILL_REPEATS", "1"))
TABLE = os.environ.get("PARALLAX_KILL_TABLE")
#: What may become of instances and attachments, and a question to the database that shows all of them so.
HARM: dict[str, Callable[[str], str]] = {
    "lost": lambda known: f"{known} WHERE 1 = 0",
    "halved": lambda known: known.replace("file_sha256", "'of other bytes' AS file_sha256"),
    "doubled": lambda known: f"{known} UNION ALL {known}",
}
#: Senders of rounds that have no point.
MORE = 25


def points_of(door: str) -> Sequence[str]:
    """The points of a door's road; in the short version the doors share those of the worker among them."""
    if REPEATS > 1:
        return DOORS[door].points
    return DOORS[door].own + killing.WORKER[list(DOORS).index(door) :: len(DOORS)]


@pytest.fixture(scope="module")
def house(installation: Installation) -> Iterator[House]:
    """An installation whose processes may be told where to end."""
    scans = sum(
        len(points_of(name)) * (REPEATS + killing.SPARE) + len(door.members) * REPEATS for name, door in DOORS.items()
    )
    socket.setdefaulttimeout(60)
    yield killing.open_house(installation, scans=scans + MORE)
    socket.setdefaulttimeout(None)
    # What pynetdicom leaves to the collector is collected here, where the warning of it is expected.
    gc.collect()


@pytest.mark.parametrize("door", DOORS)
def test_a_process_ends_at_each_point_of_a_doors_road(house: House, door: str) -> None:
    assert len(DOORS[door].points) >= 15

    house.end_all(door, points_of(door), REPEATS)

    ended = Counter(one.point for one in house.rounds if one.door == door and one.killed)
    assert {point: ended[point] for point in points_of(door)} == dict.fromkeys(points_of(door), REPEATS)


def test_the_web_server_ends_in_the_middle_of_a_file(house: House) -> None:
    one = house.scan("tus", "in the middle of a piece")
    scan = one.scan
    web = Web(house.installation.web_port)
    file = next(iter(scan.files.values()))
    transfer = web.begin(scan.timepoint_id)
    address = web.create(scan.timepoint_id, transfer, len(file)).headers["location"]
    head = web.head("PATCH", address, len(file), Upload_Offset="0", Content_Type="application/offset+octet-stream")
    with socket.create_connection(("127.0.0.1", house.installation.web_port)) as half:
        half.sendall(head + file[: len(file) // 2])
        time.sleep(0.3)
        house.installation.kill("web")
        with contextlib.suppress(ConnectionError):
            assert half.recv(1) == b""

    senders.by_tus(house.installation, scan)
    one.killed, one.ended = True, time.monotonic()


def test_the_power_fails(house: House) -> None:
    for _ in range(REPEATS):
        one = house.scan("dicom", "everything at once")

        def cut(one: Round = one) -> None:
            if len(one.scan.acknowledged) == 1:
                house.installation.cut_power()
                house.installation.start()
                one.killed = True

        senders.by_c_store(house.installation, one.scan, cut)
        one.ended = time.monotonic()


def test_at_last_everything_acknowledged_arrived_once(house: House) -> None:
    house.installation.wait_until_open()
    house.installation.wait_until_quiet(timeout=1200)

    found = killing.judge(house.installation, house.scans)

    if TABLE:
        for door in dict.fromkeys(one.door for one in house.rounds):
            fault_tables.write(Path(TABLE), f"kills: {door}", killing.table(house, door, found))
    assert [scan.waiting for scan in house.scans if scan.waiting] == []
    assert found == killing.Judgement()


@pytest.mark.parametrize("what", HARM)
def test_the_look_from_outside_sees_what_is(house: House, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(killing, "RECEIVED", HARM[what](killing.RECEIVED))

    found = killing.judge(house.installation, house.scans)

    everything = {name for scan in house.scans for name in scan.files}
    assert {key: names for key in HARM if (names := getattr(found, key))} == {what: everything}
