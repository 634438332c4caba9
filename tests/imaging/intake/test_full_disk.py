"""The disk fills up at any byte of an instance, at each door: never a false success, nothing lost, nothing half, and it
goes on by itself when there is room again.

The disk is a real one (tests/support/disks.py). An instance takes 22 of its blocks; it runs full after 0, 1, 2 ... of
them, and when it has no entry for a file left. The reserve, which keeps doors from coming so far, is off, and its
question is passed over: somebody else filled the disk just after it was asked.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pydicom import dcmread
from pynetdicom import AE

from compliance import confined
from imaging.intake import dimse
from imaging.models import ReceivedInstance, WebUpload
from imaging.services import deidentifying, receiving, spool, unpacking
from tests.factories import AT, World, encoded, make_world, slice_of
from tests.imaging.intake.test_stow import REFERENCED, Archive, uids
from tests.imaging.intake.web import Browser, zipped
from tests.support.disks import BLOCK, SmallDisk, small_disk
from trials.services import connecting

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("REQ-INT-003")]

BLOCKS = 22
#: Blocks that are left when the instance comes; None: room, but no entry.
OFFSETS = [*range(BLOCKS), None]
SIDE = 208


def instance(number: int) -> bytes:
    """An instance of 22 blocks, whose pixels do not compress."""
    pixels = np.random.default_rng(number).integers(0, 4096, (SIDE, SIDE), "<u2")
    values = {"Rows": SIDE, "Columns": SIDE, "PixelData": pixels.tobytes(), "ClinicalTrialSubjectID": "N-001"}
    return encoded(slice_of(number, **values))


@pytest.fixture
def disk(tmp_path: Path, settings: LazySettings) -> Iterator[SmallDisk]:
    """The disk on which everything lies but the database."""
    with small_disk(tmp_path / "disk") as disk:
        settings.DATA_DIR = disk.root
        settings.SPOOL_DIR, settings.UPLOAD_DIR = disk.root / "spool", disk.root / "uploads"
        settings.KEYS_DIR = tmp_path / "keys"
        settings.SPOOL_RESERVE_BYTES = 0
        stores = copy.deepcopy(settings.STORAGES)
        for alias in ("quarantine", "archive", "exports"):
            stores[alias]["OPTIONS"]["location"] = str(disk.root / alias)
        settings.STORAGES = stores
        yield disk
        confined.end_all()


@pytest.fixture
def world(transactional_db: None, disk: SmallDisk) -> World:
    """The trial, committed, as the receiver's threads have connections of their own."""
    return make_world()


@pytest.fixture
def room_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """There was room when it was asked for, and then no more."""
    monkeypatch.setattr(spool, "require_space", lambda size=0: None)


def filled(disk: SmallDisk, blocks: int | None) -> contextlib.AbstractContextManager[None]:
    return disk.without_entries() if blocks is None else disk.with_room_for(blocks * BLOCK)


def files_of(disk: SmallDisk) -> dict[str, str]:
    """Every file of the spool, and of the stores, with its digest."""
    return {
        path.relative_to(disk.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("spool", "quarantine", "archive")
        for path in (disk.root / folder).rglob("*")
        if path.is_file() and path.name not in (".lock", spool.DELIVERY)
    }


# --- the doors: each says True for an acknowledged file, else what it answered ------------------------------

Send = Callable[[bytes], object]
Door = Callable[[World], contextlib.AbstractContextManager[Send]]


@contextlib.contextmanager
def by_c_store(world: World) -> Iterator[Send]:
    """A modality."""
    server = dimse.start("127.0.0.1", 0)

    def send(file: bytes) -> object:
        dataset = dcmread(io.BytesIO(file))
        modality = AE(ae_title="NORTH_CT")
        modality.add_requested_context(dataset.SOPClassUID, "1.2.840.10008.1.2.1")
        association = modality.associate(*server.server_address, ae_title="PARALLAX")
        status = association.send_c_store(dataset).Status
        association.release()
        return status or True

    try:
        yield send
    finally:
        server.shutdown()


@contextlib.contextmanager
def by_stow(world: World) -> Iterator[Send]:
    """A PACS."""
    _, secret = connecting.issue_token(site=world.north, label="PACS", actor=world.administrator, at=timezone.now())
    archive = Archive(secret, Client(enforce_csrf_checks=True))

    def send(file: bytes) -> object:
        answer = archive.store([file])
        return (answer.status_code != 200 and answer.status_code) or uids(answer, REFERENCED) != []

    yield send


@contextlib.contextmanager
def by_tus(world: World) -> Iterator[Send]:
    """A browser, which goes on where it was when it tries again."""
    browser, baseline = Browser(world.coordinator), world.timepoint("N-001", "BL")
    transfer = browser.begun(baseline)
    going: dict[bytes, str] = {}

    def send(file: bytes) -> object:
        if file not in going:
            created = browser.create(baseline, transfer, len(file))
            if created.status_code != 201:
                return created.status_code
            going[file] = created["Location"]
        offset = int(browser.offset(going[file])["Upload-Offset"])
        answer = browser.append(going[file], offset, file[offset:])
        return (answer.status_code != 204 and answer.status_code) or int(answer["Upload-Offset"]) == len(file)

    yield send


@contextlib.contextmanager
def by_command(world: World) -> Iterator[Send]:
    """Whoever has a disc; the exit code."""
    with tempfile.TemporaryDirectory() as folder:

        def send(file: bytes) -> object:
            Path(folder, "IM0001").write_bytes(file)
            try:
                call_command("import_dicom", folder, site="NORTH", stdout=io.StringIO(), stderr=io.StringIO())
            except SystemExit as end:
                return end.code or True
            return True

        yield send


#: Each door with its answer when the disk is full.
DOORS: dict[str, tuple[Door, int]] = {
    "C-STORE": (by_c_store, 0xA700),
    "STOW-RS": (by_stow, 507),
    "tus": (by_tus, 507),
    "import_dicom": (by_command, 3),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_door_whose_disk_fills_up_under_an_instance_says_so_and_goes_on(
    disk: SmallDisk, world: World, rung: list[bool], room_was_asked_for: None, door: str
) -> None:
    way, full = DOORS[door]
    with way(world) as send:
        assert send(instance(1)) is True
        for number, blocks in enumerate(OFFSETS, start=2):
            before = files_of(disk)
            with filled(disk, blocks):
                assert send(instance(number)) == full
                assert files_of(disk) == before
            assert send(instance(number)) is True
            assert len(files_of(disk)) == len(before) + 1
    receiving.index_spool(at=timezone.now())

    assert ReceivedInstance.objects.count() == len(OFFSETS) + 1
    assert [path for path in disk.root.glob("uploads/*") if path.stat().st_size] == []


@pytest.mark.parametrize("door", DOORS)
def test_a_door_refuses_before_its_disk_is_full(
    disk: SmallDisk, world: World, rung: list[bool], settings: LazySettings, door: str
) -> None:
    settings.SPOOL_RESERVE_BYTES = 8 << 20
    way, full = DOORS[door]
    with way(world) as send:
        assert send(instance(1)) is True
        before = files_of(disk)
        with disk.with_room_for((8 << 20) - BLOCK):
            assert send(instance(2)) == full
            assert files_of(disk) == before
        assert send(instance(2)) is True


def test_a_zip_that_finds_no_room_to_be_unpacked_waits(disk: SmallDisk, world: World, room_was_asked_for: None) -> None:
    browser, baseline = Browser(world.coordinator), world.timepoint("N-001", "BL")
    for number, blocks in enumerate(OFFSETS, start=1):
        packed = zipped({"1": instance(number)})
        assert browser.send(baseline, browser.begun(baseline), packed).status_code == 201
        upload = WebUpload.objects.latest("pk")
        before = files_of(disk)
        with filled(disk, blocks):
            with pytest.raises(OSError, match=r"No space|nearly full"):
                unpacking.unpack_upload(upload_id=upload.pk, at=AT)
            assert files_of(disk) == before
        unpacking.unpack_upload(upload_id=upload.pk, at=AT)
        assert len(files_of(disk)) == len(before) + 1

    assert ReceivedInstance.objects.count() == len(OFFSETS)
    assert set(WebUpload.objects.values_list("state", flat=True)) == {"kept"}
    assert list(disk.root.glob("uploads/*")) == []


def test_work_in_the_background_that_finds_no_room_is_done_later(disk: SmallDisk, world: World) -> None:
    origin = spool.Origin(door="dimse", site_id=world.north.pk, sender="NORTH_CT", delivery=uuid.uuid4())
    for number, blocks in enumerate(OFFSETS, start=1):
        receiving.receive_instance(instance(number), origin=origin, at=timezone.now())
        with filled(disk, blocks):
            receiving.index_spool(at=timezone.now())
            for received in ReceivedInstance.objects.filter(state="received"):
                with pytest.raises(OSError, match="No space"):
                    deidentifying.process_transfer(transfer_id=received.transfer_id, at=timezone.now())
            archived = ReceivedInstance.objects.filter(state="archived").count()
            assert len(list(disk.root.glob("archive/**/*.dcm"))) == archived == number - 1
            assert list(disk.root.glob("archive/**/.*")) == []
        receiving.index_spool(at=timezone.now())
        received = ReceivedInstance.objects.latest("pk")
        deidentifying.process_transfer(transfer_id=received.transfer_id, at=timezone.now())
        received.refresh_from_db()
        assert received.state == "archived"

    assert list(disk.root.glob("spool/*/*.dcm")) == []
