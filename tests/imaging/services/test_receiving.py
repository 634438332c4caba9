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
from django.conf import LazySettings

from compliance import access, audit, storage
from compliance.models import AuditEvent, Job
from imaging.models import ReceivedInstance, Transfer
from imaging.services import originals, receiving, spool
from imaging.services.receiving import Origin, close_transfer, index_spool, open_transfer, receive_instance
from imaging.states import TransferState
from tests.factories import AT, World, scan

pytestmark = pytest.mark.requirement("REQ-INT-002")

DELIVERY = uuid.UUID(int=7)


def from_scanner(site_id: int, delivery: uuid.UUID = DELIVERY) -> Origin:
    return Origin(door=Transfer.Door.DIMSE, site_id=site_id, sender="NORTH_CT", delivery=delivery)


def spooled(disk: Path) -> list[str]:
    """Kinds of the files that lie in the spool, deliveries' records apart."""
    files = (path for path in (disk / "spool").glob("*/*") if path.name != spool.DELIVERY)
    return sorted(path.suffix for path in files)


# --- receiving ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-INT-001")
def test_receiving_needs_no_database_and_leaves_bytes_and_record(own_disk: Path) -> None:
    receipt = receive_instance(b"any bytes", origin=from_scanner(1), at=AT)

    # By sha256sum of coreutils.
    assert receipt.file_sha256 == "23914a83c3c7080988b4aab957e8c1abf4a281df9cc77c7e1d43d3e81f39e94e"
    assert receipt.size == 9
    folder = own_disk / "spool" / str(DELIVERY)
    assert (folder / f"{receipt.spool_id.hex}.9.{receipt.file_sha256}.dcm").read_bytes() == b"any bytes"
    assert json.loads((folder / "delivery.json").read_text()) == {
        "door": "dimse",
        "site_id": 1,
        "sender": "NORTH_CT",
        "delivery": str(DELIVERY),
        "user_id": None,
        "timepoint_id": None,
        "encrypted": False,
        "test": False,
    }


@pytest.mark.requirement("REQ-INT-004")
def test_the_record_says_who_what_and_when(own_disk: Path) -> None:
    receipt = receive_instance(b"any bytes", origin=from_scanner(1), at=AT)

    (folder,) = spool.deliveries()
    (entry,) = spool.entries(folder)
    assert spool.origin_of(folder) == from_scanner(1)
    assert (entry.spool_id, entry.size, entry.file_sha256) == (receipt.spool_id, 9, receipt.file_sha256)
    assert entry.received_at == AT.replace(microsecond=AT.microsecond // 1000 * 1000)
    # RFC 9562 §5.7 and §4.1.
    assert (receipt.spool_id.version, receipt.spool_id.variant) == (7, uuid.RFC_4122)


@pytest.mark.requirement("REQ-INT-001")
def test_a_stream_is_received_like_bytes(own_disk: Path) -> None:
    as_bytes = receive_instance(b"x" * 3_000_000, origin=from_scanner(1), at=AT)
    as_stream = receive_instance(io.BytesIO(b"x" * 3_000_000), origin=from_scanner(1), at=AT)

    assert (as_stream.size, as_stream.file_sha256) == (as_bytes.size, as_bytes.file_sha256)


def test_a_whole_file_is_adopted_by_its_name_alone(own_disk: Path) -> None:
    staged = own_disk / "staged"
    staged.write_bytes(b"any bytes")
    place = staged.stat().st_ino

    receipt = spool.adopt(staged, origin=from_scanner(1), at=AT)

    (entry,) = spool.entries(own_disk / "spool" / str(DELIVERY))
    assert entry.path.stat().st_ino == place
    assert (entry.spool_id, entry.size, entry.file_sha256) == (receipt.spool_id, 9, receipt.file_sha256)
    assert not staged.exists()


@pytest.mark.requirement("REQ-INT-001")
def test_bytes_and_name_are_synced_before_success(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(handle: int) -> None:
        steps.append("sync " + (Path(os.readlink(f"/proc/self/fd/{handle}")).suffix or "folder"))
        real_fsync(handle)

    def rename(path: Path, target: Path) -> None:
        steps.append("rename " + target.suffix)
        real_rename(path, target)

    receive_instance(b"warm up: the folder exists", origin=from_scanner(1), at=AT)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)

    receive_instance(b"bytes", origin=from_scanner(1), at=AT)

    assert steps == ["rename .dcm", "sync .dcm", "sync folder"]


@pytest.mark.requirement("REQ-INT-003")
def test_a_full_disk_is_no_receipt_and_leaves_nothing(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    receive_instance(b"warm up: the folder exists", origin=from_scanner(1), at=AT)
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        receive_instance(b"bytes", origin=from_scanner(1), at=AT)

    assert spooled(own_disk) == [".dcm"]


@pytest.mark.requirement("REQ-INT-003")
def test_a_door_refuses_before_the_disk_is_full_and_again_takes_when_there_is_room(
    own_disk: Path, settings: LazySettings
) -> None:
    settings.SPOOL_RESERVE_BYTES = 1 << 60
    with pytest.raises(spool.OutOfSpace):
        receive_instance(b"bytes", origin=from_scanner(1), at=AT)
    assert spooled(own_disk) == []

    settings.SPOOL_RESERVE_BYTES = 0
    receive_instance(b"bytes", origin=from_scanner(1), at=AT)
    assert spooled(own_disk) == [".dcm"]


@pytest.mark.requirement("REQ-INT-001")
def test_a_name_whose_folder_cannot_be_synced_is_withdrawn(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    receive_instance(b"warm up: the folder exists", origin=from_scanner(1), at=AT)
    monkeypatch.setattr(storage, "sync_directory", broken)

    with pytest.raises(OSError, match="Input/output"):
        receive_instance(b"bytes", origin=from_scanner(1), at=AT)

    assert spooled(own_disk) == [".dcm"]


@pytest.mark.requirement("REQ-INT-001")
def test_a_sender_who_hangs_up_leaves_nothing(own_disk: Path) -> None:
    with spool.Landing(from_scanner(1), at=AT) as landing:
        landing.write(b"half an ima")

    assert spooled(own_disk) == []


def test_a_folder_that_was_tidied_away_is_made_again_with_its_record(world: World, own_disk: Path) -> None:
    receive_instance(b"one", origin=from_scanner(world.north.pk), at=AT)
    index_spool(at=AT)
    folder = own_disk / "spool" / str(DELIVERY)
    spool.tidy(folder, before=dt.datetime.now(dt.UTC) + dt.timedelta(days=2))
    assert not folder.exists()

    receive_instance(b"two", origin=from_scanner(world.north.pk), at=AT)

    assert index_spool(at=AT) == 1


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
    assert sorted(originals.read(row, trial_code=world.trial.code) for row in rows) == sorted(files)
    assert list(Job.objects.values_list("kind", "key", "args")) == [
        (
            "imaging.process_transfer",
            f"{transfer.pk}:{rows[0].pk}",
            {"transfer_id": transfer.pk, "first": rows[0].pk, "last": rows[2].pk},
        )
    ]
    assert spooled(own_disk) == []
    event = audit.history(transfer).get(action="receivedinstance.received")
    assert event.after["spool_id"] == [[row.pk, str(row.spool_id)] for row in rows]


def test_workers_share_a_large_delivery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "BATCH", 2)
    for number in range(5):
        receive_instance(b"bytes %d" % number, origin=from_scanner(world.north.pk), at=AT)

    index_spool(at=AT)

    spans = [(job.args["first"], job.args["last"]) for job in Job.objects.order_by("pk")]
    numbers = list(ReceivedInstance.objects.order_by("pk").values_list("pk", flat=True))
    assert spans == [(numbers[0], numbers[1]), (numbers[2], numbers[3]), (numbers[4], numbers[4])]


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
    assert originals.read(row, trial_code=world.trial.code) == b"bytes"
    assert (Transfer.objects.count(), Job.objects.count(), spooled(own_disk)) == (1, 1, [])


def test_the_spool_may_be_half_cleaned_when_the_indexer_dies(world: World, own_disk: Path) -> None:
    receipt = receive_instance(b"bytes", origin=from_scanner(world.north.pk), at=AT)
    index_spool(at=AT)
    body = own_disk / "spool" / str(DELIVERY) / f"{receipt.spool_id.hex}.5.{receipt.file_sha256}.dcm"
    body.write_bytes(b"bytes")

    assert index_spool(at=AT) == 0
    assert ReceivedInstance.objects.count() == 1
    assert spooled(own_disk) == []


def test_one_delivery_that_cannot_be_indexed_does_not_hold_up_the_others(world: World, own_disk: Path) -> None:
    receive_instance(b"of a site that is gone", origin=from_scanner(999_999, uuid.UUID(int=1)), at=AT)
    receive_instance(b"good", origin=from_scanner(world.north.pk, uuid.UUID(int=2)), at=AT)

    index_spool(at=AT)

    assert ReceivedInstance.objects.count() == 1
    assert spooled(own_disk) == [".dcm"]


def test_bytes_that_are_not_what_was_received_stay_and_hold_up_no_other(world: World, own_disk: Path) -> None:
    receipt = receive_instance(b"bytes", origin=from_scanner(world.north.pk), at=AT)
    body = own_disk / "spool" / str(DELIVERY) / f"{receipt.spool_id.hex}.5.{receipt.file_sha256}.dcm"
    body.write_bytes(b"BYTES")
    receive_instance(b"good", origin=from_scanner(world.north.pk), at=AT)

    assert index_spool(at=AT) == 1
    assert ReceivedInstance.objects.get().size == 4
    assert (spooled(own_disk), body.read_bytes()) == ([".dcm"], b"BYTES")


def test_a_delivery_whose_record_cannot_be_read_does_not_hold_up_the_others(world: World, own_disk: Path) -> None:
    receive_instance(b"whose?", origin=from_scanner(world.north.pk, uuid.UUID(int=1)), at=AT)
    (own_disk / "spool" / str(uuid.UUID(int=1)) / "delivery.json").write_text("{")
    receive_instance(b"good", origin=from_scanner(world.north.pk), at=AT)

    assert index_spool(at=AT) == 1
    assert spooled(own_disk) == [".dcm"]


def test_bytes_that_were_never_acknowledged_are_removed_after_a_day_and_not_before(
    world: World, own_disk: Path
) -> None:
    receive_instance(b"good", origin=from_scanner(world.north.pk), at=AT)
    orphan = own_disk / "spool" / str(DELIVERY) / f"{uuid.uuid4().hex}.00000000.part"
    orphan.write_bytes(b"never acknowledged")
    os.utime(orphan, (AT.timestamp(), AT.timestamp()))

    index_spool(at=AT + dt.timedelta(hours=23))
    assert orphan.exists()
    index_spool(at=AT + dt.timedelta(hours=25))
    assert not orphan.exists()


# --- the web door's transfers -------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-INT-004")
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
    assert audit.history(transfer).get(action="receivedinstance.received").actor == world.coordinator


def test_another_sites_coordinator_cannot_open_an_upload(world: World) -> None:
    with pytest.raises(access.AccessDenied):
        open_transfer(timepoint=world.timepoint("N-001", "BL"), actor=world.other_coordinator, at=AT)

    assert not Transfer.objects.exists()
