"""Worker, receiver and web process end by SIGKILL anywhere on the road; what was acknowledged arrives once.

Each test sends a scan by C-STORE or by the web door, and again what was not acknowledged, as a modality or a
browser does, and does not wait until the processes have recovered. The last ones look at what became of all scans,
from outside, in the database and the stores.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import random
import socket
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from io import BytesIO
from typing import Any

import pytest
from pydicom import FileDataset
from pydicom.uid import CTImageStorage
from pynetdicom import AE, evt

from config.demo.doors import Browser
from imaging.deid.keys import SubjectKeys
from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.factories.world import PASSWORD, REFERENCE, SECRET
from tests.support.installation import MEMBERS, Installation
from trials.schedule import date_of

# pynetdicom leaves the socket of a refused connection to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning")

SUBJECTS = 9
VISIT_DAYS = {"BL": -5, "W8": 57, "W16": 113}
GRID = Grid(rows=64, slices=10)
#: A sender gives up after this many seconds.
PATIENCE = 120
pseudonym = SubjectKeys(SECRET, "-").uid


@dataclass
class Scan:
    """One scan of a subject at a visit, with the sender's notes of what became of it."""

    subject: str
    visit: str
    timepoint_id: int
    instances: dict[str, FileDataset]
    sent: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)

    @property
    def waiting(self) -> list[str]:
        """UIDs of what still has to be sent."""
        return [uid for uid in self.instances if uid not in self.acknowledged]

    def file(self, uid: str) -> bytes:
        """An instance as a file."""
        buffer = BytesIO()
        self.instances[uid].save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()


@dataclass
class House:
    """The installation, its subjects, and the two senders."""

    installation: Installation
    timepoints: dict[str, int]
    unused: Iterator[tuple[int, str]]
    scans: list[Scan] = field(default_factory=list)

    def scan(self) -> Scan:
        """A scan for the next timepoint that has none; the house remembers it."""
        number, visit = next(self.unused)
        code = f"K-{number:03d}"
        instances = ct_series(
            PhantomSubject.with_scenario(number, "shrinking", timepoints=len(VISIT_DAYS)),
            list(VISIT_DAYS).index(visit),
            study_date=date_of(VISIT_DAYS[visit], REFERENCE),
            identity=planted_identity(number),
            trial={"ClinicalTrialSubjectID": code},
            grid=GRID,
        )
        by_uid = {str(one.SOPInstanceUID): one for one in instances}
        self.scans.append(Scan(code, visit, self.timepoints[f"{code} {visit}"], by_uid))
        return self.scans[-1]

    def arm(self, point: str) -> None:
        """Let the next process that comes to a point end there."""
        wish = self.installation.data_dir / "fault"
        wish.with_suffix(".part").write_text(point)
        wish.with_suffix(".part").rename(wish)

    def fired(self) -> bool:
        """Wait until a process ended at the point, and forget it; false if none came there."""
        done = self.installation.data_dir / "fault.done"
        patience = time.monotonic() + PATIENCE
        while not done.exists() and time.monotonic() < patience:
            time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            done.unlink()
            return True
        return False

    def by_dicom(self, scan: Scan, after_three: Callable[[], object] = lambda: None) -> None:
        """Send as a modality: one association after the other until everything is acknowledged."""
        modality = AE(ae_title="NORTH_CT")
        modality.add_requested_context(CTImageStorage, "1.2.840.10008.1.2.1")
        for _ in self._patiently(scan):
            association = modality.associate(
                "127.0.0.1", self.installation.dicom_port, ae_title="PARALLAX", evt_handlers=[_no_answer_comes]
            )
            for uid in scan.waiting:
                if not association.is_established:
                    break
                scan.sent[uid] += 1
                if association.send_c_store(scan.instances[uid]).get("Status") != 0x0000:
                    association.abort()
                    break
                self._acknowledged(scan, uid, after_three)
            else:
                association.release()

    def by_web(self, scan: Scan, after_three: Callable[[], object] = lambda: None) -> None:
        """Send as a coordinator's browser: file by file into one upload, trying again what failed."""
        transfer = ""
        for _ in self._patiently(scan):
            try:
                browser = self.browser()
                transfer = transfer or browser.begin(scan.timepoint_id)
                for uid in scan.waiting:
                    scan.sent[uid] += 1
                    browser.send(scan.timepoint_id, transfer, scan.file(uid))
                    self._acknowledged(scan, uid, after_three)
                browser.finish(transfer)
            except (OSError, HTTPException, urllib.error.URLError):
                continue

    def browser(self) -> Browser:
        """A coordinator who just signed in."""
        return Browser(self.installation.address, "site-coordinator", PASSWORD)

    @staticmethod
    def _acknowledged(scan: Scan, uid: str, after_three: Callable[[], object]) -> None:
        scan.acknowledged.add(uid)
        if len(scan.acknowledged) == 3:
            after_three()

    @staticmethod
    def _patiently(scan: Scan) -> Iterator[None]:
        patience = time.monotonic() + PATIENCE
        while scan.waiting:
            assert time.monotonic() < patience, f"{len(scan.waiting)} instances were never acknowledged"
            yield
            time.sleep(0.2)


#: pynetdicom would wait for its whole timeout for the answer of a peer that is gone.
_no_answer_comes = (evt.EVT_CONN_CLOSE, lambda event: event.assoc.dimse.msg_queue.put((None, None)))


@pytest.fixture(scope="module")
def house(installation: Installation) -> Iterator[House]:
    """An installation whose processes may be told where to end."""
    timepoints = installation.make_world(
        f"for number in range(1, {SUBJECTS} + 1):\n"
        "    world.enrol(world.north, f'K-{number:03d}')\n"
        "from trials.models import Timepoint\n"
        "answer = {f'{t.subject.code} {t.code}': t.pk for t in Timepoint.objects.all()}"
    )
    installation.start(PARALLAX_FAULTS="1")
    socket.setdefaulttimeout(30)
    yield House(installation, timepoints, itertools.product(range(1, SUBJECTS + 1), VISIT_DAYS))
    socket.setdefaulttimeout(None)


def arrived_once(installation: Installation, scan: Scan) -> None:
    """Look at everything that a scan left behind, when all is quiet."""
    received, archived = _received(installation), _archived(installation)
    for uid in scan.instances:
        mine, (instance, *more) = received[pseudonym(uid)], archived[pseudonym(uid)]
        assert more == []
        # Each copy that reached us is one row, and there are no more than the sender sent.
        assert Counter(row["state"] for row in mine) == Counter({"archived": 1, "duplicate": len(mine) - 1})
        assert 1 <= len(mine) <= scan.sent[uid]
        assert [row["id"] for row in mine if row["state"] == "archived"] == [instance["received_id"]]
        assert instance["timepoint_id"] == scan.timepoint_id
        assert _sha256(installation, f"archive/{instance['archive_key']}") == instance["sha256"]
        for row in mine:
            assert _sha256(installation, f"quarantine/{row['quarantine_key']}") == row["file_sha256"]
    _checked_once(installation, scan)


def _checked_once(installation: Installation, scan: Scan) -> None:
    """One round of QC for each content that was looked at, the last of them of all that came."""
    rounds = [
        row
        for row in installation.rows("SELECT timepoint_id, state, data_sha256 FROM imaging_qcreview ORDER BY round")
        if row["timepoint_id"] == scan.timepoint_id
    ]
    assert [row["state"] for row in rounds] == ["superseded"] * (len(rounds) - 1) + ["open"]
    assert len({row["data_sha256"] for row in rounds}) == len(rounds)
    (facts,) = (
        json.loads(row["facts"]) if isinstance(row["facts"], str) else row["facts"]
        for row in installation.rows(
            "SELECT s.facts, t.timepoint_id FROM imaging_series s"
            " JOIN imaging_imagingstudy t ON t.id = s.imaging_study_id"
        )
        if row["timepoint_id"] == scan.timepoint_id
    )
    assert facts["n_instances"] == len(scan.instances)


def _received(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    return _by(
        "sop_uid_key",
        installation.rows("SELECT id, sop_uid_key, state, file_sha256, quarantine_key FROM imaging_receivedinstance"),
    )


def _archived(installation: Installation) -> dict[str, list[dict[str, Any]]]:
    return _by(
        "sop_instance_uid",
        installation.rows(
            "SELECT i.sop_instance_uid, i.archive_key, i.sha256, i.received_id, t.timepoint_id"
            " FROM imaging_instance i JOIN imaging_series s ON s.id = i.series_id"
            " JOIN imaging_imagingstudy t ON t.id = s.imaging_study_id"
        ),
    )


def _by(name: str, rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _sha256(installation: Installation, path: str) -> str:
    return hashlib.sha256((installation.data_dir / path).read_bytes()).hexdigest()


@pytest.mark.parametrize("point", ["received.body", "received.record", "received.acknowledged"])
def test_the_receiver_ends_while_it_takes_a_scan(house: House, point: str) -> None:
    scan = house.scan()
    house.arm(point)

    house.by_dicom(scan)

    assert house.fired()
    # Success was said and the record was durable, but the answer did not get through: one copy more, known.
    resent = sum(scan.sent.values()) - len(scan.instances)
    assert resent == {"received.body": 1, "received.record": 1, "received.acknowledged": 0}[point]


@pytest.mark.parametrize(
    "point",
    [
        "indexed.bytes",
        "indexed.rows",
        "job.claimed",
        "archive.before",
        "archive.bytes",
        "archive.rows",
        "processed.batch",
        "checked.rows",
        "job.worked",
    ],
)
def test_the_worker_ends_while_it_works_on_a_scan(house: House, point: str) -> None:
    scan = house.scan()
    house.arm(point)

    house.by_dicom(scan)

    assert house.fired()
    assert set(scan.sent.values()) == {1}


@pytest.mark.parametrize("point", ["upload.whole", "received.record"])
def test_the_web_process_ends_while_it_keeps_a_file(house: House, point: str) -> None:
    scan = house.scan()
    house.arm(point)

    house.by_web(scan)

    assert house.fired()


def test_the_web_server_ends_in_the_middle_of_a_file(house: House) -> None:
    scan = house.scan()
    browser = house.browser()
    transfer = browser.begin(scan.timepoint_id)
    file = scan.file(scan.waiting[0])
    cookies = {cookie.name: cookie.value for cookie in browser.cookies}
    head = "\r\n".join(
        [
            f"POST /imaging/timepoints/{scan.timepoint_id}/uploads/ HTTP/1.1",
            f"Host: 127.0.0.1:{house.installation.web_port}",
            "Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()),
            f"X-CSRFToken: {cookies['csrftoken']}",
            "Tus-Resumable: 1.0.0",
            f"Upload-Length: {len(file)}",
            f"Upload-Metadata: transfer {base64.b64encode(transfer.encode()).decode()}",
            "Content-Type: application/offset+octet-stream",
            f"Content-Length: {len(file)}",
            "\r\n",
        ]
    )
    with socket.create_connection(("127.0.0.1", house.installation.web_port)) as half:
        half.sendall(head.encode() + file[: len(file) // 2])
        time.sleep(0.3)
        house.installation.kill("web")
        with contextlib.suppress(ConnectionError):
            assert half.recv(1) == b""

    house.by_web(scan)


@pytest.mark.parametrize(("member", "door"), [("receiver", "by_dicom"), ("web", "by_web"), ("worker", "by_web")])
def test_a_member_ends_right_after_an_acknowledgement(house: House, member: str, door: str) -> None:
    scan = house.scan()

    getattr(house, door)(scan, after_three=lambda: house.installation.kill(member))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_ends_at_any_moment(house: House, member: str, seed: int) -> None:
    scan = house.scan()
    chance = random.Random(f"{member} {seed}")
    moment = chance.uniform(0, 3 if member == "worker" else 0.5)
    end = threading.Timer(moment, house.installation.kill, [member])
    end.start()

    (house.by_web if member == "web" else house.by_dicom)(scan)
    end.join()


def test_the_power_fails(house: House) -> None:
    scan = house.scan()

    def cut() -> None:
        house.installation.cut_power()
        house.installation.start(PARALLAX_FAULTS="1")

    house.by_dicom(scan, after_three=cut)


@pytest.fixture
def rest(house: House) -> Installation:
    """The installation when everybody is back and nothing is left to do."""
    house.installation.wait_until_open()
    house.installation.wait_until_quiet()
    return house.installation


def test_at_last_everything_acknowledged_arrived_once(house: House, rest: Installation) -> None:
    assert sum(len(scan.waiting) for scan in house.scans) == 0
    for scan in house.scans:
        arrived_once(rest, scan)
    assert {job["state"] for job in rest.rows("SELECT state FROM compliance_job")} == {"done"}


def test_nothing_else_lies_in_the_stores_and_nothing_was_done_twice(rest: Installation) -> None:
    for store, rows in (
        ("archive", "SELECT archive_key AS key FROM imaging_instance"),
        ("quarantine", "SELECT quarantine_key AS key FROM imaging_receivedinstance"),
    ):
        root = rest.data_dir / store
        files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")]
        assert sorted(path.relative_to(root).as_posix() for path in files) == sorted(
            row["key"] for row in rest.rows(rows)
        )
    events = rest.rows("SELECT after FROM compliance_auditevent WHERE action = 'instance.archived'")
    known = [json.loads(event["after"]) if isinstance(event["after"], str) else event["after"] for event in events]
    archived = [number for event in known for number, _ in event["sop_instance_uid"]]
    assert sorted(archived) == sorted(row["id"] for row in rest.rows("SELECT id FROM imaging_instance"))
