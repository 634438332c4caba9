"""`manage.py verify_extract` holds an extract against the trail, and names the first record that differs."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from compliance import checkpoints, exporting, extracts, redaction
from compliance.extracts import Form
from compliance.models import AuditEvent, User
from compliance.signing import Intent
from tests.factories import AT, PASSWORD, World
from tests.support.extracts import (
    LATER,
    changed,
    exchanged,
    export,
    files_of,
    left_out,
    links,
    note,
    of_subject,
    packed,
    renumbered,
    rows_of,
    said_by,
    said_otherwise,
    tamper,
    verified,
)
from trials.models import Role
from trials.services import querying, redacting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-AUD-052")]

NAME = "Is this the scan of Mrs Jansen-Vermeulen?"


@pytest.fixture
def auditor(world: World) -> User:
    """The trial's auditor, once all that was arranged is in the chain."""
    connection.seal()
    return world.people[Role.AUDITOR]


@pytest.mark.parametrize("form", [Form.CSV, Form.JSON])
def test_an_extract_is_what_the_trail_says_whatever_was_recorded_since(
    world: World, auditor: User, tmp_path: Path, form: Form
) -> None:
    checkpoints.make(at=AT)
    data = export(world, form)
    note(world, reason="since then")
    count = said_by(data)["events"]

    assert verified(data, tmp_path) == (
        f"{count} records compared: the extract is what the trail of trial {world.trial.code} says.\n"
    )


FIRST = {
    "another name": (said_otherwise, "Record 2 (event {event}) differs from the trail in actor_name."),
    "exchanged": (exchanged, "Record 2 (event {event}) differs from the trail in code_before."),
    "not in the trail": (renumbered, "Record 999999 is not in the trail."),
    "left out": (left_out, "Record 3 (event {next}) differs from the trail in code_before."),
}


@pytest.mark.parametrize("what", FIRST)
def test_the_first_record_that_differs_is_named_even_where_all_digests_fit(
    world: World, auditor: User, tmp_path: Path, what: str
) -> None:
    change, sentence = FIRST[what]
    there = links(world)

    said = verified(changed(export(world), change, digests=True), tmp_path)

    assert said.splitlines()[0] == sentence.format(event=there[2].event_id, next=there[3].event_id)


def test_a_trail_that_was_changed_since_is_named_by_its_extract(world: World, auditor: User, tmp_path: Path) -> None:
    data = export(world)
    event = AuditEvent.objects.filter(trial_id=world.trial.pk, link__sequence=4).get()
    tamper(event)

    said = verified(data, tmp_path)

    assert said.startswith(f"Record 4 (event {event.pk}) differs from the trail in actor_name.\n")
    assert said.endswith("The audit trail itself is damaged. Keep the database as it is.")


def test_a_statement_of_somebody_elses_key_is_no_statement_of_this_trail(
    world: World, auditor: User, tmp_path: Path
) -> None:
    files = files_of(export(world))
    signed, key = json.loads(files["statement.json"]), Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signed["signature"] = key.sign(signed["statement"].encode()).hex()
    signed["public_key"] = key.public_key().public_bytes_raw().hex()
    files["statement.json"] = exporting.readable(signed)

    assert verified(packed(files), tmp_path).startswith("The statement is not signed with a key of this trail")


def test_two_files_of_one_name_are_no_extract(world: World, auditor: User, tmp_path: Path) -> None:
    """Programs differ in which of them they show."""
    data = io.BytesIO(export(world))
    with zipfile.ZipFile(data, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("events.csv", b"another list")

    assert "cannot be read" in verified(data.getvalue(), tmp_path)


def test_an_extract_of_which_the_trail_knows_nothing_is_told(world: World, auditor: User, tmp_path: Path) -> None:
    about = extracts.About(trial=world.trial.code, chain=world.trial.pk, selection={}, by="Nobody", at=LATER)
    events = AuditEvent.objects.filter(trial_id=world.trial.pk)
    with extracts.make(events, about, Form.CSV, printed=lambda said, rows: b"").file as file:
        assert verified(file.read(), tmp_path).startswith("That it was exported is not in the trail.\n")


@pytest.mark.parametrize(
    "data", [b"", b"no archive at all", b"PK\x05\x06" + bytes(18)], ids=["nothing", "no archive", "an empty one"]
)
def test_what_is_no_extract_is_refused_in_plain_words(own_disk: Path, data: bytes) -> None:
    assert "extract.zip" in verified(data, own_disk)


# --- redaction


def test_a_redacted_event_says_so_and_an_earlier_extract_still_holds(
    world: World, auditor: User, tmp_path: Path
) -> None:
    querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Whose scan", text=NAME, actor=world.analyst, at=AT
    )
    connection.seal()
    (event,) = [event for event in AuditEvent.objects.all() if NAME in redaction.texts(event).values()]
    early = export(world, **of_subject(world, "N-001"))
    places = [place for place, text in redaction.texts(event).items() if text == NAME]
    asked = redacting.ask_redaction(
        trial=world.trial,
        event=event,
        places=places,
        reason="A patient is named",
        signature=Intent(PASSWORD),
        actor=auditor,
        at=AT,
    )
    redacting.approve_redaction(asked=asked, signature=Intent(PASSWORD), actor=world.administrator, at=AT)
    connection.seal()

    late = export(world, **of_subject(world, "N-001"))

    voucher = AuditEvent.objects.get(action=redaction.VOUCHING).link.sequence
    (row,) = [row for row in rows_of(late) if row["id"] == str(event.pk)]
    assert (row["redacted_by"], row["code"]) == (str(voucher), event.link.mac)
    assert "Jansen" not in files_of(late)["events.csv"].decode()
    assert "Jansen" in files_of(early)["events.csv"].decode()
    assert f"Text was taken out of the trail since, by two signatures each, at record {event.link.sequence}." in (
        verified(early, tmp_path)
    )
    assert "Text was taken out" not in verified(late, tmp_path)
    assert verified(late, tmp_path).endswith("says.\n")
