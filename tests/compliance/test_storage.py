"""Bytes once stored stay as they are, in files and in a bucket alike."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import SuspiciousFileOperation, SuspiciousOperation
from django.core.files.base import ContentFile

from compliance import storage

pytestmark = pytest.mark.requirement("REQ-STO-001")

SHA256 = hashlib.sha256(b"pixels").hexdigest()


@pytest.fixture(params=["files", "bucket"])
def stores(request: pytest.FixtureRequest, settings: LazySettings, tmp_path: Path) -> str:
    """Empty stores of either kind."""
    request.getfixturevalue("own_disk" if request.param == "files" else "own_bucket")
    return str(request.param)


def test_put_gives_back_the_digest_and_the_bytes(stores: str) -> None:
    assert storage.put(storage.ARCHIVE, "t/a.bin", b"pixels") == SHA256
    assert storage.get(storage.ARCHIVE, "t/a.bin") == b"pixels"


def test_a_key_is_there_when_something_was_put_and_in_its_own_store_only(stores: str) -> None:
    assert not storage.of(storage.ARCHIVE).exists("t/a.bin")
    storage.put(storage.ARCHIVE, "t/a.bin", b"pixels")
    assert storage.of(storage.ARCHIVE).exists("t/a.bin")
    assert not storage.of(storage.ARCHIVE).exists("t/a")
    assert not storage.of(storage.QUARANTINE).exists("t/a.bin")


def test_the_same_bytes_again_change_nothing(stores: str) -> None:
    assert [storage.put(storage.ARCHIVE, "t/b.bin", b"pixels") for _ in range(2)] == [SHA256, SHA256]


@pytest.mark.parametrize("other", [b"forged", b"", b"pixels and more"])
def test_other_bytes_under_the_same_key_are_refused_and_the_first_stay(stores: str, other: bytes) -> None:
    storage.put(storage.ARCHIVE, "t/c.bin", b"pixels")
    with pytest.raises(storage.AlreadyStored, match="nothing was overwritten"):
        storage.put(storage.ARCHIVE, "t/c.bin", other)
    assert storage.get(storage.ARCHIVE, "t/c.bin") == b"pixels"


def test_what_is_saved_under_a_known_key_is_refused_and_not_renamed(stores: str) -> None:
    store = storage.of(storage.ARCHIVE)
    assert store.save("t/d.bin", ContentFile(b"pixels")) == "t/d.bin"
    with pytest.raises(FileExistsError):
        store.save("t/d.bin", ContentFile(b"forged"))
    assert storage.get(storage.ARCHIVE, "t/d.bin") == b"pixels"


def test_of_two_writers_at_once_one_is_refused(stores: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither saw the other when it looked: the store itself must refuse the second."""
    store = storage.of(storage.ARCHIVE)
    monkeypatch.setattr(type(store), "exists", lambda self, name: False)

    storage.put(storage.ARCHIVE, "t/e.bin", b"pixels")
    assert storage.put(storage.ARCHIVE, "t/e.bin", b"pixels") == SHA256
    with pytest.raises(storage.AlreadyStored):
        storage.put(storage.ARCHIVE, "t/e.bin", b"forged")

    assert storage.get(storage.ARCHIVE, "t/e.bin") == b"pixels"


def test_a_file_can_be_read_in_pieces(stores: str) -> None:
    storage.put(storage.EXPORTS, "t/f.bin", b"a long package")
    with storage.open_file(storage.EXPORTS, "t/f.bin") as file:
        assert [file.read(6), file.read(), file.read()] == [b"a long", b" package", b""]


def test_a_key_of_nothing_is_an_error(stores: str) -> None:
    with pytest.raises(FileNotFoundError):
        storage.get(storage.ARCHIVE, "t/g.bin")
    with pytest.raises(FileNotFoundError):
        storage.open_file(storage.ARCHIVE, "t/g.bin")


@pytest.mark.parametrize("key", ["../quarantine/t.bin", "t/../../x"])
def test_a_key_does_not_climb_out_of_its_store(stores: str, key: str) -> None:
    with pytest.raises((SuspiciousFileOperation, SuspiciousOperation)):
        storage.put(storage.ARCHIVE, key, b"pixels")


# --- files alone --------------------------------------------------------------------------------------------


def test_no_partial_file_is_left_behind(own_disk: Path) -> None:
    storage.put(storage.ARCHIVE, "t/h.bin", b"pixels")
    assert [path.name for path in (own_disk / "archive" / "t").iterdir()] == ["h.bin"]


def test_a_disk_that_fails_leaves_neither_a_file_nor_a_part(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.make_folder(own_disk / "archive" / "t")

    def broken(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as failing:
        failing.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="No space left"):
            storage.put(storage.ARCHIVE, "t/i.bin", b"pixels")

    assert list((own_disk / "archive" / "t").iterdir()) == []
    assert storage.put(storage.ARCHIVE, "t/i.bin", b"pixels") == SHA256


def test_bytes_are_synced_before_they_get_their_name_and_the_folder_after(
    own_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put(storage.ARCHIVE, "t/first.bin", b"the folder is there")
    steps = []
    fsync, link = os.fsync, os.link

    def synced(handle: int) -> None:
        steps.append("folder" if Path(os.readlink(f"/proc/self/fd/{handle}")).is_dir() else "bytes")
        fsync(handle)

    def linked(source: Path, target: Path) -> None:
        steps.append("name")
        link(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    storage.put(storage.ARCHIVE, "t/j.bin", b"pixels")

    assert steps == ["bytes", "name", "folder"]
