"""Bytes once stored stay as they are."""

from __future__ import annotations

import hashlib

import pytest

from compliance import storage


def test_put_gives_back_the_digest_and_the_bytes():
    sha256 = storage.put(storage.ARCHIVE, "t/a.bin", b"pixels")
    assert sha256 == hashlib.sha256(b"pixels").hexdigest()
    assert storage.get(storage.ARCHIVE, "t/a.bin") == b"pixels"


def test_the_same_bytes_again_change_nothing():
    storage.put(storage.ARCHIVE, "t/b.bin", b"pixels")
    assert storage.put(storage.ARCHIVE, "t/b.bin", b"pixels") == hashlib.sha256(b"pixels").hexdigest()


def test_other_bytes_under_the_same_key_are_refused_and_the_first_stay():
    storage.put(storage.ARCHIVE, "t/c.bin", b"pixels")
    with pytest.raises(storage.AlreadyStored):
        storage.put(storage.ARCHIVE, "t/c.bin", b"forged")
    assert storage.get(storage.ARCHIVE, "t/c.bin") == b"pixels"


def test_no_partial_file_is_left_behind(settings):
    storage.put(storage.ARCHIVE, "t/d.bin", b"pixels")
    folder = settings.STORAGES["archive"]["OPTIONS"]["location"] / "t"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
