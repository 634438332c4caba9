"""The stores in an S3-compatible bucket, over HTTP, as `PARALLAX_S3_*` configures them.

What holds for files and buckets alike is in `test_storage`. The server checks no credentials.
"""

from __future__ import annotations

import copy
import hashlib
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.conf import LazySettings
from django.core.files import File

from compliance import jobs, storage
from compliance.buckets import BucketStorage
from compliance.models import Job
from imaging.models import Instance, ReceivedInstance, Transfer
from imaging.services import originals
from imaging.services.deidentifying import process_transfer
from imaging.services.receiving import index_spool
from tests.compliance import bucket
from tests.factories import AT, PLANTED, World, make_world, scan
from tests.imaging.services.delivery import by_scanner
from tests.support.installation import free_port

pytestmark = pytest.mark.requirement("REQ-STO-001")


def lies_in(address: str, name: str) -> dict[str, int]:
    """Keys in a bucket with their sizes."""
    found = bucket.client(address).list_objects_v2(Bucket=name).get("Contents", [])
    return {one["Key"]: one["Size"] for one in found}


def away(settings: LazySettings) -> dict[str, Any]:
    """The stores, at an address where nobody listens."""
    stores = copy.deepcopy(settings.STORAGES)
    for alias in ("quarantine", "archive", "exports"):
        stores[alias]["OPTIONS"]["endpoint_url"] = f"http://127.0.0.1:{free_port()}"
    return stores


def test_each_store_has_its_own_place_in_the_bucket(s3_address: str, own_bucket: str) -> None:
    for alias in (storage.QUARANTINE, storage.ARCHIVE, storage.EXPORTS):
        storage.put(alias, "a/b.bin", alias.encode())

    assert lies_in(s3_address, own_bucket) == {"quarantine/a/b.bin": 10, "archive/a/b.bin": 7, "exports/a/b.bin": 7}


@pytest.mark.parametrize("size", [0, 1, 6 << 20, 40 << 20])
def test_a_file_of_any_size_goes_from_its_path_and_back_with_flat_memory(
    s3_address: str, own_bucket: str, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)
    store = storage.of(storage.ARCHIVE)
    storage.put(storage.ARCHIVE, "warm.bin", b"the client is loaded")

    tracemalloc.start()
    with path.open("rb") as source:
        store.save("large.bin", File(source))
    _, on_the_way_in = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    digest = hashlib.sha256()
    with storage.open_file(storage.ARCHIVE, "large.bin") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    _, on_the_way_out = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert lies_in(s3_address, own_bucket)["archive/large.bin"] == size
    assert digest.hexdigest() == hashlib.sha256(path.read_bytes()).hexdigest()
    assert on_the_way_in < 8 << 20
    assert on_the_way_out < BucketStorage.in_memory + (8 << 20)


def test_a_server_that_does_not_know_the_condition_is_looked_at_first(
    own_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some answer 501 to a header that they do not know; others pass it over in silence."""
    write = BucketStorage._write

    def without(self: BucketStorage, name: str, content: File[Any], **condition: str) -> None:
        if condition:
            said = {"Error": {"Code": "NotImplemented"}, "ResponseMetadata": {"HTTPStatusCode": 501}}
            raise ClientError(said, "PutObject")
        write(self, name, content)

    monkeypatch.setattr(BucketStorage, "_write", without)
    storage.put(storage.ARCHIVE, "a.bin", b"pixels")
    with pytest.raises(storage.AlreadyStored):
        storage.put(storage.ARCHIVE, "a.bin", b"forged")

    assert storage.get(storage.ARCHIVE, "a.bin") == b"pixels"


def test_a_bucket_that_is_away_is_said_and_named_neither_missing_nor_stored(
    own_bucket: str, settings: LazySettings
) -> None:
    storage.put(storage.ARCHIVE, "a.bin", b"pixels")
    here, settings.STORAGES = settings.STORAGES, away(settings)

    for step in (
        lambda: storage.put(storage.ARCHIVE, "b.bin", b"pixels"),
        lambda: storage.get(storage.ARCHIVE, "a.bin"),
        lambda: storage.of(storage.ARCHIVE).exists("a.bin"),
    ):
        with pytest.raises(storage.StoreUnavailable, match="Nothing is lost; try again"):
            step()

    settings.STORAGES = here
    assert storage.get(storage.ARCHIVE, "a.bin") == b"pixels"
    assert not storage.of(storage.ARCHIVE).exists("b.bin")


def test_a_bucket_that_does_not_exist_is_unavailable_and_its_name_is_not_said(
    s3_address: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.STORAGES = bucket.stores_in("parallax-of-nobody", s3_address, monkeypatch)

    with pytest.raises(storage.StoreUnavailable):
        storage.put(storage.ARCHIVE, "a.bin", b"pixels")
    with pytest.raises(storage.StoreUnavailable):
        storage.get(storage.ARCHIVE, "a.bin")

    assert [record.getMessage() for record in caplog.records if record.name == "compliance.buckets"] == [
        "the bucket did not do what it was asked: NoSuchBucket"
    ] * 2


# --- from the spool to the archive --------------------------------------------------------------------------


@pytest.fixture
def world(db: None, own_disk: Path, own_bucket: str) -> World:
    """A running trial whose stores lie in a bucket; the spool and the keys are on this machine's disk."""
    return make_world()


def test_a_scan_goes_from_the_spool_through_quarantine_to_the_archive(
    world: World, own_disk: Path, own_bucket: str, s3_address: str
) -> None:
    files = scan("N-001", slices=3)
    by_scanner(world, files)

    rows = ReceivedInstance.objects.order_by("pk")
    assert [row.state for row in rows] == ["archived"] * 3
    assert sorted(originals.read(row, trial_code=world.trial.code) for row in rows) == sorted(files)
    for instance in Instance.objects.all():
        archived = storage.get(storage.ARCHIVE, instance.archive_key)
        assert (hashlib.sha256(archived).hexdigest(), len(archived)) == (instance.sha256, instance.size)
        assert [value for value in PLANTED.values() if value.encode() in archived] == []
    assert Counter(key.split("/")[0] for key in lies_in(s3_address, own_bucket)) == {"quarantine": 3, "archive": 3}
    assert sorted(path.name for path in own_disk.iterdir()) == ["keys", "spool"]
    assert list((own_disk / "spool").glob("*/*.dcm")) == []
    assert world.timepoint("N-001", "BL").qc_reviews.count() == 1


def test_a_scan_waits_in_the_spool_while_the_bucket_is_away(world: World, settings: LazySettings) -> None:
    here, settings.STORAGES = settings.STORAGES, away(settings)
    files = scan("N-001", slices=1)
    with pytest.raises(Transfer.DoesNotExist):
        by_scanner(world, files)
    assert not ReceivedInstance.objects.exists()

    settings.STORAGES = here
    assert index_spool(at=AT) == 1
    jobs.drain()
    assert ReceivedInstance.objects.get().state == "archived"


def test_a_scan_in_quarantine_waits_for_the_bucket_and_is_not_held(world: World, settings: LazySettings) -> None:
    transfer = by_scanner(world, scan("N-001", slices=1), work=False)
    here, settings.STORAGES = settings.STORAGES, away(settings)
    with pytest.raises(storage.StoreUnavailable):
        jobs.drain()
    assert ReceivedInstance.objects.get().state == "received"
    assert Job.objects.get().state == Job.State.QUEUED

    settings.STORAGES = here
    process_transfer(transfer_id=transfer.pk, at=AT)
    assert ReceivedInstance.objects.get().state == "archived"


def test_an_original_that_leaves_is_gone_from_the_bucket(
    world: World, own_bucket: str, s3_address: str, settings: LazySettings
) -> None:
    by_scanner(world, scan("N-001", slices=2))
    gone, kept = ReceivedInstance.objects.order_by("pk").values_list("quarantine_key", flat=True)
    here, settings.STORAGES = settings.STORAGES, away(settings)
    with pytest.raises(storage.StoreUnavailable):
        storage.remove(storage.QUARANTINE, [gone])

    settings.STORAGES = here
    for _ in range(2):
        storage.remove(storage.QUARANTINE, [gone])
    assert [key for key in lies_in(s3_address, own_bucket) if key.startswith("quarantine")] == [f"quarantine/{kept}"]
