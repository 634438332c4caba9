"""The web door: what a coordinator's browser may send, and the sentence for everything else."""

from __future__ import annotations

import errno
import logging
import os
import tracemalloc
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core import serializers
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from compliance import audit, jobs
from compliance.models import AuditEvent
from compliance.signing import Intent
from compliance.transitions import advance
from imaging.intake import upload
from imaging.models import ImagingStudy, ReceivedInstance, Transfer
from imaging.services.receiving import index_spool
from imaging.states import TransferState
from tests.factories import AT, PASSWORD, PLANTED, World, encoded, scan, slice_of
from tests.imaging.intake.web import JSON, Browser, damaged, encrypted, stored, with_link, zipped
from tests.imaging.services.delivery import by_scanner
from trials.models import Role, Timepoint
from trials.services import setting_up

GOOD = encoded(slice_of())
KEPT = {"kept": 1, "refused": []}


@pytest.fixture
def baseline(world: World) -> Timepoint:
    return world.timepoint("N-001", "BL")


@pytest.fixture
def browser(world: World) -> Browser:
    """The northern coordinator's."""
    return Browser(world.coordinator)


@pytest.fixture
def transfer(browser: Browser, baseline: Timepoint) -> uuid.UUID:
    """A delivery that the coordinator just began."""
    return browser.begun(baseline)


def work() -> dict[str, int]:
    """Index the spool and do the jobs; return how many instances are where."""
    index_spool(at=AT)
    jobs.drain()
    return dict(Counter(ReceivedInstance.objects.values_list("state", flat=True)))


# --- what is taken ------------------------------------------------------------------------------------------


def test_one_file_goes_to_the_chosen_timepoint_in_its_senders_name(
    world: World, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    assert browser.send(transfer, scan(None, slices=1)[0]).json() == KEPT
    assert browser.finish(transfer).json() == {"transfer": str(transfer), "state": "closed"}

    assert work() == {"archived": 1}
    row = ReceivedInstance.objects.get()
    assert (row.transfer.public_id, row.transfer.state, row.timepoint) == (transfer, TransferState.CLOSED, baseline)
    received = audit.history(row.transfer).get(action="receivedinstance.received")
    assert (received.actor, received.role) == (world.coordinator, "Site coordinator")


def test_a_zip_with_two_scans_in_folders_within_folders_gives_two_imaging_studies(
    browser: Browser, transfer: uuid.UUID
) -> None:
    files = {
        f"disc/scan {number}/series/IM{n:04}": content
        for number in (1, 2)
        for n, content in enumerate(scan("N-001", slices=2, scan_number=number))
    }

    assert browser.send(transfer, zipped({"disc/": b"", **files})).json() == {"kept": 4, "refused": []}
    assert work() == {"archived": 4}
    assert sorted(study.series.get().instances.count() for study in ImagingStudy.objects.all()) == [2, 2]


def test_a_zip_within_the_zip_is_opened(browser: Browser, transfer: uuid.UUID) -> None:
    inner = zipped({"1": GOOD})

    assert browser.send(transfer, zipped({"a/inner.zip": inner})).json() == KEPT


def test_the_leavings_of_desktop_systems_are_no_refusals(browser: Browser, transfer: uuid.UUID) -> None:
    junk = {"__MACOSX/a/._1": b"x", "a/.DS_Store": b"x", "a/Thumbs.db": b"x"}

    assert browser.send(transfer, zipped({"a/1": GOOD, **junk})).json() == KEPT


def test_the_same_file_sent_twice_is_recognised(browser: Browser, transfer: uuid.UUID) -> None:
    for _ in range(2):
        assert browser.send(transfer, GOOD).json() == KEPT

    assert work() == {"archived": 1, "duplicate": 1}


def test_a_refused_file_does_not_hold_up_the_others_of_its_zip(browser: Browser, transfer: uuid.UUID) -> None:
    answer = browser.send(transfer, zipped({"1": GOOD, "readme.txt": b"see the images" * 20, "3": GOOD})).json()

    assert answer["kept"] == 2
    assert [(one["code"], one["entry"]) for one in answer["refused"]] == [("not_dicom", 2)]


def test_what_came_before_a_damaged_file_of_a_zip_is_kept(browser: Browser, transfer: uuid.UUID) -> None:
    answer = browser.send(transfer, damaged({"1": GOOD, "2": GOOD, "3": GOOD}, "2")).json()

    assert answer["kept"] == 1
    assert [(one["code"], one["entry"]) for one in answer["refused"]] == [("archive_damaged", 0)]
    assert work() == {"archived": 1}


def test_a_double_click_begins_two_deliveries_that_do_not_mix(
    world: World, browser: Browser, baseline: Timepoint
) -> None:
    first, second = browser.begun(baseline), browser.begun(baseline)
    browser.send(second, GOOD)
    browser.finish(second)

    assert work() == {"archived": 1}
    assert list(Transfer.objects.order_by("pk").values_list("public_id", "state", "instances__state")) == [
        (first, "open", None),
        (second, "closed", "archived"),
    ]


def test_finishing_twice_is_finishing_once(browser: Browser, transfer: uuid.UUID) -> None:
    assert [browser.finish(transfer).status_code for _ in range(2)] == [200, 200]
    assert audit.history(Transfer.objects.get()).filter(action="transfer.close").count() == 1


def test_the_next_step_is_rung_even_when_the_rest_of_a_zip_is_refused(
    browser: Browser, transfer: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung = []
    monkeypatch.setattr(upload, "ring_index", lambda: rung.append(True))

    browser.send(transfer, damaged({"1": GOOD, "2": GOOD}, "2"))

    assert rung == [True]


# --- what is refused ----------------------------------------------------------------------------------------

#: Content of the file sent; the code, and part of the sentence, with which it is refused.
REFUSED: dict[str, tuple[bytes, str, str]] = {
    "a file of another kind": (b"Dear colleague, please find attached " * 10, "not_dicom", "is not a DICOM file"),
    "a file without bytes": (b"", "empty_file", "The file is empty"),
    "a file cut in its header": (GOOD[:400], "truncated", "Send it again from the source"),
    "a file cut in its pixels": (GOOD[:-100], "truncated", "Send it again from the source"),
    "a DICOMDIR": (
        encoded(slice_of(SOPClassUID="1.2.840.10008.1.3.10")),
        "media_directory",
        "list of a disc",
    ),
    "a UID that is none": (
        GOOD.replace(slice_of().SeriesInstanceUID.encode(), b"1.2.826.0.1.3680043.9.7777.1.x"),
        "invalid_uid",
        "is not a valid UID",
    ),
    "a path that climbs out": (zipped({"a": GOOD, "../../etc/cron.d/x": GOOD}), "archive_unsafe", "leads out of it"),
    "an absolute path": (zipped({"/etc/cron.d/x": GOOD}), "archive_unsafe", "leads out of it"),
    "a link": (with_link(), "archive_unsafe", "link or a special file"),
    "an encrypted ZIP": (encrypted(GOOD), "archive_encrypted", "without a password"),
    "a ZIP cut short": (zipped({"1": GOOD, "2": GOOD})[:-80], "archive_damaged", "damaged or incomplete"),
    "a ZIP without files": (zipped({}), "archive_empty", "holds no files"),
    "a ZIP of folders": (zipped({"scan/": b""}), "archive_empty", "holds no files"),
    "ZIPs in ZIPs in ZIPs": (zipped({"1": zipped({"2": zipped({"3": GOOD})})}), "archive_too_large", "Unpack it"),
}


@pytest.mark.parametrize("content", REFUSED, ids=str)
def test_a_bad_file_gets_its_sentence_and_leaves_nothing(
    own_disk: Path, world: World, browser: Browser, transfer: uuid.UUID, content: str
) -> None:
    by_scanner(world, scan("N-002", slices=2, scan_number=9))
    before, events = stored(own_disk), AuditEvent.objects.count()
    sent, code, sentence = REFUSED[content]

    answer = browser.send(transfer, sent, "IM0001")

    assert (answer.status_code, answer.json()["kept"]) == (200, 0)
    (refusal,) = answer.json()["refused"]
    assert (refusal["code"], refusal["entry"]) == (code, 0)
    assert sentence in refusal["sentence"]
    assert (stored(own_disk), AuditEvent.objects.count()) == (before, events)
    assert index_spool(at=AT) == 0


def test_a_bomb_is_stopped_by_what_comes_out_of_it(own_disk: Path, browser: Browser, transfer: uuid.UUID) -> None:
    bomb = zipped({"1": GOOD, "zeros": bytes(65 << 20)})
    assert len(bomb) < 100_000

    answer = browser.send(transfer, bomb).json()

    assert answer["kept"] == 1
    assert [(one["code"], one["entry"]) for one in answer["refused"]] == [("archive_too_large", 0)]
    assert len(stored(own_disk)) == 2


def test_a_file_that_is_too_large_is_refused(
    own_disk: Path, settings: LazySettings, browser: Browser, transfer: uuid.UUID
) -> None:
    settings.UPLOAD_MAX_BYTES = len(GOOD)
    assert browser.send(transfer, GOOD).status_code == 200

    answer = browser.send(transfer, GOOD + b"\0")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert len(stored(own_disk)) == 2


@pytest.mark.parametrize("fields", [{}, {"file": "text, no file"}, {"other": [GOOD]}, {"file": [GOOD, GOOD]}], ids=len)
def test_a_request_holds_one_file(browser: Browser, transfer: uuid.UUID, fields: dict[str, Any]) -> None:
    data = {
        name: [SimpleUploadedFile("f", one) for one in value] if isinstance(value, list) else value
        for name, value in fields.items()
    }
    answer = browser.client.post(f"/imaging/transfers/{transfer}/files/", data, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "no_file")


def test_a_finished_delivery_takes_nothing_more(own_disk: Path, browser: Browser, transfer: uuid.UUID) -> None:
    browser.finish(transfer)

    answer = browser.send(transfer, GOOD)

    assert (answer.status_code, answer.json()) == (
        409,
        {"code": "transfer_closed", "detail": "This upload is finished. Reload the page to begin another one."},
    )
    assert stored(own_disk) == {}


def test_a_full_disk_is_said_and_nothing_is_acknowledged(
    own_disk: Path, browser: Browser, transfer: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = browser.send(transfer, GOOD)

    assert (answer.status_code, answer.json()["code"]) == (507, "not_stored")
    assert stored(own_disk) == {}
    assert browser.send(transfer, GOOD).json() == KEPT


# --- who is refused -----------------------------------------------------------------------------------------


def denials() -> list[tuple[str, str]]:
    """Who was refused what, as the trail has it."""
    events = AuditEvent.objects.filter(action="access.denied").order_by("pk")
    return [(event.actor.username, event.after["verb"]) for event in events if event.actor and event.after]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SITE_COORDINATOR])
def test_no_other_role_uploads(own_disk: Path, world: World, transfer: uuid.UUID, role: Role) -> None:
    person = world.people[role]
    # Those who know of the site hear that the step is not theirs; to the others there is no such record.
    knows = role in (Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)

    answers = [
        Browser(person).begin(world.timepoint("N-001", "BL")),
        Browser(person).send(transfer, GOOD),
        Browser(person).finish(transfer),
    ]

    assert [answer.status_code for answer in answers] == [403 if knows else 404] * 3
    assert denials() == [(person.username, "imaging.upload")] * 3
    assert stored(own_disk) == {}
    assert Transfer.objects.get().state == TransferState.OPEN


def test_another_sites_coordinator_finds_neither_timepoint_nor_delivery(
    own_disk: Path, world: World, transfer: uuid.UUID
) -> None:
    stranger = Browser(world.other_coordinator)

    answers = [
        stranger.begin(world.timepoint("N-001", "BL")),
        stranger.send(transfer, GOOD),
        stranger.finish(transfer),
        stranger.send(uuid.uuid4(), GOOD),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert denials() == [(world.other_coordinator.username, "imaging.upload")] * 4
    assert stored(own_disk) == {}


def test_a_colleague_at_the_site_does_not_add_to_it_in_anothers_name(
    own_disk: Path, world: World, transfer: uuid.UUID
) -> None:
    setting_up.grant_membership(
        trial=world.trial,
        user=world.outsider,
        role=Role.SITE_COORDINATOR,
        site=world.north,
        actor=world.founder,
        at=AT,
    )
    colleague = Browser(world.outsider)

    answers = [colleague.send(transfer, GOOD), colleague.finish(transfer)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "access_denied")] * 2
    assert denials() == [(world.outsider.username, "imaging.upload")] * 2
    assert stored(own_disk) == {}
    assert colleague.begin(world.timepoint("N-001", "BL")).status_code == 201


def test_a_scanners_delivery_is_not_added_to_by_hand(own_disk: Path, world: World, browser: Browser) -> None:
    scanner = by_scanner(world, scan("N-001", slices=1))
    before = stored(own_disk)

    answers = [browser.send(scanner.public_id, GOOD), browser.finish(scanner.public_id)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "not_an_upload")] * 2
    assert stored(own_disk) == before


def test_without_signing_in_the_door_leads_to_the_sign_in(own_disk: Path, transfer: uuid.UUID) -> None:
    answer = Client().post(f"/imaging/transfers/{transfer}/files/", {"file": ""}, headers=JSON)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


def test_the_door_wants_the_token_of_its_own_page(world: World, transfer: uuid.UUID) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.coordinator, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(f"/imaging/transfers/{transfer}/finish/").status_code == 403
    assert Transfer.objects.get().state == TransferState.OPEN


def test_the_door_is_not_opened_by_a_link(browser: Browser, transfer: uuid.UUID, baseline: Timepoint) -> None:
    addresses = (
        f"timepoints/{baseline.pk}/transfers/",
        f"transfers/{transfer}/files/",
        f"transfers/{transfer}/finish/",
    )

    assert [browser.client.get(f"/imaging/{address}").status_code for address in addresses] == [405] * 3


# --- names and size -----------------------------------------------------------------------------------------

NAMES = ["山田太郎_19471123.dcm", "Quillbrook^Perpetua.dcm", "קובץ.dcm", "../../etc/passwd", "a" * 240 + ".dcm"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [GOOD, b"no image", b""], ids=["an image", "no image", "no bytes"])
def test_the_name_of_a_file_stays_with_its_sender(
    own_disk: Path,
    settings: LazySettings,
    browser: Browser,
    transfer: uuid.UUID,
    caplog: pytest.LogCaptureFixture,
    name: str,
    content: bytes,
) -> None:
    caplog.set_level(logging.DEBUG)
    alone = browser.send(transfer, content, name)
    in_a_zip = browser.send(transfer, zipped({name.replace("..", "x"): content, "2": b"bad"}), name + ".zip")
    work()

    named = name.rsplit("/", 1)[-1].removesuffix(".dcm")
    rows = serializers.serialize("json", [row for model in apps.get_models() for row in model._default_manager.all()])
    said = " ".join((alone.content.decode(), in_a_zip.content.decode(), rows, caplog.text, *stored(own_disk)))
    assert named not in said
    assert named.encode("unicode_escape").decode() not in said
    assert [value for value in PLANTED.values() if value in said] == []


def test_a_large_file_takes_the_way_by_disk_and_memory_stays_flat(
    own_disk: Path, tmp_path: Path, settings: LazySettings, browser: Browser, transfer: uuid.UUID
) -> None:
    size = 32 << 20
    large = encoded(slice_of(Rows=4096, Columns=4096, PixelData=bytes(size)))
    boundary = "parallax"
    body = tmp_path / "body"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
    body.write_bytes(head.encode() + large + f"\r\n--{boundary}--\r\n".encode())
    browser.send(transfer, GOOD)  # imports and caches are in place
    del large

    tracemalloc.start()
    with body.open("rb") as stream:
        answer = browser.client.request(
            REQUEST_METHOD="POST",
            PATH_INFO=f"/imaging/transfers/{transfer}/files/",
            CONTENT_TYPE=f"multipart/form-data; boundary={boundary}",
            CONTENT_LENGTH=str(body.stat().st_size),
            HTTP_ACCEPT="application/json",
            **{"wsgi.input": stream},
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.json() == KEPT
    assert peak < 8 << 20
    assert max(path.stat().st_size for path in (own_disk / "spool").glob("*/*")) > size


def test_an_upload_to_a_locked_trial_changes_nothing_of_it(
    world: World, own_disk: Path, browser: Browser, transfer: uuid.UUID
) -> None:
    advance(world.trial, "lock", actor=world.administrator, at=AT, signature=Intent(PASSWORD), thaw=True)
    browser.send(transfer, GOOD)
    browser.finish(transfer)

    assert work() == {"held": 1}
    assert ReceivedInstance.objects.get().hold_reason == "trial_locked"
    assert not (own_disk / "archive").exists()
