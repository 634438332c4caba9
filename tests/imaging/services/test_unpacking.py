"""The job that unpacks a coordinator's ZIP: it may end anywhere and be repeated, and each instance is there once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from compliance import confined, jobs
from imaging.models import ReceivedInstance, RefusedFile, WebUpload
from imaging.selectors_recognised import recognised_in
from imaging.services import unpacking, uploading
from imaging.services.receiving import index_spool, open_transfer
from tests.factories import AT, World, scan
from tests.imaging.intake.web import zipped

SCAN = scan(None, slices=3)


@pytest.fixture
def upload(world: World) -> WebUpload:
    """A ZIP that was acknowledged: three instances and a letter."""
    return acknowledged(world, zipped({str(n): one for n, one in enumerate(SCAN)} | {"letter": b"Dear " * 100}))


def acknowledged(world: World, archive: bytes) -> WebUpload:
    actor = world.coordinator
    transfer = open_transfer(timepoint=world.timepoint("N-001", "BL"), actor=actor, at=AT)
    upload = uploading.create_upload(
        transfer=transfer, size=len(archive), sha256="", kind=WebUpload.Kind.ZIP, actor=actor, at=AT
    )
    uploading.append(upload=upload, offset=0, pieces=[archive], length=len(archive), actor=actor, at=AT)
    return upload


def states() -> dict[str, int]:
    return dict(Counter(ReceivedInstance.objects.values_list("state", flat=True)))


class Ended(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    "point", ["unpacked.begun", "unpacked.files", "unpacked.one", "unpacked.spool", "unpacked.rows"]
)
def test_a_job_that_ends_anywhere_is_repeated_and_each_instance_comes_once(
    own_disk: Path, upload: WebUpload, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def ends(at: str) -> None:
        if at == point:
            raise Ended

    with monkeypatch.context() as patched, pytest.raises(Ended):
        patched.setattr(unpacking, "fault", ends)
        unpacking.unpack_upload(upload_id=upload.pk, at=AT)
    jobs.drain()
    index_spool(at=AT)
    jobs.drain()

    assert states() == {"archived": 3}
    assert list(RefusedFile.objects.values_list("entry", "code")) == [(4, "not_dicom")]
    assert WebUpload.objects.get().state == "kept"
    assert list((own_disk / "uploads").iterdir()) == []


def test_a_delivery_is_not_settled_before_its_zip_is_unpacked(upload: WebUpload) -> None:
    assert not recognised_in(upload.transfer).settled
    jobs.drain()

    recognised = recognised_in(upload.transfer)
    assert recognised.settled
    assert [(one.count, one.entries) for one in recognised.refused] == [(1, [4])]


def test_while_the_disk_is_nearly_full_the_archive_waits(
    own_disk: Path, settings: LazySettings, upload: WebUpload
) -> None:
    room = settings.SPOOL_RESERVE_BYTES
    settings.SPOOL_RESERVE_BYTES = 1 << 60
    with pytest.raises(OSError, match="nearly full"):
        unpacking.unpack_upload(upload_id=upload.pk, at=AT)
    assert (states(), WebUpload.objects.get().state) == ({}, "unpacking")

    settings.SPOOL_RESERVE_BYTES = room
    jobs.drain()
    assert states() == {"archived": 3}


@pytest.mark.parametrize("problem", [confined.OverBudget("Too much."), confined.Failed("RuntimeError")], ids=repr)
def test_what_came_out_before_the_child_was_ended_is_taken(
    upload: WebUpload, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    call = confined.call

    def ended(function: str, archive: str, folder: str, reserve: int, **how: float) -> object:
        call(function, archive, folder, reserve, **how)
        Path(folder, "3").rename(Path(folder, "3.part"))
        raise problem

    with monkeypatch.context() as patched:
        patched.setattr(unpacking.confined, "call", ended)
        unpacking.unpack_upload(upload_id=upload.pk, at=AT)
    jobs.drain()

    assert states() == {"archived": 2}
    assert RefusedFile.objects.get().entry == 0


def test_an_archive_whose_reader_is_killed_again_and_again_waits_for_another_try(
    own_disk: Path, upload: WebUpload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*question: object, **how: float) -> object:
        raise confined.Killed("It ended.")

    with monkeypatch.context() as patched, pytest.raises(confined.Killed):
        patched.setattr(unpacking.confined, "call", killed)
        unpacking.unpack_upload(upload_id=upload.pk, at=AT)
    assert (WebUpload.objects.get().state, RefusedFile.objects.count()) == ("unpacking", 0)
    jobs.drain()

    assert states() == {"archived": 3}


def test_of_many_refusals_the_last_one_says_how_many_more_there_were(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MOST_REFUSALS", 3)
    acknowledged(world, zipped({str(n): b"no image" * 20 for n in range(10)}))
    jobs.drain()

    assert list(RefusedFile.objects.values_list("entry", "code")) == [(1, "not_dicom"), (2, "not_dicom"), (3, "more")]
    assert RefusedFile.objects.last().sentence.startswith("8 further files of the archive were not taken either")


def test_the_sweep_leaves_an_archive_that_waits_for_its_job_alone(upload: WebUpload) -> None:
    uploading.sweep(at=timezone.now() + dt.timedelta(days=30))
    jobs.drain()

    assert states() == {"archived": 3}
