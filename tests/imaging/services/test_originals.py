"""Originals at rest: under their trial's key, and as they came when they are needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compliance import confined, keys, storage, vault
from compliance.models import Job
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Transfer
from imaging.services import originals, spool
from imaging.services.receiving import index_spool
from tests.factories import AT, PLANTED, World, scan
from tests.imaging.services.delivery import by_scanner
from trials.services.keeping_keys import rotate_key_of_originals

pytestmark = pytest.mark.requirement("REQ-STO-002")


def lying(disk: Path) -> list[Path]:
    return [path for path in (disk / "quarantine").rglob("*") if path.is_file()]


def test_nothing_of_a_person_is_readable_at_rest(world: World, own_disk: Path) -> None:
    files = scan("N-001", slices=3)
    by_scanner(world, files)

    stored = [path.read_bytes() for path in lying(own_disk)]
    assert len(stored) == 3
    assert all(vault.is_locked(content) for content in stored)
    assert [value for value in PLANTED.values() for content in stored if value.encode() in content] == []
    kept = [originals.read(row, trial_code=world.trial.code) for row in ReceivedInstance.objects.order_by("pk")]
    assert kept == files


def test_a_reader_in_another_process_gets_it_as_it_came(world: World) -> None:
    by_scanner(world, scan("N-001", slices=1))
    row = ReceivedInstance.objects.get()

    with originals.on_disk(row, trial_code=world.trial.code) as path:
        seen = confined.call("imaging.deid.workshop:look", str(path), bytes(16))
        size = path.stat().st_size

    assert (seen["modality"], size) == ("CT", row.size)
    assert not path.exists()


def test_the_readable_copy_has_no_name_on_the_disk(world: World, own_disk: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("only where the system has /proc")
    by_scanner(world, scan("N-001", slices=1))
    row = ReceivedInstance.objects.get()

    with originals.on_disk(row, trial_code=world.trial.code) as path:
        assert os.stat(path).st_nlink == 0


def test_an_original_that_was_changed_is_not_worked_on(world: World, own_disk: Path) -> None:
    by_scanner(world, scan("N-001", slices=1))
    row, (path,) = ReceivedInstance.objects.get(), lying(own_disk)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(vault.Damaged):
        originals.read(row, trial_code=world.trial.code)


def test_originals_from_before_there_was_a_vault_are_read_as_they_lie(world: World, own_disk: Path) -> None:
    (file,) = scan("N-001", slices=1)
    by_scanner(world, [file])
    row, (path,) = ReceivedInstance.objects.get(), lying(own_disk)
    path.write_bytes(file)

    assert originals.read(row, trial_code=world.trial.code) == file


def test_without_the_trials_key_what_came_stays_in_the_spool_until_it_is_back(world: World, own_disk: Path) -> None:
    path = own_disk / "keys" / f"{world.trial.code}.key"
    secret = path.read_bytes()
    path.unlink()
    origin = spool.Origin(
        door=Transfer.Door.DIMSE, site_id=world.north.pk, sender="NORTH_CT", delivery=spool.new_id(AT)
    )
    for file in scan("N-001", slices=2):
        spool.receive_instance(file, origin=origin, at=AT)
    assert index_spool(at=AT) == 0
    assert (len(spool.entries(spool.root() / origin.folder)), lying(own_disk)) == (2, [])
    assert not Job.objects.exists()

    path.write_bytes(secret)
    assert index_spool(at=AT) == 2
    assert spool.entries(spool.root() / origin.folder) == []


def test_what_a_crash_left_half_written_is_written_anew(world: World, own_disk: Path) -> None:
    (file,) = scan("N-001", slices=1)
    origin = spool.Origin(
        door=Transfer.Door.DIMSE, site_id=world.north.pk, sender="NORTH_CT", delivery=spool.new_id(AT)
    )
    receipt = spool.receive_instance(file, origin=origin, at=AT)
    folder = own_disk / "quarantine" / str(origin.delivery)
    folder.mkdir(parents=True)
    (folder / f".{receipt.spool_id.hex}.dcm.adopting").write_bytes(b"half")

    assert index_spool(at=AT) == 1
    assert [path.name for path in lying(own_disk)] == [f"{receipt.spool_id.hex}.dcm"]
    assert originals.read(ReceivedInstance.objects.get(), trial_code=world.trial.code) == file


def test_the_key_of_originals_is_not_the_trials_secret(world: World) -> None:
    secret, key = keys.of_trial(world.trial.code), keys.of_originals(world.trial.code)[0].secret

    assert len(key) == 32
    assert secret not in (key, key[: len(secret)])


def test_a_stored_original_is_left_alone(world: World, own_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(b"second")

    originals.keep({"d/x.dcm": tmp_path / "a"}, trial_code=world.trial.code)
    before = storage.get(storage.QUARANTINE, "d/x.dcm")
    originals.keep({"d/x.dcm": tmp_path / "b"}, trial_code=world.trial.code)

    assert storage.get(storage.QUARANTINE, "d/x.dcm") == before


def test_after_a_rotation_what_comes_lies_under_the_new_key_and_the_rest_under_its_own(
    world: World, own_disk: Path
) -> None:
    first, second = scan("N-001", slices=2)
    by_scanner(world, [first])
    (older,) = lying(own_disk)
    before = ImagingStudy.objects.get().study_instance_uid

    made = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)
    by_scanner(world, [second])

    (newer,) = set(lying(own_disk)) - {older}
    derived = keys.of_originals(world.trial.code)[0]
    assert vault.key_of(older.read_bytes()) == derived.fingerprint
    assert vault.key_of(newer.read_bytes()) == made.fingerprint
    kept = [originals.read(row, trial_code=world.trial.code) for row in ReceivedInstance.objects.order_by("pk")]
    assert kept == [first, second]
    assert (ImagingStudy.objects.get().study_instance_uid, Instance.objects.count()) == (before, 2)


def test_an_original_whose_key_is_gone_names_the_key_and_waits_for_it(world: World, own_disk: Path) -> None:
    made = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)
    by_scanner(world, scan("N-001", slices=1))
    row, path = ReceivedInstance.objects.get(), own_disk / "keys" / "PLX-1.originals-1.key"
    secret = path.read_bytes()
    path.unlink()

    with pytest.raises(keys.KeyMissing, match=f"The key {made.fingerprint}, .* Restore the key file"):
        originals.read(row, trial_code=world.trial.code)

    path.write_bytes(secret)
    assert len(originals.read(row, trial_code=world.trial.code)) == row.size
