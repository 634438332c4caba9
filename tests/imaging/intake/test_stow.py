"""The DICOMweb door: each instance of a request is answered for, with the standard's codes (PS3.18 §10.5)."""

from __future__ import annotations

import errno
import io
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, OperationalError
from django.test import Client
from django.utils import timezone

from compliance import audit, jobs
from imaging.dicom.digests import dataset_digest
from imaging.intake import stow
from imaging.models import ReceivedInstance, Transfer
from imaging.services import spool
from imaging.services.receiving import index_spool
from tests.factories import AT, PLANTED, World, encoded, scan, slice_of
from tests.imaging.intake.test_multipart import BOUNDARY, body_of
from tests.imaging.intake.web import stored
from trials import selectors
from trials.services import connecting

pytestmark = pytest.mark.requirement("REQ-INT-007")

SERIES = [encoded(slice_of(number, ClinicalTrialSubjectID="N-001")) for number in range(1, 6)]
GOOD = SERIES[0]
UID = str(slice_of().SOPInstanceUID).encode()
STUDY = str(slice_of().StudyInstanceUID)
RELATED = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
JSON = "application/dicom+json"
FAILED, REFERENCED, OTHER, REASON = "00081198", "00081199", "0008119A", "00081197"
SOP_CLASS, SOP_INSTANCE, RETRIEVE = "00081150", "00081155", "00081190"


@dataclass
class Archive:
    """A site's program at the door."""

    token: str
    client: Client

    def post(
        self, body: bytes, *, kind: str = RELATED, study: str = "", accept: str | None = JSON, **environ: Any
    ) -> Any:
        """Post a body; return the answer."""
        headers = {"authorization": f"Bearer {self.token}"} | ({"accept": accept} if accept else {})
        address = f"/dicomweb/studies/{study}" if study else "/dicomweb/studies"
        return self.client.generic("POST", address, body, kind, headers=headers, **{"CONTENT_TYPE": kind, **environ})

    def store(self, files: Sequence[bytes], *, study: str = "") -> Any:
        """Store instances in one request; return the answer."""
        return self.post(body_of([({"Content-Type": "application/dicom"}, file) for file in files]), study=study)


@pytest.fixture
def archive(world: World) -> Archive:
    """The northern site's archive."""
    _, secret = connecting.issue_token(site=world.north, label="PACS", actor=world.administrator, at=timezone.now())
    return Archive(secret, Client(enforce_csrf_checks=True))


def uids(answer: Any, tag: str) -> list[str]:
    """The instances of a sequence of the answer."""
    return [item[SOP_INSTANCE]["Value"][0] for item in answer.json().get(tag, {"Value": []})["Value"]]


def reasons(answer: Any, tag: str = FAILED) -> list[int]:
    """Why the instances of a sequence were not kept."""
    return [item[REASON]["Value"][0] for item in answer.json().get(tag, {"Value": []})["Value"]]


def work() -> dict[str, int]:
    """Index the spool and do the jobs; return how many instances are where."""
    index_spool(at=AT)
    jobs.drain()
    return dict(Counter(ReceivedInstance.objects.values_list("state", flat=True)))


# --- what is taken ------------------------------------------------------------------------------------------


def test_a_study_is_kept_as_one_delivery_of_the_tokens_site(world: World, archive: Archive) -> None:
    answer = archive.store(SERIES, study=STUDY)

    assert (answer.status_code, answer["Content-Type"]) == (200, JSON)
    item = {RETRIEVE: {"vr": "UR"}, SOP_CLASS: {"vr": "UI", "Value": [str(slice_of().SOPClassUID)]}}
    assert answer.json() == {
        RETRIEVE: {"vr": "UR"},
        REFERENCED: {
            "vr": "SQ",
            "Value": [
                {**item, SOP_INSTANCE: {"vr": "UI", "Value": [str(slice_of(number).SOPInstanceUID)]}}
                for number in range(1, 6)
            ],
        },
    }
    assert work() == {"archived": 5}
    transfer = Transfer.objects.get()
    assert (transfer.site, transfer.door, transfer.sender) == (world.north, Transfer.Door.STOW, "PACS")
    sent = sorted(dataset_digest(file) for file in SERIES)
    assert sorted(ReceivedInstance.objects.values_list("dataset_sha256", flat=True)) == sent


def test_each_request_is_a_delivery_of_its_own(archive: Archive) -> None:
    archive.store(SERIES[:2])
    archive.store(SERIES[:2])

    assert work() == {"archived": 2, "duplicate": 2}
    assert [transfer.instances.count() for transfer in Transfer.objects.all()] == [2, 2]


def test_one_instance_needs_no_multipart(archive: Archive) -> None:
    answer = archive.post(GOOD, kind="application/dicom", accept=None)

    assert (answer.status_code, len(uids(answer, REFERENCED))) == (200, 1)
    assert work() == {"archived": 1}


def test_what_is_acknowledged_is_in_the_spool_with_the_record_of_its_sender(
    own_disk: Path, world: World, archive: Archive
) -> None:
    archive.store(SERIES)

    (folder,) = spool.deliveries()
    assert [entry.is_whole() for entry in spool.entries(folder)] == [True] * 5
    origin = spool.origin_of(folder)
    assert (origin.door, origin.site_id, origin.sender) == ("stow", world.north.pk, "PACS")
    assert sorted(path.suffix for path in folder.iterdir()) == [".dcm"] * 5 + [".json"]


# --- partial success ----------------------------------------------------------------------------------------

#: A part; its failure reason, and whether it can be named.
REFUSED: dict[str, tuple[bytes, int, bool]] = {
    "another study than the address": (encoded(slice_of(9, scan_number=2)), 0xA900, True),
    "file meta of another instance": (GOOD.replace(UID, UID[:-1] + b"8", 1), 0xA900, True),
    "a class that is no storage": (encoded(slice_of(9, SOPClassUID="1.2.840.10008.1.1")), 0x0122, True),
    "a DICOMDIR": (encoded(slice_of(9, SOPClassUID="1.2.840.10008.1.3.10")), 0x0122, True),
    "a UID that is none": (encoded(slice_of(9)).replace(b".7777.1.1.9", b".7777.1.x.9"), 0xC000, False),
    "no DICOM": (b"no image" * 40, 0xC000, False),
    "nothing": (b"", 0xC000, False),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_instance_that_is_not_kept_has_its_reason_and_holds_up_no_other(archive: Archive, what: str) -> None:
    content, reason, named = REFUSED[what]

    answer = archive.store([GOOD, content, SERIES[1]], study=STUDY)

    assert answer.status_code == 202
    assert uids(answer, REFERENCED) == [str(slice_of(number).SOPInstanceUID) for number in (1, 2)]
    assert reasons(answer, FAILED if named else OTHER) == [reason]
    assert (OTHER in answer.json(), FAILED in answer.json()) == (not named, named)
    assert work() == {"archived": 2}


@pytest.mark.parametrize("what", REFUSED)
def test_when_none_is_kept_it_is_a_conflict(own_disk: Path, archive: Archive, what: str) -> None:
    content, reason, named = REFUSED[what]

    answer = archive.store([content], study=STUDY)

    assert answer.status_code == 409
    assert reasons(answer, FAILED if named else OTHER) == [reason]
    assert list((own_disk / "spool").glob("*/*.part")) == list((own_disk / "spool").glob("*/*.dcm")) == []


def test_a_part_that_says_it_is_something_else_is_not_kept(archive: Archive) -> None:
    answer = archive.post(body_of([({"Content-Type": "application/dicom+xml"}, GOOD), ({}, SERIES[1])]))

    assert answer.status_code == 202
    assert reasons(answer) == [0xC000]
    assert uids(answer, REFERENCED) == [str(slice_of(2).SOPInstanceUID)]


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_an_instance_that_the_disk_does_not_take_fails_alone(
    own_disk: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = os.write, []

    def second_fails(handle: int, piece: bytes) -> int:
        calls.append(handle)
        return full() or 0 if len(calls) == 2 else write(handle, piece)

    with monkeypatch.context() as patched:
        patched.setattr(spool.os, "write", second_fails)
        answer = archive.store(SERIES[:3])

    assert answer.status_code == 202
    assert (reasons(answer), uids(answer, FAILED)) == ([0xA700], [str(slice_of(2).SOPInstanceUID)])
    assert work() == {"archived": 2}


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_disk_that_takes_nothing_is_out_of_resources(
    own_disk: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    spool.root()
    with monkeypatch.context() as patched:
        patched.setattr(spool.os, call, full)
        answer = archive.store(SERIES[:2])

    assert (answer.status_code, reasons(answer)) == (507, [0xA700, 0xA700])
    assert list((own_disk / "spool").glob("*/*.dcm")) == []
    assert archive.store(SERIES[:2]).status_code == 200


def test_a_failure_that_nobody_foresaw_is_one_of_its_instance(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(self: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(spool.Landing, "commit", breaks)
        answer = archive.store([GOOD])

    assert (answer.status_code, reasons(answer)) == (409, [0x0110])
    assert "an instance was not stored: ZeroDivisionError" in caplog.text


# --- requests that are refused as a whole -------------------------------------------------------------------


def test_the_disk_is_looked_at_before_anything_is_read(settings: LazySettings, archive: Archive) -> None:
    settings.SPOOL_RESERVE_BYTES = 1 << 60

    answer = archive.post(b"", **{"wsgi.input": Untouched(), "CONTENT_LENGTH": "1000"})

    assert (answer.status_code, answer.json()["code"]) == (507, "not_stored")


class Untouched(io.BytesIO):
    """A body that nobody may read."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("the body was read")


#: What is wrong with a request; how it is posted; its status and code.
WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "an answer in XML": ({"accept": "application/dicom+xml"}, 406, "not_acceptable"),
    "an answer as a page": ({"accept": "text/html"}, 406, "not_acceptable"),
    "metadata and bulk data": ({"kind": RELATED.replace("application/dicom", JSON)}, 415, "unsupported_media_type"),
    "a form": ({"kind": f"multipart/form-data; boundary={BOUNDARY}"}, 415, "unsupported_media_type"),
    "no type": ({"kind": ""}, 415, "unsupported_media_type"),
    "no boundary": ({"kind": 'multipart/related; type="application/dicom"'}, 400, "bad_multipart"),
    "another boundary": ({"kind": f"multipart/related; boundary={BOUNDARY}x"}, 400, "bad_multipart"),
    "a study that is none": ({"study": "1.2.x"}, 400, "bad_request"),
    "a study without end": ({"study": "1.2." + "3" * 70}, 400, "bad_request"),
    "no parts": ({"body": body_of([])}, 400, "bad_request"),
    "nothing at all": ({"body": b""}, 400, "bad_multipart"),
    "an end too early": ({"body": body_of([({}, GOOD)])[:-20]}, 400, "bad_multipart"),
    "one instance without a length": (
        {"kind": "application/dicom", "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""},
        411,
        "length_required",
    ),
    "one instance of no bytes": ({"kind": "application/dicom", "body": b""}, 409, ""),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_request_gets_its_status_and_sentence(own_disk: Path, archive: Archive, what: str) -> None:
    how, status, code = WRONG[what]

    answer = archive.post(how.pop("body") if "body" in how else body_of([({}, GOOD)]), **how)

    assert (answer.status_code, answer.json().get("code", "")) == (status, code)
    assert list((own_disk / "spool").glob("*/*.part")) == list((own_disk / "spool").glob("*/*.dcm")) == []


def test_an_accept_header_may_name_several_kinds(archive: Archive) -> None:
    assert archive.post(body_of([({}, GOOD)]), accept="text/xml, application/*;q=0.5").status_code == 200


def test_an_instance_that_is_too_large_ends_the_request(
    own_disk: Path, settings: LazySettings, archive: Archive
) -> None:
    settings.UPLOAD_MAX_BYTES = len(GOOD)

    answer = archive.store([GOOD, GOOD + b"\0"])

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert list((own_disk / "spool").glob("*/*.part")) == []


def test_an_instance_cut_off_on_its_way_is_not_kept(own_disk: Path, archive: Archive) -> None:
    answer = archive.post(
        b"", kind="application/dicom", **{"wsgi.input": io.BytesIO(GOOD[:500]), "CONTENT_LENGTH": str(len(GOOD))}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "cut_off")
    assert list((own_disk / "spool").glob("*/*")) == [next((own_disk / "spool").glob("*/delivery.json"))]


def test_only_posting_is_possible(archive: Archive) -> None:
    headers = {"authorization": f"Bearer {archive.token}"}

    assert archive.client.get("/dicomweb/studies", headers=headers).status_code == 405


# --- who may ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer plx_wrong", "Basic cGx4", "Token {}", "{}"])
def test_without_a_valid_token_nothing_is_read(own_disk: Path, archive: Archive, authorization: str) -> None:
    answer = archive.client.generic(
        "POST",
        "/dicomweb/studies",
        b"",
        RELATED,
        headers={"authorization": authorization.format(archive.token)},
        **{"wsgi.input": Untouched(), "CONTENT_LENGTH": "1000"},
    )

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == "no_token"
    assert stored(own_disk) == {}


def test_a_session_is_no_token(world: World) -> None:
    client = Client()
    client.force_login(world.administrator, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post("/dicomweb/studies", b"", RELATED).status_code == 401


def test_a_revoked_token_ends_at_once(world: World, archive: Archive) -> None:
    assert archive.store([GOOD]).status_code == 200
    token = world.north.tokens.get()
    connecting.revoke_token(token=token, reason="Lost", actor=world.administrator, at=AT)

    assert archive.store([GOOD]).status_code == 401
    assert work() == {"archived": 1}


def test_what_comes_by_a_sites_token_is_of_that_site(world: World, archive: Archive) -> None:
    _, secret = connecting.issue_token(site=world.south, label="PACS", actor=world.administrator, at=timezone.now())

    Archive(secret, archive.client).store(scan("N-001", slices=1))

    assert work() == {"held": 1}
    row = ReceivedInstance.objects.get()
    assert (row.transfer.site, row.hold_reason) == (world.south, "subject_other_site")


def test_while_the_database_is_away_the_sender_is_asked_to_wait(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: object) -> None:
        raise OperationalError

    assert issubclass(OperationalError, DatabaseError)
    with monkeypatch.context() as patched:
        patched.setattr(selectors.SiteToken.objects, "filter", lambda **_: away(None))
        answer = archive.store([GOOD])

    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "10", "unavailable")


# --- what is said of the subject, and how it streams --------------------------------------------------------


@pytest.mark.requirement("REQ-INT-007", "REQ-PRI-003")
def test_nothing_of_a_header_is_logged_or_answered(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    answer = archive.store([GOOD, GOOD[:300], encoded(slice_of(SOPClassUID="1.2.840.10008.1.1"))])

    said = caplog.text + answer.content.decode() + json.dumps([e.after for e in audit.history(Transfer())], default=str)
    assert [value for value in (*PLANTED.values(), "MRN55667788") if value in said] == []


class Chunks(io.RawIOBase):
    """A body that is made while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        self.rest = self.rest or next(self.pieces, b"")
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


def test_a_body_in_chunks_needs_no_length(archive: Archive) -> None:
    body = body_of([({}, file) for file in SERIES])
    pieces = (body[at : at + 77] for at in range(0, len(body), 77))

    answer = archive.post(
        b"",
        **{
            "wsgi.input": Chunks(pieces),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "",
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )

    assert (answer.status_code, len(uids(answer, REFERENCED))) == (200, 5)


def test_instances_become_durable_while_the_next_ones_come(archive: Archive, own_disk: Path) -> None:
    seen: list[int] = []

    def pieces() -> Iterator[bytes]:
        for file in SERIES:
            yield f"--{BOUNDARY}\r\n\r\n".encode() + file + b"\r\n"
        for _ in range(200):
            yield b"--" + BOUNDARY.encode() + b"\r\n\r\nno image\r\n"
            seen.append(len(list((own_disk / "spool").glob("*/*.dcm"))))
        yield f"--{BOUNDARY}--".encode()

    answer = archive.post(
        b"", **{"wsgi.input": Chunks(pieces()), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    )

    assert answer.status_code == 202
    assert seen[-1] == 5


def test_a_sender_that_falls_silent_is_given_up(own_disk: Path, settings: LazySettings, archive: Archive) -> None:
    settings.BODY_PATIENCE_SECONDS = 0.2
    heard = stow.threading.Event()

    def pieces() -> Iterator[bytes]:
        yield body_of([({}, GOOD)])[:400]
        heard.wait(20)

    answer = archive.post(
        b"", **{"wsgi.input": Chunks(pieces()), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    )
    heard.set()

    assert (answer.status_code, answer.json()["code"]) == (408, "stalled")
    assert list((own_disk / "spool").glob("*/*.part")) == []
