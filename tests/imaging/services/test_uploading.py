"""Resumable uploads beneath the door: identifiers that repeat, and the sweep after a crash."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

import pytest
from django.utils import timezone

from compliance import confined
from imaging.models import ReceivedInstance, RefusedFile, WebUpload
from imaging.services import receiving, spool, staging, uploading
from imaging.services.receiving import index_spool, open_transfer
from tests.factories import AT, World, encoded, slice_of

pytestmark = pytest.mark.requirement("REQ-INT-009")

GOOD = encoded(slice_of())
LATER = dt.timedelta(days=7, hours=1)


@pytest.fixture
def upload(world: World) -> WebUpload:
    """An upload of the coordinator's of which nothing has come yet."""
    return begun(world)


def begun(world: World) -> WebUpload:
    actor = world.coordinator
    transfer = open_transfer(timepoint=world.timepoint("N-001", "BL"), actor=actor, at=AT)
    return uploading.create_upload(
        transfer=transfer, size=len(GOOD), sha256="", kind=WebUpload.Kind.DICOM, actor=actor, at=AT
    )


def staged(upload: WebUpload, content: bytes) -> None:
    """Let bytes lie there as a process left them that then died."""
    staging.staged(upload).write_bytes(content)


def state(upload: WebUpload) -> str:
    return WebUpload.objects.get(pk=upload.pk).state


def test_the_spools_identifier_is_the_same_at_each_try_and_another_for_each_file(upload: WebUpload) -> None:
    names = [staging.spool_id_of(upload, entry) for entry in range(100)]

    assert names == [staging.spool_id_of(upload, entry) for entry in range(100)]
    assert len(set(names)) == 100
    assert {(name.version, name.variant) for name in names} == {(7, uuid.RFC_4122)}
    assert {name.int >> 80 for name in names} == {int(AT.timestamp() * 1000)}


def test_what_is_whole_is_taken_by_the_sweep(upload: WebUpload) -> None:
    staged(upload, GOOD)

    assert uploading.sweep(at=timezone.now()) == 0
    assert (state(upload), index_spool(at=AT)) == ("kept", 1)


def test_what_is_whole_and_bad_is_refused_by_the_sweep(upload: WebUpload) -> None:
    staged(upload, b"x" * len(GOOD))

    uploading.sweep(at=timezone.now())

    assert state(upload) == "refused"
    assert RefusedFile.objects.get().code == "not_dicom"


@pytest.mark.parametrize(
    "problem", [confined.Failed("RuntimeError"), OSError(5, "Input/output error")], ids=lambda one: type(one).__name__
)
def test_one_that_cannot_be_looked_at_waits_and_holds_up_no_other(
    world: World,
    upload: WebUpload,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    problem: Exception,
) -> None:
    other = begun(world)
    staged(upload, GOOD)
    staged(other, GOOD)
    call = confined.call

    def fails(function: str, path: str, **how: float) -> object:
        if upload.public_id.hex in path:
            raise problem
        return call(function, path, **how)

    with monkeypatch.context() as patched:
        patched.setattr(confined, "call", fails)
        uploading.sweep(at=timezone.now())

    assert (state(upload), state(other)) == ("receiving", "kept")
    assert f"upload {upload.pk} waits for the next sweep" in caplog.text
    uploading.sweep(at=timezone.now())
    assert state(upload) == "kept"


@pytest.mark.parametrize("indexed", [False, True])
def test_one_that_was_taken_when_its_process_died_is_known_to_be_kept(upload: WebUpload, indexed: bool) -> None:
    staged(upload, GOOD)
    spool.adopt(
        staging.staged(upload),
        origin=receiving.origin_of(upload.transfer),
        at=AT,
        spool_id=staging.spool_id_of(upload),
    )
    if indexed:
        index_spool(at=AT)

    assert uploading.durable_bytes(upload=upload, at=AT) == len(GOOD)
    assert state(upload) == "kept"
    index_spool(at=AT)
    assert ReceivedInstance.objects.count() == 1


def test_one_that_died_half_way_into_the_spool_is_over_and_nobody_was_told_otherwise(upload: WebUpload) -> None:
    staged(upload, GOOD)
    folder = spool.delivery_folder(receiving.origin_of(upload.transfer))
    staging.staged(upload).rename(folder / f"{staging.spool_id_of(upload).hex}.0.part")

    with pytest.raises(staging.UploadFinished):
        uploading.durable_bytes(upload=upload, at=AT)
    assert (state(upload), index_spool(at=AT)) == ("discarded", 0)


def test_files_without_a_row_are_removed_in_time_and_archives_that_wait_are_not(
    own_disk: Path, world: World, upload: WebUpload
) -> None:
    stray = own_disk / "uploads" / f"{uuid.uuid4().hex}.upload"
    stray.write_bytes(b"x")
    waiting = begun(world)
    WebUpload.objects.filter(pk=waiting.pk).update(state=WebUpload.State.UNPACKING)

    uploading.sweep(at=timezone.now())
    assert stray.exists()
    uploading.sweep(at=timezone.now() + LATER)
    assert [path.name for path in (own_disk / "uploads").iterdir()] == [staging.staged(waiting).name]
