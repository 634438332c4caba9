"""Checkpoints: signed, kept twice, and found out when they are forged; what they know that the chain does not."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from compliance import audit, checkpoints, keys, tasks
from compliance.models import AuditCheckpoint, AuditHead, AuditLink, User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-AUD-007")]

AT = dt.datetime(2026, 1, 31, 18, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def actor(own_disk: Any) -> User:
    return User.objects.create(username="admin", full_name="Ada Admin")


def note(actor: User, at: dt.datetime = AT) -> None:
    audit.record("thing.noted", actor, actor=actor, at=at)
    connection.seal()


def files() -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted(checkpoints.folder().glob("*.json"))]


def test_a_checkpoint_is_signed_and_lies_in_the_folder_and_in_the_database(actor):
    note(actor)
    made = checkpoints.make(at=AT)
    head = AuditHead.objects.get()
    assert json.loads(made.statement) == {
        "format": "parallax audit checkpoint 1",
        "at": "2026-01-31T18:00:00+00:00",
        "chains": [{"trial_id": 0, "sequence": 1, "mac": head.mac, "key": keys.of_audit()[0].fingerprint}],
    }
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(made.public_key))
    public.verify(bytes.fromhex(made.signature), made.statement.encode())
    assert files() == [{"statement": made.statement, "signature": made.signature, "public_key": made.public_key}]
    assert checkpoints.kept() == ([checkpoints.Checkpoint(AT, {0: checkpoints.End(1, head.mac)})], [])


def test_nothing_is_signed_twice_and_nothing_where_nothing_was_recorded(actor):
    assert checkpoints.make(at=AT) is None
    note(actor)
    assert checkpoints.make(at=AT) is not None
    assert checkpoints.make(at=AT + HOUR) is None
    note(actor)
    tasks.make_checkpoint()
    assert AuditCheckpoint.objects.count() == len(files()) == 2


def test_a_folder_that_cannot_be_written_leaves_no_checkpoint(actor, settings, tmp_path):
    note(actor)
    (tmp_path / "file").touch()
    settings.AUDIT_CHECKPOINTS_DIR = tmp_path / "file"
    with pytest.raises(CommandError, match="None was made"):
        call_command("checkpoint_audit")
    assert not AuditCheckpoint.objects.exists()


def test_a_file_that_was_changed_is_named(actor, capsys):
    note(actor)
    checkpoints.make(at=AT)
    (path,) = checkpoints.folder().glob("*.json")
    path.write_text(path.read_text().replace('\\"sequence\\":1', '\\"sequence\\":2'))
    with pytest.raises(CommandError, match="damaged"):
        call_command("verify_audit")
    assert capsys.readouterr().out == f"Not signed with a key of the trail, or changed: the file {path.name}.\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"statement": 1, "signature": 2, "public_key": 3}'])
def test_whatever_else_lies_in_the_folder_is_no_checkpoint(actor, content):
    note(actor)
    checkpoints.make(at=AT)
    (checkpoints.folder() / "other.json").write_text(content)
    kept, forged = checkpoints.kept()
    assert (len(kept), forged) == (1, ["the file other.json"])


def test_a_checkpoint_in_the_folder_shows_what_was_cut_off_with_its_row(actor, capsys):
    """The database is put back to an earlier copy of itself, which is whole."""
    note(actor)
    with transaction.atomic():
        sid = transaction.savepoint()
        note(actor)
        checkpoints.make(at=AT)
        transaction.savepoint_rollback(sid)
    assert (AuditLink.objects.count(), AuditCheckpoint.objects.count()) == (1, 0)
    with pytest.raises(CommandError, match="damaged"):
        call_command("verify_audit")
    assert capsys.readouterr().out == (
        "Events of no trial: record 2 is bad, because it and all that followed are gone, "
        "though a checkpoint has them.\n"
    )


def test_what_came_since_a_date_is_verified_from_the_checkpoint_before_it(actor, capsys):
    for hour in range(4):
        note(actor)
        checkpoints.make(at=AT + hour * HOUR)
    call_command("verify_audit", since="2026-01-31T19:30")
    assert "2 events and 4 checkpoints verified" in capsys.readouterr().out
    with pytest.raises(CommandError, match="No checkpoint is as old as 2026-01-31"):
        call_command("verify_audit", since="2026-01-31")
    with pytest.raises(CommandError, match="yesterday is no date"):
        call_command("verify_audit", since="yesterday")


@pytest.mark.requirement("REQ-AUD-004", "REQ-AUD-007")
@pytest.mark.parametrize("sql", ["UPDATE {} SET statement = ''", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_remove_a_checkpoint(actor, sql):
    note(actor)
    checkpoints.make(at=AT)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format("compliance_auditcheckpoint"))
