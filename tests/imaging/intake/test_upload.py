"""The web upload: what a coordinator's browser may send, and the sentence for everything else."""

from __future__ import annotations

import errno
import logging
import os
import tracemalloc
import uuid
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core import serializers
from django.test import Client

from compliance import audit, jobs
from compliance.models import AuditEvent
from compliance.signing import Intent
from compliance.transitions import advance
from imaging.models import ImagingStudy, ReceivedInstance, RefusedFile, Transfer
from imaging.services.receiving import index_spool
from imaging.states import TransferState
from tests.factories import AT, PASSWORD, PLANTED, World, encoded, scan, slice_of
from tests.imaging.intake.web import OCTETS, PIECE, Browser, damaged, encrypted, stored, with_link, zipped
from tests.imaging.services.delivery import by_scanner
from trials.models import Role, Timepoint

pytestmark = pytest.mark.requirement("REQ-INT-009")

GOOD = encoded(slice_of())

#: A question that nobody may ask: the answer is the same for every record outside.
NOWHERE = uuid.UUID(int=0)


def work() -> dict[str, int]:
    """Index the spool and do the jobs; return how many instances are where."""
    index_spool(at=AT)
    jobs.drain()
    return dict(Counter(ReceivedInstance.objects.values_list("state", flat=True)))


def refused(transfer: uuid.UUID) -> list[tuple[int, str]]:
    """What was not taken of a delivery: number in its ZIP, or 0, and code."""
    return list(RefusedFile.objects.filter(upload__transfer__public_id=transfer).values_list("entry", "code"))


# --- what is taken ------------------------------------------------------------------------------------------


def test_one_file_goes_to_the_chosen_timepoint_in_its_senders_name(
    world: World, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    assert browser.send(baseline, transfer, scan(None, slices=1)[0]).status_code == 201
    assert browser.finish(transfer).json() == {"transfer": str(transfer), "state": "closed"}

    assert work() == {"archived": 1}
    row = ReceivedInstance.objects.get()
    assert (row.transfer.public_id, row.transfer.state, row.timepoint) == (transfer, TransferState.CLOSED, baseline)
    received = audit.history(row.transfer).get(action="receivedinstance.received")
    assert (received.actor, received.role) == (world.coordinator, "Site coordinator")


def test_a_zip_with_two_scans_in_folders_within_folders_gives_two_imaging_studies(
    browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    files = {
        f"disc/scan {number}/series/IM{n:04}": content
        for number in (1, 2)
        for n, content in enumerate(scan("N-001", slices=2, scan_number=number))
    }

    assert browser.send(baseline, transfer, zipped({"disc/": b"", **files})).status_code == 201
    assert work() == {"archived": 4}
    assert refused(transfer) == []
    assert sorted(study.series.get().instances.count() for study in ImagingStudy.objects.all()) == [2, 2]


def test_a_zip_is_taken_though_the_delivery_was_finished_before_it_was_unpacked(
    browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    browser.send(baseline, transfer, zipped({"1": GOOD}))
    browser.finish(transfer)

    assert work() == {"archived": 1}
    assert ReceivedInstance.objects.get().transfer.public_id == transfer


def test_a_zip_within_the_zip_is_opened(browser: Browser, transfer: uuid.UUID, baseline: Timepoint) -> None:
    browser.send(baseline, transfer, zipped({"a/inner.zip": zipped({"1": GOOD})}))

    assert work() == {"archived": 1}


def test_the_leavings_of_desktop_systems_are_no_refusals(
    browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    junk = {"__MACOSX/a/._1": b"x", "a/.DS_Store": b"x", "a/Thumbs.db": b"x"}
    browser.send(baseline, transfer, zipped({"a/1": GOOD, **junk}))

    assert work() == {"archived": 1}
    assert refused(transfer) == []


def test_the_same_file_sent_twice_is_recognised(browser: Browser, transfer: uuid.UUID, baseline: Timepoint) -> None:
    for _ in range(2):
        browser.send(baseline, transfer, GOOD)

    assert work() == {"archived": 1, "duplicate": 1}


def test_a_refused_file_does_not_hold_up_the_others_of_its_zip(
    browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    one, three = scan("N-001", slices=2)
    browser.send(baseline, transfer, zipped({"1": one, "readme.txt": b"see the images" * 20, "3": three}))

    assert work() == {"archived": 2}
    assert refused(transfer) == [(2, "not_dicom")]


def test_what_came_before_a_damaged_file_of_a_zip_is_kept(
    browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    browser.send(baseline, transfer, damaged({"1": GOOD, "2": GOOD, "3": GOOD}, "2"))

    assert work() == {"archived": 1}
    assert refused(transfer) == [(0, "archive_damaged")]


def test_a_double_click_begins_two_deliveries_that_do_not_mix(browser: Browser, baseline: Timepoint) -> None:
    first, second = browser.begun(baseline), browser.begun(baseline)
    browser.send(baseline, second, GOOD)
    browser.finish(second)

    assert work() == {"archived": 1}
    assert list(Transfer.objects.order_by("pk").values_list("public_id", "state", "instances__state")) == [
        (first, "open", None),
        (second, "closed", "archived"),
    ]


def test_finishing_twice_is_finishing_once(browser: Browser, transfer: uuid.UUID) -> None:
    assert [browser.finish(transfer).status_code for _ in range(2)] == [200, 200]
    assert audit.history(Transfer.objects.get()).filter(action="transfer.close").count() == 1


# --- what is refused ----------------------------------------------------------------------------------------

#: Content of the file sent; the code, and part of the sentence, with which it is refused at once.
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
}
#: The same of archives, which are looked into after they were taken: the delivery's page says it.
REFUSED_ZIPS: dict[str, tuple[bytes, str, str]] = {
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
    own_disk: Path, world: World, browser: Browser, transfer: uuid.UUID, baseline: Timepoint, content: str
) -> None:
    by_scanner(world, scan("N-002", slices=2, scan_number=9))
    before, events = stored(own_disk), AuditEvent.objects.count()
    sent, code, sentence = REFUSED[content]

    answer = browser.send(baseline, transfer, sent)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert sentence in answer.json()["detail"]
    assert (stored(own_disk), AuditEvent.objects.count()) == (before, events)
    assert index_spool(at=AT) == 0


@pytest.mark.parametrize("content", REFUSED_ZIPS, ids=str)
def test_a_bad_zip_gets_its_sentence_on_the_page_of_its_delivery_and_leaves_nothing(
    own_disk: Path, browser: Browser, transfer: uuid.UUID, baseline: Timepoint, content: str
) -> None:
    before, events = stored(own_disk), AuditEvent.objects.count()
    sent, code, sentence = REFUSED_ZIPS[content]

    assert browser.send(baseline, transfer, sent).status_code == 201
    assert work() == {}

    assert refused(transfer) == [(0, code)]
    assert sentence in browser.client.get(f"/imaging/transfers/{transfer}/").content.decode()
    assert (stored(own_disk), AuditEvent.objects.count()) == (before, events)


def test_a_bomb_is_stopped_by_what_comes_out_of_it(
    own_disk: Path, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    bomb = zipped({"1": GOOD, "zeros": bytes(65 << 20)})
    assert len(bomb) < 100_000

    browser.send(baseline, transfer, bomb)

    assert work() == {"archived": 1}
    assert refused(transfer) == [(0, "archive_too_large")]
    assert list((own_disk / "uploads").iterdir()) == []


def test_a_file_that_is_too_large_is_refused(
    own_disk: Path, settings: LazySettings, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    settings.UPLOAD_MAX_BYTES = len(GOOD)
    assert browser.send(baseline, transfer, GOOD).status_code == 201

    answer = browser.send(baseline, transfer, GOOD + b"\0")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert len(stored(own_disk)) == 2


def test_a_finished_delivery_takes_nothing_more(
    own_disk: Path, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    browser.finish(transfer)

    answer = browser.send(baseline, transfer, GOOD)

    assert (answer.status_code, answer.json()) == (
        409,
        {"code": "transfer_closed", "detail": "This upload is finished. Reload the page to begin another one."},
    )
    assert stored(own_disk) == {}


def test_a_full_disk_is_said_and_nothing_is_acknowledged(
    own_disk: Path,
    browser: Browser,
    transfer: uuid.UUID,
    baseline: Timepoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = browser.send(baseline, transfer, GOOD)

    assert (answer.status_code, answer.json()["code"]) == (507, "not_stored")
    assert list((own_disk / "spool").glob("*/*.dcm")) == []
    assert browser.send(baseline, transfer, GOOD).status_code == 201


# --- who is refused -----------------------------------------------------------------------------------------


def denials() -> list[tuple[str, str]]:
    """Who was refused what, as the trail has it."""
    events = AuditEvent.objects.filter(action="access.denied").order_by("pk")
    return [(event.actor.username, event.after["verb"]) for event in events if event.actor and event.after]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SITE_COORDINATOR])
def test_no_other_role_uploads(
    own_disk: Path, world: World, transfer: uuid.UUID, baseline: Timepoint, role: Role
) -> None:
    person = world.people[role]
    # Those who know of the site hear that the step is not theirs; to the others there is no such record.
    knows = role in (Role.QC_ANALYST, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)

    answers = [
        Browser(person).begin(baseline),
        Browser(person).send(baseline, transfer, GOOD),
        Browser(person).known(baseline, transfer, GOOD),
        Browser(person).finish(transfer),
    ]

    assert [answer.status_code for answer in answers] == [403 if knows else 404] * 4
    assert denials() == [(person.username, "imaging.upload")] * 4
    assert stored(own_disk) == {}
    assert Transfer.objects.get().state == TransferState.OPEN


def test_another_sites_coordinator_finds_neither_timepoint_nor_delivery(
    own_disk: Path, world: World, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    upload = browser.create(baseline, transfer, len(GOOD))["Location"]
    before = stored(own_disk)
    stranger = Browser(world.other_coordinator)

    answers = [
        stranger.begin(baseline),
        stranger.send(baseline, transfer, GOOD),
        stranger.known(baseline, transfer, GOOD),
        stranger.finish(transfer),
        stranger.finish(NOWHERE),
        stranger.offset(upload),
        stranger.append(upload, 0, GOOD),
        stranger.remove(upload),
        stranger.remove(f"/imaging/uploads/{NOWHERE}/"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 9
    assert denials() == [(world.other_coordinator.username, "imaging.upload")] * 9
    assert stored(own_disk) == before


def test_a_colleague_at_the_site_does_not_add_to_it_in_anothers_name(
    own_disk: Path, world: World, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    upload = browser.create(baseline, transfer, len(GOOD))["Location"]
    before = stored(own_disk)
    colleague = Browser(world.colleague())

    answers = [
        colleague.send(baseline, transfer, GOOD),
        colleague.append(upload, 0, GOOD),
        colleague.remove(upload),
        colleague.finish(transfer),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "access_denied")] * 4
    assert denials() == [(world.outsider.username, "imaging.upload")] * 4
    assert stored(own_disk) == before
    assert colleague.begin(baseline).status_code == 201


def test_a_scanners_delivery_is_not_added_to_by_hand(
    own_disk: Path, world: World, browser: Browser, baseline: Timepoint
) -> None:
    scanner = by_scanner(world, scan("N-001", slices=1))
    before = stored(own_disk)

    answers = [browser.send(baseline, scanner.public_id, GOOD), browser.finish(scanner.public_id)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (400, "bad_request"),  # it is no delivery for this timepoint
        (409, "not_an_upload"),
    ]
    assert stored(own_disk) == before


def addresses(timepoint: Timepoint, transfer: uuid.UUID) -> list[str]:
    """The addresses to which an upload page posts."""
    return [
        f"/imaging/timepoints/{timepoint.pk}/transfers/",
        f"/imaging/timepoints/{timepoint.pk}/uploads/",
        f"/imaging/timepoints/{timepoint.pk}/uploads/known/",
        f"/imaging/transfers/{transfer}/finish/",
    ]


def test_without_signing_in_the_door_leads_to_the_sign_in(
    own_disk: Path, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    answers = [Client().post(address, headers=PIECE) for address in addresses(baseline, transfer)]

    assert [(answer.status_code, answer["Location"].partition("?")[0]) for answer in answers] == [
        (302, "/sign-in/")
    ] * 4


def test_the_door_wants_the_token_of_its_own_page(world: World, transfer: uuid.UUID, baseline: Timepoint) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.coordinator, backend="django.contrib.auth.backends.ModelBackend")

    assert [client.post(address, headers=PIECE).status_code for address in addresses(baseline, transfer)] == [403] * 4
    assert client.patch(f"/imaging/uploads/{NOWHERE}/", b"x", OCTETS, headers=PIECE).status_code == 403
    assert Transfer.objects.get().state == TransferState.OPEN


def test_the_door_is_not_opened_by_a_link(browser: Browser, transfer: uuid.UUID, baseline: Timepoint) -> None:
    assert [browser.client.get(address).status_code for address in addresses(baseline, transfer)] == [405] * 4


# --- names and size -----------------------------------------------------------------------------------------

NAMES = ["山田太郎_19471123.dcm", "Quillbrook^Perpetua.dcm", "קובץ.dcm", "../../etc/passwd", "a" * 240 + ".dcm"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [GOOD, b"no image", b""], ids=["an image", "no image", "no bytes"])
def test_the_name_of_a_file_stays_with_its_sender(
    own_disk: Path,
    browser: Browser,
    transfer: uuid.UUID,
    baseline: Timepoint,
    caplog: pytest.LogCaptureFixture,
    name: str,
    content: bytes,
) -> None:
    caplog.set_level(logging.DEBUG)
    # The page sends no names; another client may.
    alone = browser.send(baseline, transfer, content, filename=quote(name))
    in_a_zip = browser.send(baseline, transfer, zipped({name.replace("..", "x"): content, "2": b"bad"}))
    work()

    named = name.rsplit("/", 1)[-1].removesuffix(".dcm")
    rows = serializers.serialize("json", [row for model in apps.get_models() for row in model._default_manager.all()])
    page = browser.client.get(f"/imaging/transfers/{transfer}/").content
    said = [
        alone.content,
        in_a_zip.content,
        page,
        rows.encode(),
        caplog.text.encode(),
        *map(str.encode, stored(own_disk)),
    ]
    text = b" ".join(said).decode()
    assert named not in text
    assert quote(named) not in text
    assert named.encode("unicode_escape").decode() not in text
    assert [value for value in PLANTED.values() if value in text] == []


def test_a_large_file_takes_the_way_by_disk_and_memory_stays_flat(
    own_disk: Path, tmp_path: Path, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    size = 32 << 20
    body = tmp_path / "body"
    body.write_bytes(encoded(slice_of(Rows=4096, Columns=4096, PixelData=bytes(size))))
    browser.send(baseline, transfer, GOOD)  # imports and caches are in place
    upload = browser.create(baseline, transfer, body.stat().st_size)["Location"]

    tracemalloc.start()
    with body.open("rb") as stream:
        answer = browser.client.request(
            REQUEST_METHOD="PATCH",
            PATH_INFO=upload,
            CONTENT_TYPE=OCTETS,
            CONTENT_LENGTH=str(body.stat().st_size),
            HTTP_TUS_RESUMABLE="1.0.0",
            HTTP_UPLOAD_OFFSET="0",
            **{"wsgi.input": stream},
        )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.status_code == 204
    assert peak < 8 << 20
    assert max(path.stat().st_size for path in (own_disk / "spool").glob("*/*")) > size


def test_an_upload_to_a_locked_trial_changes_nothing_of_it(
    world: World, own_disk: Path, browser: Browser, transfer: uuid.UUID, baseline: Timepoint
) -> None:
    advance(world.trial, "lock", actor=world.administrator, at=AT, signature=Intent(PASSWORD), thaw=True)
    browser.send(baseline, transfer, GOOD)
    browser.finish(transfer)

    assert work() == {"held": 1}
    assert ReceivedInstance.objects.get().hold_reason == "trial_locked"
    assert not (own_disk / "archive").exists()
