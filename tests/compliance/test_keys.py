"""A trial's secret key: a file of its own, never replaced, and nothing goes on without it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from compliance import keys
from tests.factories import AT, SECRET, make_user
from trials.models import Trial
from trials.services import setting_up

pytestmark = pytest.mark.requirement("REQ-STO-003")


def test_a_key_is_32_random_bytes_unless_given(own_disk: Path) -> None:
    for code in ("PLX-1", "PLX-2"):
        keys.create(code)
    keys.create("PLX-3", SECRET)

    first, second, given = (keys.of_trial(code) for code in ("PLX-1", "PLX-2", "PLX-3"))
    assert (len(first), len(second), given) == (32, 32, SECRET)
    assert first != second


def test_a_key_is_for_its_owner_alone(own_disk: Path) -> None:
    keys.create("PLX-1")

    folder = own_disk / "keys"
    assert [path.name for path in folder.iterdir()] == ["PLX-1.key"]
    assert stat.S_IMODE((folder / "PLX-1.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_is_never_replaced(own_disk: Path) -> None:
    keys.create("PLX-1", SECRET)

    with pytest.raises(FileExistsError):
        keys.create("PLX-1")

    assert keys.of_trial("PLX-1") == SECRET


@pytest.mark.django_db
def test_a_trial_set_up_anew_keeps_the_key_that_lies_there(own_disk: Path) -> None:
    """After a database was lost, its trial's pseudonyms must be the same again."""
    keys.create("PLX-1", SECRET)

    setting_up.create_trial(code="PLX-1", title="T", sponsor_name="S", actor=make_user("founder", is_staff=True), at=AT)

    assert Trial.objects.count() == 1
    assert keys.of_trial("PLX-1") == SECRET


@pytest.mark.parametrize("content", [None, "not hexadecimal", "abc"])
def test_a_key_that_cannot_be_read_is_named_by_its_trial(own_disk: Path, content: str | None) -> None:
    if content is not None:
        keys.create("PLX-1")
        (own_disk / "keys" / "PLX-1.key").write_text(content)

    with pytest.raises(keys.KeyMissing) as problem:
        keys.of_trial("PLX-1")

    assert (problem.value.code, problem.value.status) == ("key_missing", 503)
    assert problem.value.message == (
        "The secret key of trial PLX-1 cannot be read, so nothing can be de-identified for it. "
        "Restore the key file from its back-up."
    )


def test_whether_a_key_is_there_can_be_asked(own_disk: Path) -> None:
    assert not keys.exists("PLX-1")
    keys.create("PLX-1")
    assert keys.exists("PLX-1")


@pytest.mark.parametrize("code", ["", "A", "a-1", "../PLX-1", "PLX/1", "PLX-1\n", "A" * 21, "PLX 1"])
def test_a_trial_code_is_no_path(own_disk: Path, code: str) -> None:
    for ask in (keys.create, keys.exists):
        with pytest.raises(ValueError, match="capitals, digits and hyphens"):
            ask(code)
    with pytest.raises(keys.KeyMissing):
        keys.of_trial(code)
    assert not (own_disk / "keys").exists()


def test_keys_of_originals_are_numbered_and_the_first_follows_from_the_secret(own_disk: Path) -> None:
    keys.create("PLX-1", SECRET)
    keys.create("PLX-10", SECRET)
    (derived,) = keys.of_originals("PLX-1")

    made = [keys.create_for_originals("PLX-1", number) for number in (1, 2, 10)]
    keys.create_for_originals("PLX-10", 3)

    assert keys.of_originals("PLX-1") == [derived, *made]
    assert [key.number for key in keys.of_originals("PLX-1")] == [0, 1, 2, 10]
    assert len({key.secret for key in [derived, *made]}) == 4
    assert keys.of_trial("PLX-1") == SECRET
    for key in made:
        assert keys.that_locked("PLX-1", key.fingerprint) == key.secret
        assert key.secret.hex() not in repr(key)
    assert keys.that_locked("PLX-1", None) == derived.secret


def test_a_key_of_originals_is_for_its_owner_alone_and_never_replaced(own_disk: Path) -> None:
    keys.create("PLX-1", SECRET)
    made = keys.create_for_originals("PLX-1", 1)

    with pytest.raises(FileExistsError):
        keys.create_for_originals("PLX-1", 1)

    folder = own_disk / "keys"
    assert sorted(path.name for path in folder.iterdir()) == ["PLX-1.key", "PLX-1.originals-1.key"]
    assert stat.S_IMODE((folder / "PLX-1.originals-1.key").stat().st_mode) == 0o600
    assert keys.of_originals("PLX-1")[-1] == made


def test_a_key_that_was_not_written_to_its_end_is_not_there(own_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the file has its name, the trial goes on with the keys that it has."""
    keys.create("PLX-1", SECRET)

    def killed(*paths: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("compliance.keys.os.link", killed)
        keys.create_for_originals("PLX-1", 1)

    assert [key.number for key in keys.of_originals("PLX-1")] == [0]
    assert keys.create_for_originals("PLX-1", 1).number == 1


@pytest.mark.parametrize("content", ["not hexadecimal", "abcd", ""])
def test_a_key_of_originals_that_cannot_be_read_is_named_by_trial_and_number(own_disk: Path, content: str) -> None:
    keys.create("PLX-1", SECRET)
    (own_disk / "keys" / "PLX-1.originals-1.key").write_text(content)

    with pytest.raises(keys.KeyMissing, match=r"trial PLX-1, number 1, cannot be read\. Restore the key file"):
        keys.of_originals("PLX-1")
