"""The keys of a trial's originals are replaced on the record; its secret never is."""

from __future__ import annotations

import html
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from compliance import keys
from compliance.access import AccessDenied
from compliance.models import AuditEvent, User
from tests.factories import AT, World
from trials.services.keeping_keys import KeyState, rotate_key_of_originals, states_of_keys

pytestmark = pytest.mark.requirement("REQ-STO-004")

ACTION = "trial.originals_key_made"


def status() -> str:
    out = io.StringIO()
    call_command("keys", "status", stdout=out)
    return out.getvalue()


def broken_status() -> str:
    out = io.StringIO()
    with pytest.raises(CommandError, match=r"At least one key is missing\. Restore the key files"):
        call_command("keys", "status", stdout=out)
    return out.getvalue()


def test_who_replaced_a_key_and_which_came_stands_in_the_trail(world: World) -> None:
    made = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)

    event = AuditEvent.objects.get(action=ACTION)
    assert (event.actor, event.at, event.object_id) == (world.administrator, AT, str(world.trial.pk))
    assert event.after == {"number": 1, "fingerprint": made.fingerprint}
    assert rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT).number == 2


def test_only_the_trials_administrator_replaces_its_keys(world: World) -> None:
    for person in (world.outsider, world.analyst):
        with pytest.raises(AccessDenied):
            rotate_key_of_originals(trial=world.trial, actor=person, at=AT)
    assert [key.number for key in keys.of_originals(world.trial.code)] == [0]


def test_the_number_of_a_key_that_was_lost_is_not_given_again(world: World, own_disk: Path) -> None:
    lost = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)
    (own_disk / "keys" / "PLX-1.originals-1.key").unlink()

    made = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)

    assert made.number == 2
    assert states_of_keys(world.trial)[1:] == [
        KeyState(1, "", lost.fingerprint),
        KeyState(2, made.fingerprint, made.fingerprint),
    ]


def test_a_key_that_cannot_be_made_is_not_on_the_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*paths: Path) -> None:
        raise OSError(28, "No space left on device")

    with (
        monkeypatch.context() as patch,
        pytest.raises(CommandError, match=r"No space left on device\. Nothing changed"),
    ):
        patch.setattr("compliance.keys.os.link", full)
        call_command("keys", "rotate", "PLX-1", "--as", world.administrator.username)

    assert not AuditEvent.objects.filter(action=ACTION).exists()
    assert len(states_of_keys(world.trial)) == 1


def test_the_command_speaks_of_keys_by_their_fingerprints(world: World) -> None:
    out = io.StringIO()
    call_command("keys", "rotate", "PLX-1", "--as", world.administrator.username, stdout=out)

    derived, made = keys.of_originals("PLX-1")
    assert f"key 1, {made.fingerprint}, from now on" in out.getvalue()
    assert status().splitlines() == [
        f"PLX-1: key 0 of originals is {derived.fingerprint}",
        f"PLX-1: key 1 of originals is {made.fingerprint}, newest: what comes is locked with it",
    ]
    said = out.getvalue() + status()
    assert [key for key in (keys.of_trial("PLX-1"), derived.secret, made.secret) if key.hex() in said] == []


def test_the_secret_of_pseudonyms_is_not_replaced_and_it_is_said_why(world: World) -> None:
    before = keys.of_trial("PLX-1")

    with pytest.raises(CommandError, match="the same subject would be somebody else"):
        call_command("keys", "rotate", "PLX-1", "--pseudonyms", "--as", world.administrator.username)

    assert (keys.of_trial("PLX-1"), len(states_of_keys(world.trial))) == (before, 1)


@pytest.mark.parametrize(
    ("trial", "user", "answer"),
    [("NO-1", "", "No trial has the code NO-1"), ("PLX-1", "nobody", "No user is named nobody")],
)
def test_who_and_what_is_not_there_is_said(world: World, trial: str, user: str, answer: str) -> None:
    with pytest.raises(CommandError, match=answer):
        call_command("keys", "rotate", trial, "--as", user or world.administrator.username)


def test_the_command_refuses_whom_the_trial_does_not_let(world: World) -> None:
    with pytest.raises(CommandError):
        call_command("keys", "rotate", "PLX-1", "--as", world.outsider.username)
    assert len(states_of_keys(world.trial)) == 1


def test_a_missing_another_and_an_unreadable_key_are_told_apart(world: World, own_disk: Path) -> None:
    made = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)
    path = own_disk / "keys" / "PLX-1.originals-1.key"
    path.unlink()
    assert f"key 1 of originals is MISSING; {made.fingerprint} was made" in broken_status()

    other = keys.create_for_originals("PLX-1", 1)
    assert f"is {other.fingerprint}, ANOTHER than was made, {made.fingerprint}" in broken_status()

    path.write_text("abc")
    assert "number 1, cannot be read" in broken_status()

    (own_disk / "keys" / "PLX-1.key").unlink()
    assert "The secret key of trial PLX-1 cannot be read" in broken_status()


def page(person: User, name: str, world: World) -> str:
    client = Client()
    client.force_login(person)
    response = client.get(reverse(name, args=[world.trial.pk]))
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def test_pages_say_that_the_trials_key_is_missing_to_whom_it_concerns(world: World, own_disk: Path) -> None:
    pages = ((world.administrator, "trials:setup"), (world.coordinator, "imaging:transfers"))
    sentences = ("The secret key of trial PLX-1 cannot be read", "Waits for the trial's key")
    path = own_disk / "keys" / "PLX-1.key"
    secret = path.read_bytes()
    assert [said in page(*who, world) for who, said in zip(pages, sentences, strict=True)] == [False, False]

    path.unlink()
    assert [said in page(*who, world) for who, said in zip(pages, sentences, strict=True)] == [True, True]

    path.write_bytes(secret)
    assert [said in page(*who, world) for who, said in zip(pages, sentences, strict=True)] == [False, False]


def test_the_set_up_page_names_a_lost_key_of_originals(world: World, own_disk: Path) -> None:
    made = rotate_key_of_originals(trial=world.trial, actor=world.administrator, at=AT)
    assert "A key of the trial is missing" not in page(world.administrator, "trials:setup", world)

    (own_disk / "keys" / "PLX-1.originals-1.key").unlink()

    said = page(world.administrator, "trials:setup", world)
    assert "A key of the trial is missing" in said
    assert f"cannot be opened: 1 ({made.fingerprint}). Restore the file" in said
