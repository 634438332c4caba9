"""The audit trail that leaves with a package: verified offline, with nobody's name, arm or day of a subject in it."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from compliance import audit, checkpoints, exporting, signing
from compliance.models import Export, Signature, User
from reading.exports.trail import AuditTrail, trail_of
from reading.models import ReadTask
from reading.services.packaging import build_package, build_trail
from tests.reading.exports import recorded
from trials.models import Role, Subject, Timepoint, Trial
from trials.services import querying

pytestmark = pytest.mark.requirement("REQ-LOC-004", "REQ-LOC-005")

AT = dt.datetime(2025, 3, 31, 23, 30, tzinfo=dt.UTC)
PLANTED = "Ask Nurse Annabel Beddoes"


@pytest.fixture
def trial(db: None, own_disk: Path) -> Trial:
    """A locked trial with a history: a query, a looked-at read, a signed read, a checkpoint, and the lock."""
    trial = recorded.written()
    analyst = recorded.member(trial, Role.QC_ANALYST)
    visit = Timepoint.objects.get(subject__code="A-001", code="W8")
    querying.raise_query(about=visit, title=PLANTED, text=PLANTED, actor=analyst, at=AT)
    task = ReadTask.objects.get(timepoint=visit, slot=1)
    audit.record("readtask.opened", task, actor=task.reader, at=AT, after={"arm": "ARM-X"}, reason=PLANTED)
    _seal()
    assert checkpoints.make(at=AT) is not None
    Signature.objects.create(
        signer=task.reader,
        printed_name=task.reader.full_name,
        meaning="authorship",
        at=AT,
        object_type="reading.readtask",
        object_id=str(task.pk),
        content_sha256=signing.digest(task.signed_content()),
    )
    audit.record("readtask.signed", task, actor=task.reader, at=AT)
    trial.state, trial.locked_at = "locked", recorded.LOCKED_AT
    audit.save(trial, action="trial.lock", actor=analyst, at=recorded.LOCKED_AT, thaw=True)
    audit.record("package.looked", trial, actor=analyst, at=recorded.LOCKED_AT)
    _seal()
    return trial


def _seal() -> None:
    connection.seal()  # type: ignore[attr-defined]  # as a commit does


def packed(trial: Trial) -> bytes:
    return exporting.pack(AuditTrail(), trail_of(trial)).data


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def table(data: bytes, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(members(data)[name].decode(), newline="")))


def made_right_again(files: dict[str, bytes]) -> bytes:
    """Return an archive whose manifest fits the files: whoever changes one can do as much."""
    manifest = json.loads(files["manifest.json"])
    del manifest["manifest_sha256"]
    for entry in manifest["files"]:
        data = files[entry["name"]]
        entry["size"], entry["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    manifest["manifest_sha256"] = signing.digest(manifest)
    return exporting._zip({**files, "manifest.json": exporting.readable(manifest)})


def test_the_trail_verifies_by_itself_and_says_by_whose_key(trial: Trial, verifier: ModuleType, tmp_path: Path, capsys):
    path = tmp_path / "trail.zip"
    path.write_bytes(packed(trial))

    assert verifier.main([str(path)]) == 0

    said = capsys.readouterr().out
    assert said.endswith("The audit trail is what was exported: events, signatures and checkpoints hold.\n")
    assert json.loads(members(path.read_bytes())["statement.json"])["public_key"] in said


def test_events_stand_in_order_up_to_the_lock_and_signatures_by_a_code_for_each_person(trial: Trial):
    data = packed(trial)
    events, marks = table(data, "events.csv"), table(data, "signatures.csv")

    assert [row["sequence"] for row in events] == [str(number) for number in range(1, len(events) + 1)]
    assert [row["action"] for row in events][-3:] == ["readtask.opened", "readtask.signed", "trial.lock"]
    assert (events[-1]["at"], events[-1]["role"]) == ("2026-03-02T16:30:00Z", "QC analyst")
    assert {row["signer"] for row in marks} == {"SIGNER 1", "SIGNER 2"}
    (read,) = [row for row in marks if row["kind"] == "reading.readtask"]
    assert (read["meaning"], read["at"]) == ("I am the author of this assessment", "")
    (charter,) = [row for row in marks if row["kind"] == "trials.imagingcharter"]
    assert charter["at"] == "2025-01-08T10:00:00Z"
    task = ReadTask.objects.get(timepoint__subject__code="A-001", timepoint__code="W8", slot=1)
    assert read["content_sha256"] == signing.digest(task.signed_content())
    assert read["number"] == events[-2]["number"]
    assert [row["sequence"] for row in table(data, "checkpoints.csv")] == [str(len(events) - 2)]


def test_nothing_names_a_person_an_arm_or_the_day_of_anything_of_a_subject(trial: Trial):
    data = packed(trial)
    text = b"".join(content for name, content in members(data).items() if not name.endswith(".py")).decode()

    people = [name for user in User.objects.all() for name in (user.full_name, user.username)]
    for planted in (
        *people,
        *PLANTED.split()[1:],
        "ARM-X",
        *Subject.objects.values_list("code", flat=True),
        "reference",
    ):
        assert planted not in text, planted
    assert {row["at"] for row in table(data, "events.csv") if row["kind"] != "trials.trial"} == {""}


def test_what_happens_after_the_lock_changes_nothing(trial: Trial):
    before = packed(trial)
    audit.record("package.downloaded", trial, actor=None, at=recorded.LOCKED_AT)
    _seal()
    checkpoints.make(at=recorded.LOCKED_AT)

    assert packed(trial) == before


def _cell(name: str, column: str, value: str) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        rows = list(csv.reader(io.StringIO(files[name].decode(), newline="")))
        rows[1][rows[0].index(column)] = value
        target = io.StringIO(newline="")
        csv.writer(target, lineterminator="\n").writerows(rows)
        files[name] = target.getvalue().encode()

    return change


def _without_last(files: dict[str, bytes]) -> None:
    files["events.csv"] = files["events.csv"].rstrip().rpartition(b"\n")[0] + b"\n"


def _statement(old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        signed = json.loads(files["statement.json"])
        signed["statement"] = signed["statement"].replace(old, new)
        files["statement.json"] = exporting.readable(signed)

    return change


CHANGES = {
    "an action": (_cell("events.csv", "action", "query.dropped"), "events.csv: event 1 is not the one"),
    "a code": (_cell("events.csv", "code", "0" * 64), "events.csv: event 1 is not the one"),
    "the end cut off": (_without_last, "events.csv ends with event"),
    "a signer": (_cell("signatures.csv", "signer", "SIGNER 9"), "signatures.csv is not the one that was signed."),
    "a checkpoint": (_cell("checkpoints.csv", "code", "0" * 64), "has not the code that a checkpoint knew"),
    "the statement": (_statement("PKG-01", "PKG-02"), "statement.json: the signature does not hold."),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found_even_where_the_manifest_was_made_right_again(
    trial: Trial, verifier: ModuleType, tmp_path: Path, what: str
):
    change, sentence = CHANGES[what]
    files = members(packed(trial))
    change(files)
    path = tmp_path / "changed.zip"
    path.write_bytes(made_right_again(files))

    problems, _ = verifier.verify(str(path))

    assert any(sentence in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("key", "message", "signature", "holds"),
    [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595b"
            "be24655141438e7a100b",
            True,
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
            "2aeeb00d291612bb0c00",
            True,
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "73",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb430"
            "2aeeb00d291612bb0c00",
            False,
        ),
        ("ff" * 32, "72", "00" * 64, False),
    ],
    ids=["test 1", "test 2", "another message", "no key"],
)
def test_signatures_are_verified_as_rfc_8032_has_them(
    verifier: ModuleType, key: str, message: str, signature: str, holds: bool
):
    """Section 7.1."""
    told = verifier.is_signed(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))
    assert told is holds


def test_a_sponsor_downloads_it_beside_the_package_and_a_reader_does_not(trial: Trial):
    sponsor = recorded.member(trial, Role.SPONSOR)
    build_package(trial=trial, actor=sponsor, at=recorded.LOCKED_AT)
    _seal()
    export = build_trail(trial=trial, actor=sponsor, at=recorded.LOCKED_AT)
    assert (export.kind, Export.objects.count()) == ("audit-trail", 2)
    _seal()
    client, other = Client(), Client()
    client.force_login(sponsor)
    other.force_login(ReadTask.objects.first().reader)
    address = reverse("reading:package_download", args=[export.pk])

    page = client.get(reverse("reading:package", args=[trial.pk])).content.decode()
    _seal()

    assert export.file_name in page
    assert address in page
    taken = client.get(address)
    assert (taken.status_code, hashlib.sha256(taken.content).hexdigest()) == (200, export.sha256)
    assert other.get(address).status_code in (403, 404)
