"""Ending processes at named points while scans come in, and the look from outside at what became of the scans.

A round arms one point (`compliance.faults`), sends one scan, or attachments, through one door, and waits until a
process ended there. The sender goes on as one in the field does. Rounds of different points run side by side and
nobody waits until the processes have recovered: a kill meets whatever else is going on. Only in the end, when all is
quiet, `judge` looks at the database and the stores.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

from pydicom.dataset import Dataset

from compliance import vault
from imaging.deid.keys import SubjectKeys
from imaging.dicom.digests import dataset_digest
from tests.factories import SECRET, slice_of
from tests.support import senders
from tests.support.installation import Installation
from tests.support.originals import original
from tests.support.papers import papers, seen_in, seen_in_dicom
from tests.support.senders import Heard, Scan

VISIT_DAYS = {"BL": -5, "W8": 57, "W16": 113}
#: Instances of a scan; there are as many attachments.
SLICES = 3
#: A process that was told where to end must come there within so many seconds.
PATIENCE = 300
#: So many rounds of a point may end before a process came there; others are made instead of them.
SPARE = 3
#: Rounds at the same time.
SIDE_BY_SIDE = 12
#: Jobs that may wait when a round begins: the worker, which is ended all the time, must still come to each point.
BEHIND = 30

Send = Callable[[Installation, Scan, Heard], None]
pseudonym = SubjectKeys(SECRET, "-").uid

#: Where the worker may end, from the spool to the checked timepoint.
WORKER = (
    "indexed.bytes",
    "indexed.rows",
    "indexed.freed",
    "job.claimed",
    "reader.asked",
    "identified.rows",
    "archive.before",
    "archive.bytes",
    "archive.rows",
    "processed.batch",
    "checked.rows",
    "job.worked",
)
#: The last part of the way, which is an image's alone.
ARCHIVE = ("archive.before", "archive.bytes", "archive.rows", "checked.rows")
LANDING = ("received.opened", "received.body", "received.named", "received.record")


@dataclass(frozen=True)
class Door:
    """A way in: its sender, the points at which a process may end while a scan comes this way, and who may end.

    `at_once`: a scan is acknowledged as a whole, not instance by instance. `papers`: attachments come instead of scans.
    """

    name: str
    send: Send
    own: tuple[str, ...]
    members: tuple[str, ...]
    at_once: bool = False
    papers: bool = False

    @property
    def points(self) -> tuple[str, ...]:
        """All named points on the road of a scan through this door; an attachment's ends in quarantine."""
        return self.own + tuple(point for point in WORKER if not (self.papers and point in ARCHIVE))


DOORS = {
    "dicom": Door(
        "C-STORE",
        senders.by_c_store,
        (*LANDING, "received.answering", "received.acknowledged"),
        ("receiver", "worker"),
    ),
    "stow": Door(
        "STOW-RS", senders.by_stow, ("stow.piece", *LANDING, "stow.committed", "stow.answered"), ("web", "worker")
    ),
    "tus": Door(
        "web upload, loose files",
        senders.by_tus,
        (
            *("upload.staged", "upload.created", "upload.written", "upload.synced", "upload.whole"),
            *("received.named", "received.record", "upload.adopted", "upload.kept"),
        ),
        ("web", "worker"),
    ),
    "zip": Door(
        "web upload, ZIP",
        senders.by_zip,
        (
            *("upload.staged", "upload.created", "upload.written", "upload.synced", "upload.whole", "upload.queued"),
            *("unpacked.begun", "unpacked.files", "received.named", "unpacked.one", "unpacked.spool", "unpacked.rows"),
        ),
        ("web", "worker"),
        at_once=True,
    ),
    "command": Door(
        "import_dicom",
        senders.by_command,
        ("import.proven", *LANDING, "import.taken", "import.closed"),
        ("worker",),
        at_once=True,
    ),
    "attachment": Door(
        "web upload, attachments",
        senders.by_tus,
        (
            *("upload.staged", "upload.created", "upload.written", "upload.synced", "upload.whole", "upload.queued"),
            *("attached.wrapped", "received.named", "received.record", "attached.spool"),
        ),
        ("web", "worker"),
        papers=True,
    ),
}


@dataclass
class Round:
    """One scan, and the point at which a process should end meanwhile; whether one did."""

    door: str
    point: str
    scan: Scan
    killed: bool = False
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0


@dataclass
class House:
    """An installation whose processes may be told where to end, and the scans that were sent to it."""

    installation: Installation
    _unused: Iterator[tuple[str, int]]
    rounds: list[Round] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def scans(self) -> list[Scan]:
        """All scans so far."""
        return [one.scan for one in self.rounds]

    def scan(self, door: str, point: str) -> Round:
        """A scan for the next timepoint that has none, when the worker is not far behind; the house remembers it."""
        patience = time.monotonic() + PATIENCE
        while self._waiting_jobs() > BEHIND and time.monotonic() < patience:
            time.sleep(0.2)
        with self._lock:
            name, timepoint_id = next(self._unused)
            number = len(self.rounds) + 1
            subject, visit = name.split()
            scan = Scan(subject, visit, timepoint_id)
            if DOORS[door].papers:
                scan.attachments = papers(number)
            else:
                scan.instances = _slices(number, subject, visit)
            self.rounds.append(Round(door, point, scan))
            return self.rounds[-1]

    def _waiting_jobs(self) -> int:
        (row,) = self.installation.rows("SELECT COUNT(*) AS n FROM compliance_job WHERE state IN ('queued', 'running')")
        return int(row["n"])

    def arm(self, point: str) -> None:
        """Let the next process that comes to a point end there."""
        folder = self.installation.data_dir / "faults"
        folder.mkdir(exist_ok=True)
        (folder / point).touch()

    def fired(self, point: str) -> bool:
        """Wait until a process ended at a point, and forget it; false if none came there."""
        done = self.installation.data_dir / "faults" / f"{point}.done"
        patience = time.monotonic() + PATIENCE
        while not done.exists() and time.monotonic() < patience:
            time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            done.unlink()
            return True
        return False

    def end_at(self, door: str, point: str, repeat: int = 0) -> Round:
        """Send a scan while the next process to come to a point ends there."""
        one = self.scan(door, point)
        # Now the first instance meets the fault, now a later one, after some were acknowledged.
        after = 0 if DOORS[door].at_once else repeat % (SLICES - 1)

        def heard() -> None:
            if len(one.scan.acknowledged) == after:
                self.arm(point)

        heard()
        DOORS[door].send(self.installation, one.scan, heard)
        one.killed = self.fired(point)
        one.ended = time.monotonic()
        return one

    def end_all(self, door: str, points: Sequence[str], repeats: int = 1) -> None:
        """End a process at each of a door's points so many times, and each of its members at as many moments."""

        def at_point(point: str) -> None:
            ended = 0
            for repeat in range(repeats + SPARE):
                ended += self.end_at(door, point, repeat).killed
                if ended == repeats:
                    break

        def at_any_time(what: str) -> None:
            for repeat in range(repeats):
                self.end_any_time(door, what, repeat)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            going = [pool.submit(at_point, point) for point in points]
            going += [pool.submit(at_any_time, what) for what in DOORS[door].members]
            for one in going:
                one.result()

    def end_any_time(self, door: str, what: str, seed: object) -> Round:
        """Send a scan while a member of the family ends at a moment that nobody chose."""
        one = self.scan(door, what)
        moment = random.Random(f"{door} {what} {seed}").uniform(0, 3 if what == "worker" else 0.5)

        def end() -> None:
            time.sleep(moment)
            self.installation.kill(what)
            one.killed = True

        ending = threading.Thread(target=end)
        ending.start()
        DOORS[door].send(self.installation, one.scan, senders.nobody)
        ending.join()
        one.ended = time.monotonic()
        return one


def _slices(number: int, subject: str, visit: str) -> dict[str, Dataset]:
    slices = [
        slice_of(n, scan_number=number, day=VISIT_DAYS[visit], value=n, ClinicalTrialSubjectID=subject)
        for n in range(1, SLICES + 1)
    ]
    return {str(one.SOPInstanceUID): one for one in slices}


def open_house(installation: Installation, *, scans: int) -> House:
    """Prepare and start an installation with a timepoint for each of so many scans."""
    subjects = -(-scans // len(VISIT_DAYS))
    answer = installation.make_world(
        "from django.utils import timezone\n"
        "from trials.models import Timepoint\n"
        "from trials.services.connecting import issue_token\n"
        f"for number in range(1, {subjects} + 1):\n"
        "    world.enrol(world.north, f'K-{number:04d}')\n"
        "_, secret = issue_token(site=world.north, label='PACS', actor=world.administrator, at=timezone.now())\n"
        "known = Timepoint.objects.filter(subject__code__startswith='K-').order_by('subject__code', 'pk')\n"
        "places = [(f'{t.subject.code} {t.code}', t.pk) for t in known.select_related('subject')]\n"
        "answer = {'secret': secret, 'places': places}"
    )
    installation.tokens["NORTH"] = answer["secret"]
    # A web process that ends is not waited for: another serves meanwhile.
    installation.environment |= {"PARALLAX_FAULTS": "1", "PARALLAX_WEB_WORKERS": "2"}
    installation.start()
    return House(installation, ((name, pk) for name, pk in answer["places"]))


def readers(installation: Installation) -> list[int]:
    """Return the child processes that read foreign bytes (`compliance.confined`), the youngest first."""
    family = installation.processes()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in family and b"confined_child" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return sorted(found, reverse=True)


# --- the look from outside --------------------------------------------------------------------------------------


@dataclass
class Judgement:
    """What became of what was sent: names of what was lost, halved or doubled, and other complaints."""

    lost: set[str] = field(default_factory=set)
    halved: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.lost or self.halved or self.doubled or self.complaints)


def judge(installation: Installation, scans: Sequence[Scan]) -> Judgement:
    """Compare what the senders were told with the database and the stores, past the application, when all is quiet.

    What was not acknowledged may be there or not, but never half.
    """
    found = Judgement()
    rows = installation.rows(RECEIVED)
    made_here = {scan.timepoint_id for scan in scans if scan.attachments}
    attached = _by("timepoint_id", [row for row in rows if row["timepoint_id"] in made_here])
    received = _by("sop_uid_key", [row for row in rows if row["timepoint_id"] not in made_here])
    archived = _by("sop_instance_uid", installation.rows(_ARCHIVED))
    for scan in scans:
        if scan.attachments:
            _judge_attachments(installation, scan, attached.pop(scan.timepoint_id, []), found)
        for uid in scan.instances:
            rows, instances = received.pop(pseudonym(uid), []), archived.pop(pseudonym(uid), [])
            if uid in scan.acknowledged and not (rows and instances):
                found.lost.add(uid)
            elif instances and instances[0]["timepoint_id"] != scan.timepoint_id:
                found.complaints.append(f"{uid} lies at another timepoint")
            elif not all(_is_whole(installation, row, scan.files[uid]) for row in rows) or not all(
                _sha256(installation, f"archive/{one['archive_key']}") == one["sha256"] for one in instances
            ):
                found.halved.add(uid)
            elif not _is_single(rows, instances, scan.sent[uid]):
                found.doubled.add(uid)
    if received or archived:
        found.complaints.append(f"{len(received)} and {len(archived)} instances that nobody sent")
    found.complaints += [*_checked_once(installation, scans), *_nothing_else(installation)]
    return found


def _judge_attachments(
    installation: Installation, scan: Scan, rows: Sequence[dict[str, Any]], found: Judgement
) -> None:
    """Each attachment lies once in the quarantine, whole, and waits there for a person.

    Its sender sends a copy only if it was told that the first try is gone, so that there is never a second one.
    """
    there = Counter[bytes]()
    for row in rows:
        # A letter is held; what a photograph shows is settled on the page of pixels.
        if row["state"] != "held" or row["hold_reason"] not in ("cannot_deidentify", "pixel_review"):
            said = f"{row['state']} {row['hold_reason']}".strip()
            found.complaints.append(f"an attachment of {scan.subject} {scan.visit} is {said}")
        kept = _original(installation, row)
        there[b"" if kept is None else seen_in_dicom(BytesIO(kept))] += 1
    copies = {name: there.pop(seen_in(paper), 0) for name, paper in scan.attachments.items()}
    if there:
        # Nobody can tell which of them this is the half of.
        found.halved.update(copies)
        return
    found.lost.update(name for name, count in copies.items() if name in scan.acknowledged and not count)
    found.doubled.update(name for name, count in copies.items() if count > 1)


RECEIVED = (
    "SELECT id, sop_uid_key, state, hold_reason, file_sha256, dataset_sha256, quarantine_key, timepoint_id"
    " FROM imaging_receivedinstance"
)
_ARCHIVED = (
    "SELECT i.sop_instance_uid, i.archive_key, i.sha256, i.received_id, t.timepoint_id"
    " FROM imaging_instance i JOIN imaging_series s ON s.id = i.series_id"
    " JOIN imaging_imagingstudy t ON t.id = s.imaging_study_id"
)


def _by(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _sha256(installation: Installation, path: str) -> str:
    try:
        return hashlib.sha256((installation.data_dir / path).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _original(installation: Installation, row: dict[str, Any]) -> bytes | None:
    """What was received, if it lies in quarantine whole."""
    try:
        content = original(installation.data_dir, row["quarantine_key"])
    except (FileNotFoundError, vault.Damaged):
        return None
    return content if hashlib.sha256(content).hexdigest() == row["file_sha256"] else None


def _is_whole(installation: Installation, row: dict[str, Any], file: bytes) -> bool:
    """Tell whether a received instance lies in quarantine as it was sent; C-STORE gives it file meta of ours."""
    return _original(installation, row) is not None and row["dataset_sha256"] == dataset_digest(file)


def _is_single(rows: Sequence[dict[str, Any]], instances: Sequence[dict[str, Any]], sent: int) -> bool:
    """Tell whether an instance is in the archive once, and each copy that reached us is one row, known as a copy."""
    if not rows:
        return not instances
    states = Counter(row["state"] for row in rows)
    kept = [row["id"] for row in rows if row["state"] == "archived"]
    return (
        states == Counter({"archived": 1, "duplicate": len(rows) - 1})
        and len(rows) <= sent
        and kept == [one["received_id"] for one in instances]
    )


def _checked_once(installation: Installation, scans: Sequence[Scan]) -> Iterator[str]:
    """One round of QC for each content that was looked at, the last of them of all that came."""
    reviews = _by(
        "timepoint_id",
        installation.rows("SELECT timepoint_id, state, data_sha256 FROM imaging_qcreview ORDER BY round"),
    )
    measured = _by(
        "timepoint_id",
        installation.rows(
            "SELECT s.facts, t.timepoint_id FROM imaging_series s"
            " JOIN imaging_imagingstudy t ON t.id = s.imaging_study_id"
        ),
    )
    for scan in scans:
        rounds, series = reviews.get(scan.timepoint_id, []), measured.get(scan.timepoint_id, [])
        if scan.attachments:
            if rounds or series:
                yield f"attachments of {scan.subject} {scan.visit} were checked as images"
            continue
        if [row["state"] for row in rounds] != ["superseded"] * (len(rounds) - 1) + ["open"]:
            yield f"the QC of {scan.subject} {scan.visit} has rounds {[row['state'] for row in rounds]}"
        if len({row["data_sha256"] for row in rounds}) != len(rounds):
            yield f"the same content of {scan.subject} {scan.visit} was checked twice"
        counted = [_json(row["facts"]).get("n_instances") for row in series]
        if counted != [len(scan.instances)]:
            yield f"the check of {scan.subject} {scan.visit} saw {counted} instances"


def _nothing_else(installation: Installation) -> Iterator[str]:
    """Nothing lies in the stores without a row, every job is done, and each instance was archived by one event."""
    for store, sql in (
        ("archive", "SELECT archive_key AS key FROM imaging_instance"),
        ("quarantine", "SELECT quarantine_key AS key FROM imaging_receivedinstance"),
    ):
        root = installation.data_dir / store
        files = {path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")}
        lies, known = (
            {path.relative_to(root).as_posix() for path in files},
            [row["key"] for row in installation.rows(sql)],
        )
        if sorted(lies) != sorted(known):
            yield f"{len(lies)} files lie in the {store}, {len(known)} are known there"
    over = installation.rows("SELECT public_id FROM imaging_webupload WHERE state <> 'receiving'")
    staged = {path.stem for path in (installation.data_dir / "uploads").glob("*")}
    if left := staged & {UUID(str(row["public_id"])).hex for row in over}:
        yield f"{len(left)} uploads are over, and their bytes are still there"
    events = installation.rows("SELECT after FROM compliance_auditevent WHERE action = 'instance.archived'")
    told = [number for event in events for number, _ in _json(event["after"])["sop_instance_uid"]]
    if sorted(told) != sorted(row["id"] for row in installation.rows("SELECT id FROM imaging_instance")):
        yield "the audit trail tells of other instances than are archived"
    jobs = Counter(row["state"] for row in installation.rows("SELECT state FROM compliance_job"))
    if set(jobs) != {"done"}:
        yield f"jobs are {dict(jobs)}"
    refused = installation.rows("SELECT code FROM imaging_refusedfile")
    if refused:
        yield f"files were refused: {Counter(row['code'] for row in refused)}"


def _json(value: Any) -> Any:
    """A JSON column, which SQLite gives as text."""
    return json.loads(value) if isinstance(value, str) else value


def table(house: House, door: str, found: Judgement) -> list[str]:
    """What the rounds of a door came to, as lines of Markdown: a row for each point."""
    mine = [one for one in house.rounds if one.door == door]
    points: dict[str, list[Round]] = {}
    for one in mine:
        points.setdefault(one.point, []).append(one)
    lines = []
    for point, members in [*points.items(), ("**all**", mine)]:
        told = {uid for one in members for uid in one.scan.acknowledged}
        numbers = [
            *(len(members), sum(one.killed for one in members), len(told)),
            *(len(told & found.lost), len(told & found.halved), len(told & found.doubled)),
        ]
        lines.append(f"| {point} | " + " | ".join(str(number) for number in numbers) + " |")
    minutes = (max(one.ended for one in mine) - min(one.began for one in mine)) / 60
    again = sum(one.scan.sent.total() - len(one.scan.files) for one in mine)
    what = "attachments" if DOORS[door].papers else "instances"
    return [
        f"{len(mine)} rounds in {minutes:.0f} minutes; {again} {what} were sent again. "
        f"Other complaints: {'; '.join(found.complaints) or 'none'}.",
        "",
        "| point | rounds | killed | acknowledged | lost | halved | doubled |",
        "| --- | --: | --: | --: | --: | --: | --: |",
        *lines,
    ]
