"""The database stops, or answers nobody, and the broker stops or forgets everything, while scans come through every
door: nobody hears a false success, nothing acknowledged is lost, and all of it recovers by itself.

Each door has one scan half-way in when the server goes, and one that begins while it is away. `make outage` does the
same with two minutes for each outage (PARALLAX_OUTAGE_SECONDS).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import redis
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from scripts.test_services import Server, postgres_programs, start_patiently
from tests.support import killing, senders
from tests.support.calls import answered
from tests.support.installation import MEMBERS, ROOT, Installation, installed
from tests.support.killing import DOORS, House, Round
from tests.support.senders import Answer, Web, stow
from tests.support.tools import requires_tool, tool

pytestmark = [requires_tool("initdb", "redis-server"), pytest.mark.requirement("REQ-INT-014")]

SECONDS = int(os.environ.get("PARALLAX_OUTAGE_SECONDS", "10"))
#: What hangs is noticed by time-outs, which the short version does not wait for.
IN_FULL = SECONDS >= 60
PATIENCE = 300
NO_DATABASE = (
    "CommandError: The database did not answer. What was taken is safe. Run the same command again for the rest."
)
TRY_AGAIN = (2, 3, 1)  # rejected-transient, by the provider (presentation): temporary congestion (PS3.8 Table 9-21)


@dataclass
class Place:
    """An installation with servers of its own."""

    house: House
    database: Server
    broker: Server

    @property
    def installation(self) -> Installation:
        """The installation."""
        return self.house.installation


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running installation on PostgreSQL and Redis that nobody else uses."""
    programs = postgres_programs()
    assert programs is not None
    socket.setdefaulttimeout(60)
    with ExitStack() as stack:
        # A crash of the server may not take what it has committed.
        database, broker = start_patiently(stack, programs, tool("redis-server"), durable=True)
        urls = {"PARALLAX_DATABASE_URL": database.url, "PARALLAX_BROKER_URL": broker.url}
        installation = stack.enter_context(installed(tmp_path_factory.mktemp("outage"), urls))
        yield Place(killing.open_house(installation, scans=80), database, broker)
    socket.setdefaulttimeout(None)
    # What pynetdicom leaves to the collector is collected here, where the warning of it is expected.
    gc.collect()


@dataclass
class Crowd:
    """Senders at every door: of each, one is half-way in when `stopped` is set, and one begins then."""

    house: House
    name: str
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    told: dict[str, list[int]] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    _half_way: threading.Barrier = field(default_factory=lambda: threading.Barrier(len(DOORS) + 1))
    _going: list[Future[None]] = field(default_factory=list)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Begin, and wait at the end until everything is acknowledged."""
        with ThreadPoolExecutor(2 * len(DOORS)) as pool:
            try:
                for door in DOORS:
                    self.rounds[door] = [self.house.scan(door, self.name) for _ in range(2)]
                    self._going += [pool.submit(self._before, door), pool.submit(self._meanwhile, door)]
                self._half_way.wait(PATIENCE)
                yield
            finally:
                self._half_way.abort()
                self.stopped.set()
            for one in self._going:
                one.result()

    def _before(self, door: str) -> None:
        one = self.rounds[door][0]

        def heard() -> None:
            if not self.stopped.is_set():
                self._half_way.wait(PATIENCE)
                self.stopped.wait(PATIENCE)

        DOORS[door].send(self.house.installation, one.scan, heard)

    def _meanwhile(self, door: str) -> None:
        self.stopped.wait(PATIENCE)
        DOORS[door].send(self.house.installation, self.rounds[door][1].scan, senders.nobody)

    def acknowledged(self, door: str) -> list[int]:
        """Return how many instances of the two scans of a door are acknowledged."""
        return [len(one.scan.acknowledged) for one in self.rounds[door]]


def eventually(true: Callable[[], bool]) -> bool:
    """Wait for something to become true."""
    patience = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < patience:
        time.sleep(0.2)
    return true()


def freeze(server: Server, number: signal.Signals) -> None:
    """Stop a server's processes where they are, or let them go on."""
    assert server.process is not None
    pids = [server.process.pid]
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == pids[0]:
                pids.append(int(entry.parent.name))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def outage(
    place: Place, name: str, go: Callable[[], None], come_back: Callable[[], None], *lasting: str
) -> Iterator[Crowd]:
    """Let a server go while scans come through every door, and come back after a while; all must recover then.

    No process of the `lasting` members of the family may end.
    The body runs while it is away. What was acknowledged until it came back is in the crowd's `told`.
    """
    crowd = Crowd(place.house, name)
    with crowd.sending():
        members = place.installation.processes(*lasting)
        go()
        try:
            crowd.stopped.set()
            until = time.monotonic() + SECONDS
            yield crowd
            time.sleep(max(until - time.monotonic(), 0))
            crowd.told = {door: crowd.acknowledged(door) for door in DOORS}
        finally:
            come_back()
    place.installation.wait_until_quiet(PATIENCE)
    assert [one.scan.waiting for rounds in crowd.rounds.values() for one in rounds if one.scan.waiting] == []
    assert killing.judge(place.installation, place.house.scans) == killing.Judgement()
    assert members <= place.installation.processes(*lasting)


# --- the database ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["crashes", "hangs"] if IN_FULL else ["crashes"])
def test_the_database_is_away(place: Place, tmp_path: Path, how: str) -> None:
    asking, server = Asking(place, tmp_path), place.database
    go, come_back = {
        "crashes": (partial(server.stop, signal.SIGQUIT), server.start),
        "hangs": (partial(freeze, server, signal.SIGSTOP), partial(freeze, server, signal.SIGCONT)),
    }[how]

    with outage(place, f"the database {how}", go, come_back, *MEMBERS) as crowd:
        if how == "crashes":
            # While it hangs, requests on connections from the time before wait for it.
            assert asking.web_answers() == dict.fromkeys(asking.requests, (503, "10", "unavailable"))
        assert asking.command() == (3, NO_DATABASE)
        assert asking.association() == TRY_AGAIN
        # Whoever is known already may go on: the spool needs no database.
        assert eventually(lambda: crowd.acknowledged("dicom")[0] == killing.SLICES)

    at_once = {"zip": [3, 0], "command": [3, 0]}
    assert crowd.told == {"dicom": [3, 0], "stow": [1, 0], "tus": [1, 0], "attachment": [1, 0]} | at_once


# --- the broker -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stopped", "emptied", "hung"] if IN_FULL else ["stopped", "emptied"])
def test_the_broker_is_away(place: Place, how: str) -> None:
    server = place.broker
    go, come_back = {
        "stopped": (server.stop, server.start),
        "hung": (partial(freeze, server, signal.SIGSTOP), partial(freeze, server, signal.SIGCONT)),
        "emptied": (partial(empty, server), partial(empty, server)),
    }[how]

    # Celery's worker may end when its broker does; the family starts it again. No door needs the broker.
    with outage(place, f"the broker was {how}", go, come_back, "web", "receiver") as crowd:
        assert eventually(lambda: {tuple(crowd.acknowledged(door)) for door in DOORS} == {(3, 3)})


def empty(broker: Server) -> None:
    """Let the broker forget everything."""
    with contextlib.closing(redis.Redis.from_url(broker.url)) as client:
        client.flushall()


# --- what is asked while the database is away -----------------------------------------------------------------


class Asking:
    """One of each kind of sender, with what it had from the time before, to be asked what it is told now."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.installation, self.folder = place.installation, folder
        self.one = place.house.scan("stow", "nobody sends it").scan
        place.house.rounds.pop()
        self.file = next(iter(self.one.files.values()))
        self.web = Web(self.installation.web_port)
        transfer = self.web.begin(self.one.timepoint_id)
        upload = self.web.create(self.one.timepoint_id, transfer, len(self.file)).headers["location"]
        content = "application/offset+octet-stream"
        self.requests: dict[str, Callable[[], Answer]] = {
            "a page": partial(self.web.request, "GET", "/"),
            "a monitor": partial(self.web.request, "GET", "/healthz"),
            "a delivery begins": partial(
                self.web.request, "POST", f"/imaging/timepoints/{self.one.timepoint_id}/transfers/"
            ),
            "an upload begins": partial(
                self.web.create, self.one.timepoint_id, transfer, len(self.file), self.file, Content_Type=content
            ),
            "an upload goes on": partial(self.web.append, upload, 0, self.file),
            "a delivery ends": partial(self.web.request, "POST", f"/imaging/transfers/{transfer}/finish/"),
            "a resource": partial(self.web.request, "GET", "/api/v1/"),
            "STOW-RS": partial(stow, self.installation.web_port, self.installation.tokens["NORTH"], [self.file]),
        }

    def web_answers(self) -> dict[str, tuple[int, str, str]]:
        """Status, `Retry-After` and code of each request."""
        answers = {name: ask() for name, ask in self.requests.items()}
        return {name: (one.status, one.headers.get("retry-after", ""), one.code) for name, one in answers.items()}

    def association(self) -> tuple[int, int, int]:
        """The A-ASSOCIATE-RJ that a scanner gets: result, source, reason."""
        modality = AE(ae_title="NORTH_CT")
        modality.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
        port = self.installation.dicom_port
        association = answered(lambda: modality.associate("127.0.0.1", port, ae_title="PARALLAX"))
        assert association.is_rejected
        answer = association.acceptor.primitive
        return answer.result, answer.result_source, answer.diagnostic

    def command(self) -> tuple[int, str]:
        """Exit code of the command, and what it says."""
        (self.folder / "IM0001").write_bytes(self.file)
        done = subprocess.run(
            [sys.executable, "manage.py", "import_dicom", str(self.folder), "--site", "NORTH"],
            cwd=ROOT,
            env=self.installation.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.returncode, done.stderr.strip()
