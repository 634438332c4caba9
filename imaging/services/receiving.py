"""Receiving: bytes and the record of their sender are durable in the spool before anybody hears success.

Indexing follows: it brings what lies in the spool under lock into the quarantine store and writes the rows of a
batch, with the job that will work on them, in one transaction. It may be killed and repeated anywhere: a file without
a row is found by the next sweep, and a row is written only when its file lies in the store.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from django.db import DatabaseError, transaction

from compliance import access, audit, jobs
from compliance.faults import fault
from compliance.models import User
from compliance.transitions import advance
from imaging.models import ReceivedInstance, Transfer
from imaging.selectors import PROCESS
from imaging.services import originals, spool
from imaging.services.consenting import require_consent
from imaging.services.spool import Entry, Origin, OutOfSpace, Receipt, receive_instance
from imaging.states import TransferState
from trials.models import Site, Timepoint

__all__ = ["Origin", "OutOfSpace", "Receipt", "close_transfer", "index_spool", "open_transfer", "receive_instance"]

log = logging.getLogger(__name__)

#: Instances indexed in one transaction, and worked on as one job: the workers share a large delivery.
BATCH = 64
#: Bytes that never got their name were never acknowledged; after this long they are removed.
ORPHAN_AGE = dt.timedelta(hours=24)


def open_transfer(*, timepoint: Timepoint, actor: User, at: dt.datetime) -> Transfer:
    """Begin a coordinator's upload for a timepoint."""
    access.require(actor, "imaging.upload", timepoint)
    require_consent(timepoint.subject)
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


def origin_of(transfer: Transfer) -> Origin:
    """Return who sends into a delivery that was opened."""
    return Origin(
        door=transfer.door,
        site_id=transfer.site_id,
        sender=transfer.sender,
        delivery=transfer.public_id,
        user_id=transfer.uploaded_by_id,
        timepoint_id=transfer.timepoint_id,
    )


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
    stuck: set[Path] = set()
    with _alone() as mine:
        if not mine:
            return 0
        while indexed := sum(_index_delivery(folder, stuck, at) for folder in spool.deliveries()):
            done += indexed
        for folder in spool.deliveries():
            spool.tidy(folder, before=at - ORPHAN_AGE)
    return done


@contextmanager
def _alone() -> Iterator[bool]:
    with open(spool.root() / ".lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _index_delivery(folder: Path, stuck: set[Path], at: dt.datetime) -> int:
    """Index what waits of one delivery; what cannot be indexed stays for the next sweep, and holds up no other."""
    waiting = iter([entry for entry in spool.entries(folder) if entry.path not in stuck])
    done = 0
    while batch := list(islice(waiting, BATCH)):
        try:
            done += _index(batch, spool.origin_of(folder), stuck, at)
        except DatabaseError:
            raise
        except Exception as problem:
            stuck.update(entry.path for entry in batch)
            log.error("delivery %s stays in the spool: %s", folder.name, type(problem).__name__)
    return done


def _index(batch: Sequence[Entry], origin: Origin, stuck: set[Path], at: dt.datetime) -> int:
    """Index instances of one delivery in one transaction, then free their place in the spool."""
    ids = [entry.spool_id for entry in batch]
    known = set(ReceivedInstance.objects.filter(spool_id__in=ids).values_list("spool_id", flat=True))
    fresh = [entry for entry in batch if entry.spool_id not in known]
    if damaged := [entry for entry in fresh if not entry.is_whole()]:
        log.error("%s instances in the spool are not what was received; they stay there", len(damaged))
        stuck.update(entry.path for entry in damaged)
        fresh = [entry for entry in fresh if entry not in damaged]
    keys = {entry: f"{origin.delivery}/{entry.spool_id.hex}.dcm" for entry in fresh}
    if fresh:
        trial_code = Site.objects.values_list("trial__code", flat=True).get(pk=origin.site_id)
        originals.keep({keys[entry]: entry.path for entry in fresh}, trial_code=trial_code)
    fault("indexed.bytes")
    if fresh:
        with transaction.atomic():
            _write_rows(fresh, keys, _transfer_of(origin, fresh[0].received_at, at), origin, at)
    fault("indexed.rows")
    for entry in batch:
        if entry.path not in stuck:
            entry.path.unlink(missing_ok=True)
            fault("indexed.freed")
    return len(fresh)


def _write_rows(
    fresh: Sequence[Entry], keys: dict[Entry, str], transfer: Transfer, origin: Origin, at: dt.datetime
) -> None:
    rows = [
        ReceivedInstance(
            spool_id=entry.spool_id,
            transfer=transfer,
            received_at=entry.received_at,
            size=entry.size,
            file_sha256=entry.file_sha256,
            quarantine_key=keys[entry],
            timepoint_id=origin.timepoint_id,
        )
        for entry in fresh
    ]
    audit.save_batch(
        rows, action="receivedinstance.received", about=transfer, actor=transfer.uploaded_by, at=at, of="spool_id"
    )
    numbers = [row.pk for row in rows]
    first, last = min(numbers), max(numbers)
    jobs.enqueue(PROCESS, f"{transfer.pk}:{first}", at=at, transfer_id=transfer.pk, first=first, last=last)


def _transfer_of(origin: Origin, opened_at: dt.datetime, at: dt.datetime) -> Transfer:
    transfer = Transfer.objects.filter(public_id=origin.delivery).select_related("uploaded_by", "site").first()
    if transfer is None:
        transfer = Transfer(
            public_id=origin.delivery,
            site=Site.objects.get(pk=origin.site_id),
            timepoint_id=origin.timepoint_id,
            door=origin.door,
            sender=origin.sender,
            uploaded_by_id=origin.user_id,
            opened_at=opened_at,
        )
        audit.save(transfer, action="transfer.opened", actor=transfer.uploaded_by, at=at)
    return transfer
