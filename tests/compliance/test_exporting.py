"""A package is the same bytes each time, and tells by itself when a byte is not what it was."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import subprocess
import sys
import zipfile

import pytest

from compliance import exporting, storage
from compliance.models import AuditEvent, Export, User
from trials.models import Trial

pytestmark = pytest.mark.requirement("REQ-LOC-003")

AT = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
LATER = dt.datetime(2027, 1, 1, 9, 0, tzinfo=dt.UTC)


class Letters(exporting.Exporter[dict[str, str]]):
    """An export with two files, to see the frame around them."""

    identifier = "letters"
    title = "Letters"
    sources = ("compliance/exporting.py", "compliance/migrations")

    def ready(self, about):
        if about.state != "locked":
            raise exporting.NotLocked("The trial is not locked yet. Lock it first.")

    def snapshot(self, about):
        return {"b.txt": "second", "a/first.txt": f"of {about.code}"}

    def statement(self, snapshot):
        return {"lock": {"identifier": "0" * 64}}

    def files(self, snapshot):
        return ((name, text.encode()) for name, text in snapshot.items())

    def file_name(self, snapshot):
        return "letters.zip"


SNAPSHOT = {"b.txt": "second", "a/first.txt": "first"}


@pytest.fixture
def package() -> bytes:
    return exporting.pack(Letters(), SNAPSHOT).data


def _unzip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return target.getvalue()


def test_members_are_stored_sorted_and_without_time(package):
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == ["a/first.txt", "b.txt", "manifest.json"]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_the_order_in_which_files_are_written_does_not_matter(package):
    assert exporting.pack(Letters(), dict(reversed(SNAPSHOT.items()))).data == package


def test_another_process_writes_the_same_bytes(package):
    """Hash seed, time zone and locale of the process leave no trace (first promise of a lock)."""
    program = (
        "import django, hashlib, sys; django.setup();"
        "from compliance import exporting; from tests.compliance.test_exporting import Letters, SNAPSHOT;"
        "print(exporting.pack(Letters(), SNAPSHOT).sha256)"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "PYTHONHASHSEED": "7",
        "TZ": "Pacific/Auckland",
        "PYTHONPATH": ".",
    }
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == hashlib.sha256(package).hexdigest()


def test_the_manifest_names_every_file_with_its_digest_and_the_code_that_wrote_it(package):
    manifest = json.loads(_unzip(package)["manifest.json"])
    assert manifest["files"] == [
        {"name": "a/first.txt", "size": 5, "sha256": hashlib.sha256(b"first").hexdigest()},
        {"name": "b.txt", "size": 6, "sha256": hashlib.sha256(b"second").hexdigest()},
    ]
    assert manifest["exporter"] == "letters"
    assert manifest["lock"] == {"identifier": "0" * 64}
    assert manifest["code"] == exporting.code_version(Letters.sources)
    assert set(manifest["code"]) == {"name", "version", "sources_sha256"}


def test_an_unharmed_package_has_no_problems(package):
    assert exporting.verify(package) == []


@pytest.mark.requirement("REQ-LOC-003", "REQ-LOC-004")
def test_no_byte_of_a_package_can_be_flipped_unseen(package):
    for position in range(len(package)):
        forged = bytearray(package)
        forged[position] ^= 0x01
        assert exporting.verify(bytes(forged)), position


@pytest.mark.requirement("REQ-LOC-003", "REQ-LOC-004")
def test_the_file_that_was_changed_is_named(package):
    forged = bytearray(package)
    forged[package.index(b"second")] ^= 0x20
    assert exporting.verify(bytes(forged)) == ["b.txt was changed: its digest does not match the manifest."]


def test_a_file_changed_by_an_archiver_that_mends_checksums_is_named(package):
    members = _unzip(package) | {"a/first.txt": b"fifth"}
    assert exporting.verify(_zip(members)) == ["a/first.txt was changed: its digest does not match the manifest."]


@pytest.mark.requirement("REQ-LOC-003", "REQ-LOC-004")
def test_missing_and_added_files_are_named(package):
    members = _unzip(package)
    del members["b.txt"]
    members["c.txt"] = b"third"
    assert exporting.verify(_zip(members)) == ["b.txt is missing.", "c.txt is not in the manifest."]


def test_a_changed_statement_in_the_manifest_is_seen(package):
    members = _unzip(package)
    members["manifest.json"] = members["manifest.json"].replace(b"0000", b"1000", 1)
    assert exporting.verify(_zip(members)) == ["manifest.json was changed: its own digest does not match."]


@pytest.mark.parametrize("data", [b"", b"PK", b"not a package at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_package_is_told_in_one_sentence(data):
    assert len(exporting.verify(data)) == 1


def test_a_compressed_copy_is_not_taken_for_the_package(package):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _unzip(package).items():
            archive.writestr(name, content)
    assert exporting.verify(target.getvalue()) == ["The file is not a ZIP archive as Parallax writes it."]


@pytest.mark.django_db
class TestBuild:
    @pytest.fixture
    def actor(self):
        return User.objects.create(username="admin", full_name="A. Dmin")

    @pytest.fixture
    def trial(self):
        return Trial.objects.create(code="EXP-1", title="T", sponsor_name="S", state="locked", created_at=AT)

    @pytest.mark.requirement("REQ-LOC-003", "REQ-LOC-010")
    def test_keeps_the_bytes_and_says_so_in_the_trail(self, trial, actor):
        export = exporting.build(Letters(), trial, actor=actor, at=AT)
        data = storage.get(storage.EXPORTS, export.storage_key)
        assert hashlib.sha256(data).hexdigest() == export.sha256
        assert (export.kind, export.trial_id, export.size) == ("letters", trial.pk, len(data))
        assert exporting.verify(data) == []
        event = AuditEvent.objects.get(action="package.built")
        assert event.after == {
            "package": export.pk,
            "file": "letters.zip",
            "sha256": export.sha256,
            "repeated": False,
        }
        assert (event.trial_id, event.at) == (trial.pk, AT)

    def test_the_same_bytes_later_are_the_same_package(self, trial, actor):
        first = exporting.build(Letters(), trial, actor=actor, at=AT)
        second = exporting.build(Letters(), trial, actor=actor, at=LATER)
        assert second == first
        assert Export.objects.count() == 1
        assert [e.after["repeated"] for e in AuditEvent.objects.filter(action="package.built").order_by("id")] == [
            False,
            True,
        ]

    @pytest.mark.requirement("REQ-LOC-003", "REQ-LOC-006")
    def test_an_open_trial_has_no_package(self, trial, actor):
        trial.state = "running"
        with pytest.raises(exporting.NotLocked):
            exporting.build(Letters(), trial, actor=actor, at=AT)
        assert Export.objects.count() == 0

    def test_a_kept_package_is_checked_before_it_is_handed_out(self, trial, actor, settings):
        export = exporting.build(Letters(), trial, actor=actor, at=AT)
        assert exporting.verify(exporting.read(export)) == []
        export.storage_key = "letters/other.zip"
        storage.put(storage.EXPORTS, export.storage_key, b"other")
        with pytest.raises(exporting.PackageDamaged):
            exporting.read(export)


def test_the_code_s_digest_follows_its_sources(tmp_path, settings):
    settings.ROOT = tmp_path
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "n"\nversion = "1"\n')
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "one.py").write_text("x = 1\n")
    exporting.code_version.cache_clear()
    first = exporting.code_version(("rules",))
    (tmp_path / "rules" / "one.pyc").write_bytes(b"compiled")
    exporting.code_version.cache_clear()
    assert exporting.code_version(("rules",)) == first
    (tmp_path / "rules" / "one.py").write_text("x = 2\n")
    exporting.code_version.cache_clear()
    assert exporting.code_version(("rules",))["sources_sha256"] != first["sources_sha256"]
    exporting.code_version.cache_clear()
