"""The resumable upload, sentence by sentence of the contract in `imaging.intake.tus`."""

from __future__ import annotations

import base64
import datetime as dt
import errno
import fcntl
import hashlib
import io
import os
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from django.utils.http import parse_http_date
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from compliance import jobs
from imaging.deid.patients import digest_of
from imaging.intake import tus
from imaging.models import ReceivedInstance, Transfer, WebUpload
from imaging.services import staging, uploading
from imaging.services.receiving import index_spool
from tests.factories import AT, World, encoded, scan, slice_of
from tests.imaging.intake.web import JSON, OCTETS, PIECE, Browser, metadata, stored, zipped
from tests.imaging.services.delivery import by_scanner
from trials.models import Timepoint

pytestmark = pytest.mark.requirement("REQ-INT-009")

GOOD = encoded(slice_of())
SIZE = len(GOOD)
HALF = SIZE // 2
SHA256 = hashlib.sha256(GOOD).hexdigest()


@pytest.fixture
def upload(browser: Browser, baseline: Timepoint, transfer: uuid.UUID) -> str:
    """The address of an upload of which nothing has come yet."""
    return str(browser.create(baseline, transfer, SIZE, sha256=SHA256)["Location"])


def checksum(content: bytes) -> str:
    """`Upload-Checksum` of a piece."""
    return f"sha256 {base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def said(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


def kept(own_disk: Path) -> list[bytes]:
    """What lies in the spool."""
    return [path.read_bytes() for path in (own_disk / "spool").glob("*/*.dcm")]


# --- creation, pieces, offsets ------------------------------------------------------------------------------


def test_a_file_comes_in_pieces_and_the_last_one_acknowledges_it(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    created = browser.create(baseline, transfer, SIZE)
    assert (created.status_code, created["Upload-Offset"], created["Tus-Resumable"]) == (201, "0", "1.0.0")

    first = browser.append(created["Location"], 0, GOOD[:HALF])
    assert (first.status_code, first["Upload-Offset"], kept(own_disk)) == (204, str(HALF), [])
    asked = browser.offset(created["Location"])
    assert (asked.status_code, asked["Upload-Offset"], asked["Upload-Length"]) == (200, str(HALF), str(SIZE))
    assert asked["Cache-Control"] == "no-store"

    last = browser.append(created["Location"], HALF, GOOD[HALF:])
    assert (last.status_code, last["Upload-Offset"], kept(own_disk)) == (204, str(SIZE), [GOOD])
    assert browser.offset(created["Location"])["Upload-Offset"] == str(SIZE)
    assert list((own_disk / "uploads").iterdir()) == []


def test_the_first_bytes_may_come_with_the_creation(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    created = browser.create(baseline, transfer, SIZE, GOOD[:HALF])
    assert (created.status_code, created["Upload-Offset"]) == (201, str(HALF))

    assert browser.append(created["Location"], HALF, GOOD[HALF:]).status_code == 204
    assert kept(own_disk) == [GOOD]


def test_it_says_when_an_upload_expires(browser: Browser, baseline: Timepoint, transfer: uuid.UUID) -> None:
    created = browser.create(baseline, transfer, SIZE)
    appended = browser.append(created["Location"], 0, GOOD[:HALF])

    in_a_week = (timezone.now() + dt.timedelta(days=7)).timestamp()
    for answer in (created, appended):
        assert abs(parse_http_date(answer["Upload-Expires"]) - in_a_week) < 60


def test_it_says_what_it_can(browser: Browser, baseline: Timepoint, upload: str) -> None:
    for address in (f"/imaging/timepoints/{baseline.pk}/uploads/", upload):
        answer = browser.client.options(address)
        assert answer.status_code == 204
        assert {name: answer[name] for name in answer.headers if name.startswith("Tus-")} == {
            "Tus-Resumable": "1.0.0",
            "Tus-Version": "1.0.0",
            "Tus-Extension": "creation,creation-with-upload,termination,expiration,checksum",
            "Tus-Max-Size": str(4 * 1024**3),
            "Tus-Checksum-Algorithm": "sha256",
        }


def test_a_piece_that_breaks_off_is_kept_as_far_as_it_came(own_disk: Path, browser: Browser, upload: str) -> None:
    broken = browser.client.generic(
        "PATCH",
        upload,
        headers={**PIECE, "upload-offset": "0"},
        **{"wsgi.input": io.BytesIO(GOOD[:HALF]), "CONTENT_LENGTH": str(SIZE), "CONTENT_TYPE": OCTETS},
    )
    assert broken["Upload-Offset"] == str(HALF)

    assert browser.offset(upload)["Upload-Offset"] == str(HALF)
    assert browser.append(upload, HALF, GOOD[HALF:]).status_code == 204
    assert kept(own_disk) == [GOOD]


def test_an_upload_that_was_taken_back_is_gone(own_disk: Path, browser: Browser, upload: str) -> None:
    browser.append(upload, 0, GOOD[:HALF])

    assert browser.remove(upload).status_code == 204

    assert stored(own_disk) == {}
    assert [browser.offset(upload).status_code, browser.append(upload, HALF, GOOD[HALF:]).status_code] == [410, 410]
    assert said(browser.remove(upload)) == (410, "upload_finished")


def test_what_was_acknowledged_cannot_be_taken_back(own_disk: Path, browser: Browser, upload: str) -> None:
    browser.append(upload, 0, GOOD)

    assert said(browser.remove(upload)) == (410, "upload_finished")
    assert kept(own_disk) == [GOOD]


def test_an_upload_of_a_finished_delivery_can_be_taken_back_but_not_continued(
    own_disk: Path, browser: Browser, transfer: uuid.UUID, upload: str
) -> None:
    browser.finish(transfer)

    assert said(browser.append(upload, 0, GOOD)) == (409, "transfer_closed")
    assert browser.remove(upload).status_code == 204
    assert stored(own_disk) == {}


# --- every refusal of the contract --------------------------------------------------------------------------

#: Header fields of a creation that differ, None for one that is left out; what they are answered with.
CREATION: dict[str, tuple[dict[str, str | None], int, str]] = {
    "no length": ({"upload-length": None}, 400, "bad_request"),
    "a length in words": ({"upload-length": "many"}, 400, "bad_request"),
    "a negative length": ({"upload-length": "-1"}, 400, "bad_request"),
    "a length of other digits": ({"upload-length": "²"}, 400, "bad_request"),
    "a length without end": ({"upload-length": "9" * 19}, 400, "bad_request"),
    "too large": ({"upload-length": str(4 * 1024**3 + 1)}, 413, "too_large"),
    "no bytes": ({"upload-length": "0"}, 422, "empty_file"),
    "no metadata": ({"upload-metadata": None}, 400, "bad_request"),
    "metadata not in base64": ({"upload-metadata": "transfer !"}, 400, "bad_request"),
    "metadata of other letters": ({"upload-metadata": "transfer ü"}, 400, "bad_request"),
    "no delivery": ({"upload-metadata": metadata(sha256=SHA256)}, 400, "bad_request"),
    "a delivery that is none": ({"upload-metadata": metadata(transfer="7")}, 400, "bad_request"),
    "an unknown delivery": ({"upload-metadata": metadata(transfer=str(uuid.UUID(int=1)))}, 400, "bad_request"),
    "no version": ({"tus-resumable": None}, 412, "tus_version"),
    "another version": ({"tus-resumable": "0.2.2"}, 412, "tus_version"),
}


@pytest.mark.parametrize("what", CREATION)
def test_a_wrong_creation_gets_its_status_and_leaves_nothing(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID, what: str
) -> None:
    differing, status, code = CREATION[what]
    right = {**PIECE, "upload-length": str(SIZE), "upload-metadata": metadata(transfer=str(transfer))}
    headers = {name: value for name, value in (right | differing).items() if value is not None}

    answer = browser.client.post(f"/imaging/timepoints/{baseline.pk}/uploads/", content_type="", headers=headers)

    assert said(answer) == (status, code)
    assert stored(own_disk) == {}
    assert not WebUpload.objects.exists()
    assert (status == 412) == ("Tus-Version" in answer.headers)


@pytest.mark.parametrize("more", [{"sha256": "AB" * 32}, {"sha256": "ab"}, {"kind": "exe"}], ids=str)
def test_metadata_are_understood_or_refused(
    browser: Browser, baseline: Timepoint, transfer: uuid.UUID, more: dict[str, str]
) -> None:
    assert said(browser.create(baseline, transfer, SIZE, **more)) == (400, "bad_request")


def test_a_delivery_for_another_timepoint_is_refused(world: World, browser: Browser, transfer: uuid.UUID) -> None:
    assert said(browser.send(world.timepoint("N-002", "BL"), transfer, GOOD)) == (400, "bad_request")


#: Header fields of a piece that differ; what they are answered with.
PIECES: dict[str, tuple[dict[str, str], int, str]] = {
    "no offset": ({"upload-offset": ""}, 400, "bad_request"),
    "an offset in words": ({"upload-offset": "half"}, 400, "bad_request"),
    "an offset behind": ({"upload-offset": "1"}, 409, "offset_conflict"),
    "an offset ahead": ({"upload-offset": str(HALF + 1)}, 409, "offset_conflict"),
    "another version": ({"tus-resumable": "2.0.0"}, 412, "tus_version"),
    "a checksum of another kind": ({"upload-checksum": "md5 AAAA"}, 400, "bad_request"),
    "a checksum that is too short": ({"upload-checksum": "sha256 AAAA"}, 400, "bad_request"),
    "a checksum of other letters": ({"upload-checksum": "sha256 ü"}, 400, "bad_request"),
    "a checksum of other bytes": ({"upload-checksum": checksum(b"other")}, 460, "checksum_mismatch"),
}


@pytest.mark.parametrize("what", PIECES)
def test_a_wrong_piece_gets_its_status_and_changes_nothing(browser: Browser, upload: str, what: str) -> None:
    differing, status, code = PIECES[what]
    browser.append(upload, 0, GOOD[:HALF])

    assert said(browser.append(upload, HALF, GOOD[HALF:], **differing)) == (status, code)

    assert browser.offset(upload)["Upload-Offset"] == str(HALF)
    assert browser.append(upload, HALF, GOOD[HALF:], **{"upload-checksum": checksum(GOOD[HALF:])}).status_code == 204


@pytest.mark.parametrize("kind", ["application/octet-stream", "multipart/form-data; boundary=x", ""])
def test_a_body_is_declared_as_a_piece(browser: Browser, upload: str, kind: str) -> None:
    answer = browser.client.generic("PATCH", upload, GOOD, kind, headers={**PIECE, "upload-offset": "0"})

    assert said(answer) == (415, "unsupported_media_type")
    assert browser.offset(upload)["Upload-Offset"] == "0"


def test_a_body_with_the_creation_is_declared_likewise(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    headers = {**PIECE, "upload-length": str(SIZE), "upload-metadata": metadata(transfer=str(transfer))}
    address = f"/imaging/timepoints/{baseline.pk}/uploads/"

    assert said(browser.client.generic("POST", address, GOOD, "image/png", headers=headers)) == (
        415,
        "unsupported_media_type",
    )
    assert not WebUpload.objects.exists()


def test_more_bytes_than_announced_are_not_taken(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID, upload: str
) -> None:
    assert said(browser.append(upload, 0, GOOD + b"\0")) == (413, "too_large")
    assert browser.offset(upload)["Upload-Offset"] == "0"

    assert said(browser.create(baseline, transfer, SIZE, GOOD + b"\0")) == (413, "too_large")
    assert WebUpload.objects.count() == 1


def test_a_creation_whose_first_bytes_are_damaged_leaves_no_upload_that_nobody_knows_of(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    headers = {**PIECE, "upload-length": str(SIZE), "upload-metadata": metadata(transfer=str(transfer))}
    answer = browser.client.generic(
        "POST",
        f"/imaging/timepoints/{baseline.pk}/uploads/",
        GOOD[:HALF],
        OCTETS,
        headers={**headers, "upload-checksum": checksum(b"other")},
    )

    assert said(answer) == (460, "checksum_mismatch")
    assert stored(own_disk) == {}
    assert not WebUpload.objects.filter(state="receiving").exists()


def test_a_whole_file_that_is_not_the_announced_one_is_removed(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    upload = browser.create(baseline, transfer, SIZE, sha256=hashlib.sha256(b"other").hexdigest())["Location"]

    assert said(browser.append(upload, 0, GOOD)) == (460, "checksum_mismatch")
    assert said(browser.append(upload, 0, GOOD)) == (410, "upload_finished")
    assert stored(own_disk) == {}


def test_a_file_that_is_not_taken_is_removed_and_says_why_once(
    own_disk: Path, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    upload = browser.create(baseline, transfer, 400)["Location"]

    assert said(browser.append(upload, 0, b"no image" * 50)) == (422, "not_dicom")
    assert browser.offset(upload).status_code == 410
    assert stored(own_disk) == {}
    assert "is not a DICOM file" in browser.client.get(f"/imaging/transfers/{transfer}/").content.decode()


def test_unfinished_uploads_are_counted(
    settings: LazySettings, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    settings.UPLOAD_MAX_OPEN = 2
    first = browser.create(baseline, transfer, SIZE)["Location"]
    browser.create(baseline, transfer, SIZE)

    assert said(browser.create(baseline, transfer, SIZE)) == (429, "too_many_uploads")
    browser.append(first, 0, GOOD)
    assert browser.create(baseline, transfer, SIZE).status_code == 201


def test_the_bytes_of_unfinished_uploads_are_counted_for_the_site(
    settings: LazySettings, world: World, browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    settings.UPLOAD_MAX_OPEN_BYTES = 2 * SIZE
    browser.create(baseline, transfer, SIZE + 1)
    colleague = Browser(world.colleague())

    assert said(colleague.create(baseline, colleague.begun(baseline), SIZE)) == (429, "too_many_uploads")


def test_a_disk_that_is_nearly_full_is_said_before_a_byte_is_read(
    own_disk: Path, settings: LazySettings, browser: Browser, baseline: Timepoint, transfer: uuid.UUID, upload: str
) -> None:
    room = settings.SPOOL_RESERVE_BYTES
    settings.SPOOL_RESERVE_BYTES = 1 << 60

    assert said(browser.send(baseline, transfer, GOOD)) == (507, "not_stored")
    assert said(browser.append(upload, 0, GOOD)) == (507, "not_stored")
    settings.SPOOL_RESERVE_BYTES = room
    assert browser.append(upload, 0, GOOD).status_code == 204


def test_an_error_of_the_disk_is_no_success_and_the_rest_can_be_sent_when_it_is_well(
    own_disk: Path, browser: Browser, upload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    browser.append(upload, 0, GOOD[:HALF])
    with monkeypatch.context() as patched:
        patched.setattr(uploading.os, "write", fails)
        assert said(browser.append(upload, HALF, GOOD[HALF:])) == (507, "not_stored")

    assert browser.append(upload, HALF, GOOD[HALF:]).status_code == 204
    assert kept(own_disk) == [GOOD]


def test_a_whole_file_that_could_not_be_taken_is_taken_when_the_browser_asks(
    own_disk: Path, browser: Browser, upload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(uploading.spool, "adopt", fails)
        assert said(browser.append(upload, 0, GOOD)) == (507, "not_stored")
    assert kept(own_disk) == []

    assert browser.offset(upload)["Upload-Offset"] == str(SIZE)
    assert kept(own_disk) == [GOOD]


def test_a_sender_that_falls_silent_is_given_up_and_can_go_on(
    settings: LazySettings, browser: Browser, upload: str
) -> None:
    settings.BODY_PATIENCE_SECONDS = 0.2
    reading, writing = os.pipe()
    os.write(writing, GOOD[:HALF])
    with open(reading, "rb", buffering=0) as silent:
        answer = browser.client.generic(
            "PATCH",
            upload,
            headers={**PIECE, "upload-offset": "0"},
            **{"wsgi.input": silent, "CONTENT_LENGTH": str(SIZE), "CONTENT_TYPE": OCTETS},
        )
        os.close(writing)

    assert said(answer) == (408, "stalled")
    assert browser.offset(upload)["Upload-Offset"] == str(HALF)
    assert browser.append(upload, HALF, GOOD[HALF:]).status_code == 204


# --- two at once, other people, another day -----------------------------------------------------------------


def test_of_two_tabs_one_writes(browser: Browser, upload: str) -> None:
    first = os.open(staging.staged(WebUpload.objects.get()), os.O_RDWR)
    fcntl.flock(first, fcntl.LOCK_EX)

    assert said(browser.append(upload, 0, GOOD)) == (423, "upload_locked")
    assert said(browser.remove(upload)) == (423, "upload_locked")
    assert browser.offset(upload)["Upload-Offset"] == "0"
    os.close(first)
    assert browser.append(upload, 0, GOOD[:HALF]).status_code == 204
    # The other tab comes with what was sent meanwhile.
    assert said(browser.append(upload, 0, GOOD)) == (409, "offset_conflict")


def test_while_another_request_takes_the_whole_file_it_is_not_called_gone(
    own_disk: Path, browser: Browser, upload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt, statuses = uploading.spool.adopt, []

    def asked_meanwhile(path: Path, **how: Any) -> Any:
        statuses.append(browser.offset(upload).status_code)
        folder = own_disk / "spool" / str(Transfer.objects.get().public_id)
        folder.mkdir(parents=True)
        half_way = folder / f"{staging.spool_id_of(WebUpload.objects.get()).hex}.0.part"
        path.rename(half_way)
        statuses.append(browser.offset(upload).status_code)
        half_way.rename(path)
        receipt = adopt(path, **how)
        statuses.append(browser.offset(upload).status_code)
        return receipt

    with monkeypatch.context() as patched:
        patched.setattr(uploading.spool, "adopt", asked_meanwhile)
        assert browser.append(upload, 0, GOOD).status_code == 204

    assert statuses == [423, 423, 200]
    assert browser.offset(upload)["Upload-Offset"] == str(SIZE)


def test_whoever_of_the_site_has_the_same_file_may_send_the_rest(
    own_disk: Path, world: World, browser: Browser, baseline: Timepoint, upload: str
) -> None:
    browser.append(upload, 0, GOOD[:HALF])
    colleague = Browser(world.colleague())
    own = colleague.begun(baseline)
    assert said(colleague.append(upload, HALF, GOOD[HALF:])) == (403, "access_denied")

    (answer,) = colleague.known(baseline, own, GOOD).json()["files"]
    assert answer == {"sha256": SHA256, "state": "partial", "upload": upload, "offset": HALF}
    assert colleague.append(upload, HALF, GOOD[HALF:]).status_code == 204

    index_spool(at=AT)
    row = ReceivedInstance.objects.get()
    assert (row.transfer.public_id, row.transfer.uploaded_by) == (own, world.outsider)


def test_at_another_site_there_is_no_such_upload(world: World, upload: str) -> None:
    stranger = Browser(world.other_coordinator)

    answers = [stranger.offset(upload), stranger.append(upload, 0, GOOD), stranger.remove(upload)]
    assert [answer.status_code for answer in answers] == [404] * 3


def test_after_a_week_of_silence_an_upload_is_discarded(own_disk: Path, browser: Browser, upload: str) -> None:
    browser.append(upload, 0, GOOD[:HALF])

    assert uploading.sweep(at=timezone.now() + dt.timedelta(days=6, hours=23)) == 0
    assert browser.offset(upload)["Upload-Offset"] == str(HALF)
    assert uploading.sweep(at=timezone.now() + dt.timedelta(days=7, hours=1)) == 1
    assert browser.offset(upload).status_code == 410
    assert stored(own_disk) == {}


# --- what is known ------------------------------------------------------------------------------------------


def test_the_server_says_what_it_has_and_where_to_go_on(
    world: World, browser: Browser, baseline: Timepoint, transfer: uuid.UUID, upload: str
) -> None:
    one, two = scan("N-001", slices=2, scan_number=3)
    browser.send(baseline, transfer, one)
    browser.append(upload, 0, GOOD[:HALF])

    answers = browser.known(baseline, transfer, one, GOOD, two).json()["files"]

    assert [(answer["state"], answer.get("offset")) for answer in answers] == [
        ("have", None),
        ("partial", HALF),
        ("new", None),
    ]
    assert answers[1]["upload"] == upload


@pytest.mark.parametrize(
    "question",
    [
        "no json",
        "[]",
        "{}",
        '{"files": [], "transfer": "7"}',
        '{"files": [{"sha256": "x", "size": 1}], "transfer": "OWN"}',
        '{"files": [{"sha256": "SHA", "size": -1}], "transfer": "OWN"}',
        '{"files": [{"sha256": "SHA", "size": 1e999}], "transfer": "OWN"}',
        '{"files": [{"sha256": "SHA"}], "transfer": "OWN"}',
        '{"files": [], "patients": [{"number": "MRN1", "issuer": ""}]}',
        '{"files": [], "patients": [{"number": "SHA"}]}',
        '{"files": [], "patients": 7}',
        "[" * 100_000,
    ],
    ids=lambda question: question[:24],
)
def test_a_question_that_is_none_is_refused(
    browser: Browser, baseline: Timepoint, transfer: uuid.UUID, question: str
) -> None:
    answer = browser.client.post(
        f"/imaging/timepoints/{baseline.pk}/uploads/known/",
        question.replace("OWN", str(transfer)).replace("SHA", SHA256),
        "application/json",
        headers=PIECE,
    )
    assert said(answer) == (400, "bad_request")


def test_the_server_says_whether_the_patient_is_another_subjects(
    world: World, browser: Browser, baseline: Timepoint
) -> None:
    by_scanner(world, scan("N-002", slices=1, PatientID="MRN-71829345"))
    numbers = ["MRN-71829345", "MRN-99041726", ""]
    patients = [{"number": digest_of(number), "issuer": ""} for number in numbers]

    answer = browser.client.post(
        f"/imaging/timepoints/{baseline.pk}/uploads/known/",
        {"files": [], "patients": patients},
        "application/json",
        headers=JSON,
    ).json()

    assert answer["patients"][0]["warning"].startswith("The Patient ID belongs to N-002.")
    assert answer["patients"][1:] == [{}, {}]


def test_a_question_has_its_limits(
    browser: Browser, baseline: Timepoint, transfer: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tus, "MOST_FILES", 2)

    assert browser.known(baseline, transfer, b"1", b"2").status_code == 200
    assert said(browser.known(baseline, transfer, b"1", b"2", b"3")) == (413, "too_many_files")
    question = {"files": [], "patients": [{"number": "", "issuer": ""}] * (tus.MOST_PATIENTS + 1)}
    address = f"/imaging/timepoints/{baseline.pk}/uploads/known/"
    answer = browser.client.post(address, question, "application/json", headers=PIECE)
    assert said(answer) == (413, "too_many_files")


# --- any course of events -----------------------------------------------------------------------------------

#: What a client does next: send so many bytes whole, or broken off, or with a wrong offset, or ask anew.
steps = st.lists(
    st.tuples(st.sampled_from(["send", "break", "damage", "repeat", "ask", "known", "sweep"]), st.integers(1, SIZE)),
    max_size=12,
)


@given(steps)
@examples(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_however_it_comes_it_comes_once(
    own_disk: Path, browser: Browser, baseline: Timepoint, course: list[tuple[str, int]]
) -> None:
    content = encoded(slice_of(value=WebUpload.objects.count() + 1))
    transfer = browser.begun(baseline)
    upload = browser.create(baseline, transfer, len(content), sha256=hashlib.sha256(content).hexdigest())["Location"]
    offset = 0
    for what, size in [*course, ("ask", 0), ("send", len(content))]:
        piece = content[offset : offset + size]
        if what == "send":
            browser.append(upload, offset, piece)
        elif what == "break":
            cut = {"wsgi.input": io.BytesIO(piece[: size // 2]), "CONTENT_LENGTH": str(len(piece))}
            headers = {**PIECE, "upload-offset": str(offset)}
            browser.client.generic("PATCH", upload, headers=headers, **cut, CONTENT_TYPE=OCTETS)
        elif what == "damage":
            browser.append(upload, offset, piece, **{"upload-checksum": checksum(piece + b"x")})
        elif what == "repeat":
            browser.append(upload, max(offset - size, 0), content[max(offset - size, 0) :][:size])
        elif what == "known":
            (answer,) = browser.known(baseline, transfer, content).json()["files"]
            assert answer["state"] == ("have" if offset == len(content) else "partial")
        elif what == "sweep":
            uploading.sweep(at=timezone.now())
        offset = int(browser.offset(upload)["Upload-Offset"])
        assert len([one for one in kept(own_disk) if one == content]) == (offset == len(content))
    assert offset == len(content)


def test_the_job_of_a_zip_is_written_with_its_acknowledgement(
    browser: Browser, baseline: Timepoint, transfer: uuid.UUID
) -> None:
    archive = zipped({"1": GOOD})
    upload = browser.create(baseline, transfer, len(archive), kind="zip")["Location"]
    browser.append(upload, 0, archive)

    assert jobs.Job.objects.filter(kind=uploading.UNPACK).count() == 1
    assert browser.offset(upload)["Upload-Offset"] == str(len(archive))
    assert browser.known(baseline, transfer, archive).json()["files"][0]["state"] == "new"
