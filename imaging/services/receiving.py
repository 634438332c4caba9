"""Receiving: bytes and the record of their sender are durable before anybody hears success.

The spool is a folder of this machine. An instance is two files under our own identifier: `<id>.dcm`, the bytes,
and `<id>.json`, the record from which everything else can be rebuilt; the record appears last. Indexing moves
them to the quarantine store and the database, and may be killed and repeated anywhere.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError, transaction

from compliance import access, audit, jobs, storage
from compliance.faults import fault
from compliance.models import User
from compliance.transitions import advance
from imaging.models import ReceivedInstance, Transfer
from imaging.selectors import PROCESS
from imaging.states import TransferState
from trials.models import Site, Timepoint

log = logging.getLogger(__name__)

#: Instances indexed in one transaction.
BATCH = 50
#: Bytes without a record were never acknowledged; after this long they are removed.
ORPHAN_AGE = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent an instance: the door, the site, the sender's name there, and the delivery it is part of."""

    door: str
    site_id: int
    sender: str
    delivery: uuid.UUID
    user_id: int | None = None
    timepoint_id: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was made durable."""

    spool_id: uuid.UUID
    size: int
    file_sha256: str


def receive_instance(source: bytes | IO[bytes], *, origin: Origin, at: dt.datetime) -> Receipt:
    """Make one instance durable, as it came, with the record of its sender; the database is not needed.

    Returns when bytes, record and their directory are on the disk: only then may a door say success.

    Raises
    ------
    OSError
        The disk did not take it; nothing is acknowledged.
    """
    spool_id = uuid.uuid4()
    folder = _spool()
    body, record = folder / f"{spool_id}.dcm", folder / f"{spool_id}.json"
    digest, size = hashlib.sha256(), 0
    stream = BytesIO(source) if isinstance(source, bytes) else source
    try:
        with open(body, "xb") as file:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            _sync(file)
        fault("received.body")
        receipt = Receipt(spool_id, size, digest.hexdigest())
        known = {**asdict(origin), "received_at": at.isoformat(), "size": size, "file_sha256": receipt.file_sha256}
        partial = record.with_suffix(".part")
        with open(partial, "x", encoding="utf-8") as file:
            json.dump(known, file, default=str)
            _sync(file)
        partial.rename(record)
        storage.sync_directory(folder)
    except OSError:
        for leftover in (record, record.with_suffix(".part"), body):
            leftover.unlink(missing_ok=True)
        raise
    fault("received.record")
    return receipt


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _spool() -> Path:
    folder = Path(settings.SPOOL_DIR)
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        storage.sync_directory(folder.parent)
    return folder


def open_transfer(*, timepoint: Timepoint, actor: User, at: dt.datetime) -> Transfer:
    """Begin a coordinator's upload for a timepoint."""
    access.require(actor, "imaging.upload", timepoint)
    if why := timepoint.frozen_by():
        raise audit.RecordFrozen(f"No upload was begun, because {why}. Ask the trial administrator.")
    transfer = Transfer(
        site=timepoint.site,
        timepoint=timepoint,
        door=Transfer.Door.WEB,
        sender=actor.username,
        uploaded_by=actor,
        opened_at=at,
    )
    return audit.save(transfer, action="transfer.opened", actor=actor, at=at)


def close_transfer(*, transfer: Transfer, at: dt.datetime) -> Transfer:
    """Finish an upload; what came in is worked on meanwhile."""
    if transfer.state == TransferState.CLOSED:
        return transfer
    return advance(transfer, "close", actor=None, at=at, closed_at=at)


def index_spool(*, at: dt.datetime) -> int:
    """Bring every durable instance into the quarantine store and the database; return how many.

    One indexer of a machine works at a time; what arrives meanwhile is taken before it stops.
    """
    done = 0
    stuck: set[str] = set()
    with _alone() as mine:
        if not mine:
            return 0
        while batch := _oldest(stuck):
            by_delivery: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
            for path in batch:
                try:
                    known = json.loads(path.read_text(encoding="utf-8"))
                    by_delivery.setdefault(known["delivery"], []).append((path, known))
                except (ValueError, KeyError, TypeError):
                    stuck.add(path.name)
                    log.error("the record %s in the spool cannot be read; it and its bytes stay there", path.name)
            for delivery, entries in by_delivery.items():
                try:
                    done += _index(entries, at)
                except DatabaseError:
                    raise
                except Exception as problem:
                    stuck.update(path.name for path, _ in entries)
                    log.error("delivery %s stays in the spool: %s", delivery, type(problem).__name__)
        _remove_orphans(at)
    return done


def _oldest(stuck: Set[str]) -> list[Path]:
    """The next records to index; one that could not be indexed waits for the next sweep, behind no other."""
    waiting = [path for path in _spool().glob("*.json") if path.name not in stuck]
    return sorted(waiting, key=lambda path: path.stat().st_mtime_ns)[:BATCH]


@contextmanager
def _alone() -> Iterator[bool]:
    with open(_spool() / ".lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _index(entries: list[tuple[Path, dict[str, Any]]], at: dt.datetime) -> int:
    """Index instances of one delivery in one transaction, then free their place in the spool."""
    known_ids = set(
        ReceivedInstance.objects.filter(spool_id__in=[path.stem for path, _ in entries]).values_list(
            "spool_id", flat=True
        )
    )
    fresh = [(path, known) for path, known in entries if uuid.UUID(path.stem) not in known_ids]
    keys = {path: _to_quarantine(path, known) for path, known in fresh}
    fault("indexed.bytes")
    with transaction.atomic():
        for path, known in fresh:
            transfer = _transfer_of(known, at)
            received = ReceivedInstance(
                spool_id=uuid.UUID(path.stem),
                transfer=transfer,
                received_at=dt.datetime.fromisoformat(known["received_at"]),
                size=known["size"],
                file_sha256=known["file_sha256"],
                quarantine_key=keys[path],
                timepoint_id=known["timepoint_id"],
            )
            audit.save(received, action="receivedinstance.received", actor=transfer.uploaded_by, at=at)
            jobs.enqueue(PROCESS, str(transfer.pk), at=at, transfer_id=transfer.pk)
    fault("indexed.rows")
    for path, _ in entries:
        path.unlink(missing_ok=True)
        path.with_suffix(".dcm").unlink(missing_ok=True)
    return len(fresh)


def _to_quarantine(record: Path, known: dict[str, Any]) -> str:
    key = f"{known['delivery']}/{record.stem}.dcm"
    store = storage.of(storage.QUARANTINE)
    if not store.exists(key):
        with open(record.with_suffix(".dcm"), "rb") as body:
            store.save(key, File(body))
    return key


def _transfer_of(known: dict[str, Any], at: dt.datetime) -> Transfer:
    transfer = Transfer.objects.filter(public_id=known["delivery"]).select_related("uploaded_by").first()
    if transfer is None:
        transfer = Transfer(
            public_id=uuid.UUID(known["delivery"]),
            site=Site.objects.get(pk=known["site_id"]),
            door=known["door"],
            sender=known["sender"],
            opened_at=dt.datetime.fromisoformat(known["received_at"]),
        )
        audit.save(transfer, action="transfer.opened", actor=None, at=at)
    return transfer


def _remove_orphans(at: dt.datetime) -> None:
    """Remove bytes that never got a record, and records that never got bytes: neither was acknowledged."""
    oldest = (at - ORPHAN_AGE).timestamp()
    for path in _spool().iterdir():
        if path.name != ".lock" and path.stat().st_mtime < oldest and not path.with_suffix(".json").exists():
            path.unlink(missing_ok=True)
