"""The job that makes DICOM of an attachment: it may end anywhere and be repeated, and a person judges the result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from compliance import confined, jobs
from imaging.models import ImagingStudy, ReceivedInstance, RefusedFile, Transfer, WebUpload
from imaging.services import attaching, originals, receiving, uploading
from tests.factories import AT, World
from tests.factories.films import stream
from tests.imaging.dicom.attachments import SECRETS, jpeg, mp4, pdf, png, png_bomb
from tests.imaging.intake.web import Browser


@pytest.fixture
def send(world: World) -> Callable[..., WebUpload]:
    """Attach a file for the baseline as its coordinator's browser does; the job waits."""

    def attach(content: bytes, **more: str) -> WebUpload:
        browser, baseline = Browser(world.coordinator), world.timepoint("N-001", "BL")
        answer = browser.send(baseline, browser.begun(baseline), content, kind="attachment", **more)
        assert answer.status_code == 201
        return WebUpload.objects.latest("pk")

    return attach


def lying(disk: Path) -> list[Path]:
    return sorted((disk / "uploads").iterdir())


@pytest.mark.parametrize(
    ("content", "more", "modality", "reason", "sentence"),
    [
        (jpeg(), {"picture": "photograph"}, "XC", "pixel_review", "is a photograph"),
        (png(), {"picture": "capture"}, "OT", "pixel_review", "Text may be written into the pixels"),
        (pdf(), {}, "DOC", "cannot_deidentify", "is a document"),
        (stream(), {}, "XC", "pixel_review", "is a film"),
    ],
)
def test_an_attachment_waits_in_quarantine_for_a_person(
    own_disk: Path, send: Any, content: bytes, more: dict[str, str], modality: str, reason: str, sentence: str
) -> None:
    upload = send(content, **more)
    jobs.drain()

    upload.refresh_from_db()
    received = ReceivedInstance.objects.get()
    assert (upload.state, upload.kind, upload.sha256) == ("kept", "attachment", hashlib.sha256(content).hexdigest())
    assert (received.state, received.hold_reason, received.modality) == ("held", reason, modality)
    assert sentence in received.hold_sentence
    assert received.timepoint == upload.transfer.timepoint
    assert (lying(own_disk), ImagingStudy.objects.count()) == ([], 0)
    stored = originals.read(received, trial_code=upload.transfer.site.trial.code)
    assert [secret for secret in SECRETS if secret in stored] == []


def test_the_day_is_the_one_given_or_that_of_the_upload(own_disk: Path, send: Any) -> None:
    uploads = [send(jpeg(), date="2026-01-04"), send(png())]
    jobs.drain()
    dates = []
    for upload in uploads:
        received = ReceivedInstance.objects.get(transfer=upload.transfer)
        stored = originals.read(received, trial_code=upload.transfer.site.trial.code)
        dates.append(pydicom.dcmread(BytesIO(stored)).StudyDate)
    assert dates == ["20260104", f"{uploads[1].created_at:%Y%m%d}"]


@pytest.mark.parametrize("point", ["attached.wrapped", "attached.spool"])
def test_a_job_that_ends_in_the_middle_is_repeated_and_the_attachment_is_there_once(
    own_disk: Path, send: Any, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    upload = send(jpeg())

    class Ended(Exception):
        pass

    def ends(name: str) -> None:
        if name == point:
            raise Ended

    with monkeypatch.context() as patched, pytest.raises(Ended):
        patched.setattr(attaching, "fault", ends)
        attaching.attach_upload(upload_id=upload.pk, at=AT)
    attaching.attach_upload(upload_id=upload.pk, at=AT)
    receiving.index_spool(at=AT)

    assert ReceivedInstance.objects.count() == 1
    assert (WebUpload.objects.get().state, lying(own_disk)) == ("kept", [])


def test_an_attachment_whose_reader_is_killed_again_and_again_waits_for_another_try(
    send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = send(jpeg())

    def killed(*question: object, **how: float) -> object:
        raise confined.Killed("It ended.")

    with monkeypatch.context() as patched, pytest.raises(confined.Killed):
        patched.setattr(attaching.confined, "call", killed)
        attaching.attach_upload(upload_id=upload.pk, at=AT)
    attaching.attach_upload(upload_id=upload.pk, at=AT)

    assert (WebUpload.objects.get().state, ReceivedInstance.objects.count()) == ("kept", 1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"GIF89a" + bytes(100), "no_attachment"),
        (jpeg()[:900], "picture_damaged"),
        (png_bomb(60_000), "picture_damaged"),
        (png_bomb(10_000), "picture_too_large"),
        (mp4(profile=66), "movie_not_taken"),
        (mp4()[:-9], "movie_damaged"),
    ],
)
def test_what_cannot_be_attached_is_refused_on_the_deliverys_page(
    own_disk: Path, send: Any, content: bytes, code: str
) -> None:
    upload = send(content)
    jobs.drain()

    upload.refresh_from_db()
    refused = RefusedFile.objects.get()
    assert (upload.state, refused.code, refused.entry) == ("refused", code, 0)
    assert refused.sentence.endswith(".")
    assert (ReceivedInstance.objects.count(), lying(own_disk)) == (0, [])
    send(jpeg())
    jobs.drain()
    assert ReceivedInstance.objects.count() == 1


def test_an_attachment_is_not_asked_for_again(world: World, send: Any) -> None:
    content = jpeg()
    send(content, sha256=hashlib.sha256(content).hexdigest())
    jobs.drain()
    browser, baseline = Browser(world.coordinator), world.timepoint("N-001", "BL")
    (known,) = browser.known(baseline, browser.begun(baseline), content).json()["files"]
    assert known["state"] == "have"


@pytest.mark.parametrize("more", [{"picture": "selfie"}, {"date": "yesterday"}, {"kind": "letter"}])
def test_metadata_that_are_not_understood_are_refused(world: World, more: dict[str, str]) -> None:
    browser, baseline = Browser(world.coordinator), world.timepoint("N-001", "BL")
    answer = browser.send(baseline, browser.begun(baseline), jpeg(), **{"kind": "attachment", **more})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert not WebUpload.objects.exists()


def test_an_attachment_taken_back_before_it_is_whole_is_gone(world: World, own_disk: Path) -> None:
    transfer = receiving.open_transfer(timepoint=world.timepoint("N-001", "BL"), actor=world.coordinator, at=AT)
    upload = uploading.create_upload(
        transfer=transfer, size=9, sha256="", kind="attachment", actor=world.coordinator, at=AT
    )
    uploading.discard(upload=upload, at=AT)
    assert (lying(own_disk), Transfer.objects.get().instances.count()) == ([], 0)
