"""What was acknowledged survives: bytes and record first, index later, each once."""

from __future__ import annotations

import datetime as dt
import errno
import io
import json
import os
import uuid
from pathlib import Path

import pytest

from compliance import access, audit, storage
from compliance.models import AuditEvent, Job
from imaging.models import ReceivedInstance, Transfer
from imaging.services import receiving
from imaging.services.receiving import Origin, close_transfer, index_spool, open_transfer, receive_instance
from imaging.states import TransferState
from tests.factories import AT, World, scan

DELIVERY = uuid.UUID(int=7)


def from_scanner(site_id: int, delivery: uuid.UUID = DELIVERY) -> Origin:
    return Origin(door=Transfer.Door.DIMSE, site_id=site_id, sender="NORTH_CT", delivery=delivery)


def spool(disk: Path) -> list[str]:
    return sorted(p.suffix for p in (disk / "spool").iterdir() if p.name != ".lock")


# --- receiving ----------------------------------------------------------------------------------------------


def test_receiving_needs_no_database_and_leaves_bytes_and_record(own_disk: Path) -> None:
    receipt = receive_instance(b"any bytes", origin=from_scanner(1), at=AT)

    body = own_disk / "spool" / f"{receipt.spool_id}.dcm"
    record = json.loads(body.with_suffix(".json").read_text())
    assert body.read_bytes() == b"any bytes"
    # By sha256sum of coreutils.
    assert receipt.file_sha256 == "23914a83c3c7080988b4aab957e8c1abf4a281df9cc77c7e1d43d3e81f39e94e"
    assert receipt.size == 9
    assert record == {
        "door": "dimse",
        "site_id": 1,
        "sender": "NORTH_CT",
        "delivery": str(DELIVERY),
        "user_id": None,
        "timepoint_id": None,
        "received_at": AT.isoformat(),
        "size": 9,
        "file_sha256": receipt.file_sha256,
    }


def test_a_stream_is_received_like_bytes(own_disk: Path) -> None:
    as_bytes = receive_instance(b"x" * 3_000_000, origin=from_scanner(1), at=AT)
    as_stream = receive_instance(io.BytesIO(b"x" * 3_000_000), origin=from_scanner(1), at=AT)

    assert (as_stream.size, as_stream.file_sha256) == (as_bytes.size, as_bytes.file_sha256)


def test_bytes_and_record_are_synced_before_the_record_appears_and_the_folder_after(
    own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        steps.append("sync " + Path(os.readlink(f"/proc/self/fd/{handle}")).suffix)
        real_fsync(handle)

    def rename(path: Path, target: Path) -> Path:
        steps.append("rename " + target.suffix)
        return real_rename(path, target)

    receive_instance(b"warm up: the folder exists", origin=from_scanner(1), at=AT)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)

    receive_instance(b"bytes", origin=from_scanner(1), at=AT)

    assert steps == ["sync .dcm", "sync .part", "rename .json", "sync "]


def test_a_full_disk_is_no_receipt_and_leaves_nothing(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    receiving._spool()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        receive_instance(b"bytes", origin=from_scanner(1), at=AT)

    assert spool(own_disk) == []


def test_a_record_whose_folder_cannot_be_synced_is_withdrawn(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    receiving._spool()
    monkeypatch.setattr(storage, "sync_directory", broken)

    with pytest.raises(OSError, match="Input/output"):
        receive_instance(b"bytes", origin=from_scanner(1), at=AT)

    assert spool(own_disk) == []


# --- indexing -----------------------------------------------------------------------------------------------


def test_indexing_moves_the_spool_to_quarantine_rows_and_one_job(world: World, own_disk: Path) -> None:
    files = scan(slices=3)
    for file in files:
        receive_instance(file, origin=from_scanner(world.north.pk), at=AT)

    assert index_spool(at=AT) == 3

    transfer = Transfer.objects.get()
    assert (transfer.public_id, transfer.site, transfer.door, transfer.sender) == (
        DELIVERY,
        world.north,
        "dimse",
        "NORTH_CT",
    )
    rows = ReceivedInstance.objects.order_by("pk")
    assert sorted(storage.get(storage.QUARANTINE, row.quarantine_key) for row in rows) == sorted(files)
    assert list(Job.objects.values_list("kind", "key", "args")) == [
        ("imaging.process_transfer", str(transfer.pk), {"transfer_id": transfer.pk})
    ]
    assert spool(own_disk) == []
    for row in rows:
        assert audit.history(row).values_list("action", flat=True).get() == "receivedinstance.received"


def test_indexing_again_does_nothing(world: World) -> None:
    receive_instance(b"bytes", origin=from_scanner(world.north.pk), at=AT)
    index_spool(at=AT)
    events = AuditEvent.objects.count()

    assert index_spool(at=AT) == 0
    assert (ReceivedInstance.objects.count(), Job.objects.count(), AuditEvent.objects.count()) == (1, 1, events)


@pytest.mark.parametrize("point", ["indexed.bytes", "indexed.rows"])
def test_an_indexer_that_dies_is_followed_by_one_that_ends_its_work(
    world: World, own_disk: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    receive_instance(b"bytes", origin=from_scanner(world.north.pk), at=AT)

    class Died(BaseException):
        pass

    def die(here: str) -> None:
        if here == point:
            raise Died

    with monkeypatch.context() as dying:
        dying.setattr(receiving, "fault", die)
        with pytest.raises(Died):
            index_spool(at=AT)
    index_spool(at=AT)

    row = ReceivedInstance.objects.get()
    assert storage.get(storage.QUARANTINE, row.quarantine_key) == b"bytes"
    assert (Transfer.objects.count(), Job.objects.count(), spool(own_disk)) == (1, 1, [])


def test_quarantine_may_be_half_cleaned_when_the_indexer_dies(world: World, own_disk: Path) -> None:
    receipt = receive_instance(b"bytes", origin=from_scanner(world.north.pk), at=AT)
    kept = (own_disk / "spool" / f"{receipt.spool_id}.json").read_text()
    index_spool(at=AT)
    (own_disk / "spool" / f"{receipt.spool_id}.dcm").write_bytes(b"bytes")
    (own_disk / "spool" / f"{receipt.spool_id}.json").write_text(kept)

    assert index_spool(at=AT) == 0
    assert ReceivedInstance.objects.count() == 1
    assert spool(own_disk) == []


def test_one_delivery_that_cannot_be_indexed_does_not_hold_up_the_others(world: World, own_disk: Path) -> None:
    receive_instance(b"of a site that is gone", origin=from_scanner(999_999, uuid.UUID(int=1)), at=AT)
    receive_instance(b"good", origin=from_scanner(world.north.pk, uuid.UUID(int=2)), at=AT)

    index_spool(at=AT)

    assert ReceivedInstance.objects.count() == 1
    assert spool(own_disk) == [".dcm", ".json"]


def test_a_record_that_cannot_be_read_does_not_hold_up_the_others(world: World, own_disk: Path) -> None:
    receiving._spool()
    (own_disk / "spool" / f"{uuid.uuid4()}.json").write_text("{")
    receive_instance(b"good", origin=from_scanner(world.north.pk), at=AT)

    assert index_spool(at=AT) == 1
    assert spool(own_disk) == [".json"]


def test_bytes_without_a_record_are_removed_after_a_day_and_not_before(world: World, own_disk: Path) -> None:
    receiving._spool()
    orphan = own_disk / "spool" / f"{uuid.uuid4()}.dcm"
    orphan.write_bytes(b"never acknowledged")
    os.utime(orphan, (AT.timestamp(), AT.timestamp()))

    index_spool(at=AT + dt.timedelta(hours=23))
    assert orphan.exists()
    index_spool(at=AT + dt.timedelta(hours=25))
    assert not orphan.exists()


# --- the web door's transfers -------------------------------------------------------------------------------


def test_a_coordinators_upload_has_its_timepoint_and_its_sender(world: World) -> None:
    timepoint = world.timepoint("N-001", "BL")
    transfer = open_transfer(timepoint=timepoint, actor=world.coordinator, at=AT)
    origin = Origin(
        door=Transfer.Door.WEB,
        site_id=world.north.pk,
        sender=world.coordinator.username,
        delivery=transfer.public_id,
        user_id=world.coordinator.pk,
        timepoint_id=timepoint.pk,
    )
    receive_instance(b"bytes", origin=origin, at=AT)
    index_spool(at=AT)
    close_transfer(transfer=transfer, at=AT)
    close_transfer(transfer=transfer, at=AT)

    row = ReceivedInstance.objects.get()
    assert (row.transfer, row.timepoint, transfer.state) == (transfer, timepoint, TransferState.CLOSED)
    assert audit.history(row).get().actor == world.coordinator


def test_another_sites_coordinator_cannot_open_an_upload(world: World) -> None:
    with pytest.raises(access.AccessDenied):
        open_transfer(timepoint=world.timepoint("N-001", "BL"), actor=world.other_coordinator, at=AT)

    assert not Transfer.objects.exists()
