"""The store on an SFTP server: OpenSSH's own server, started for the tests."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from compliance import storage
from compliance.sftp import SftpStorage
from tests.support.installation import free_port
from tests.support.sftp_server import SftpServer, made_key, serving

pytestmark = [pytest.mark.requires_tool("sshd", "sftp", "ssh-keygen"), pytest.mark.requirement("REQ-LOC-021")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with serving(tmp_path_factory.mktemp("sftp")) as started:
        yield started


@pytest.fixture
def store(server: SftpServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SftpStorage:
    """The store of a folder of the test's own, and the one that `compliance.storage` has."""
    made = store_of(server, request.node.originalname)
    monkeypatch.setattr(storage, "of", lambda alias: made)
    return made


def store_of(server: SftpServer, folder: str = "any") -> SftpStorage:
    return SftpStorage(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        folder=f"{server.folder}/{folder}",
        key_file=str(server.key_file),
        known_hosts=str(server.known_hosts),
    )


def test_a_file_goes_there_and_back_and_nothing_else_lies_there(store, server):
    data = bytes(range(256)) * 5000
    storage.put("outlet", "PLX-1/PLX-1-status.json", data)
    assert storage.get("outlet", "PLX-1/PLX-1-status.json") == data
    (folder,) = Path(store.folder).iterdir()
    (file,) = folder.iterdir()
    assert (file.relative_to(store.folder).as_posix(), file.read_bytes()) == ("PLX-1/PLX-1-status.json", data)
    assert not stat.S_IMODE(file.stat().st_mode) & 0o077


def test_the_same_bytes_again_change_nothing_and_others_are_refused(store):
    assert storage.put("outlet", "a/b.zip", b"package") == storage.put("outlet", "a/b.zip", b"package")
    with pytest.raises(storage.AlreadyStored):
        storage.put("outlet", "a/b.zip", b"forged")
    assert storage.get("outlet", "a/b.zip") == b"package"


def test_of_two_writers_at_once_the_server_refuses_the_second(store, monkeypatch):
    store.save("a/b.zip", ContentFile(b"package"))
    looked = iter([False])
    exists = store.exists
    monkeypatch.setattr(store, "exists", lambda name: next(looked, True) and exists(name))
    assert not store.exists("a/b.zip")
    with pytest.raises(FileExistsError):
        store.save("a/b.zip", ContentFile(b"forged"))
    assert [path.read_bytes() for path in Path(store.folder).rglob("*") if path.is_file()] == [b"package"]


def test_what_is_not_there_is_not_found(store):
    assert not store.exists("a/none.zip")
    with pytest.raises(FileNotFoundError):
        storage.get("outlet", "a/none.zip")


@pytest.mark.parametrize("name", ["../b.zip", 'a"b', "a\nrm x", "a b", "a/*"])
def test_a_name_that_a_command_could_take_for_more_is_refused(store, name):
    with pytest.raises(ValueError, match="A name on an SFTP server"):
        store.exists(name)


@pytest.mark.parametrize("part", [{"host": "-oProxyCommand=x"}, {"user": "-x"}, {"folder": '/"'}])
def test_a_place_that_the_client_could_take_for_more_is_refused(part):
    given = {"host": "h", "user": "u", "folder": "/f", "key_file": "k", "known_hosts": "n"}
    with pytest.raises(ValueError, match="An SFTP outlet is"):
        SftpStorage(**{**given, **part})


def test_a_server_that_is_away_is_not_known_or_does_not_know_us_gets_nothing(server, tmp_path):
    other = tmp_path / "known_hosts"
    other.write_text(f"[127.0.0.1]:{server.port} {made_key(tmp_path / 'other').with_suffix('.pub').read_text()}")
    for wrong in (
        replace(server, port=free_port()),
        replace(server, known_hosts=tmp_path / "nothing"),
        replace(server, known_hosts=other),
        replace(server, key_file=tmp_path / "other"),
    ):
        with pytest.raises(storage.StoreUnavailable):
            store_of(wrong).save("a/b.zip", ContentFile(b"package"))
    assert not list(server.folder.rglob("any"))


def test_a_folder_that_is_closed_to_us_is_a_store_that_is_not_to_be_used(server, tmp_path):
    (server.folder / "in-the-way").write_text("a file, not a folder")
    with pytest.raises(storage.StoreUnavailable):
        store_of(server, "in-the-way").save("a/b.zip", ContentFile(b"package"))
