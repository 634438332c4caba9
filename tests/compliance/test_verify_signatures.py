"""`verify_signatures` names what was done to a signature, or to its record, behind the application's back."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from compliance import signing
from compliance.models import AuditEvent, PolicyAcceptance, Signature, Supersession
from compliance.signing import Intent
from compliance.verifying_signatures import verify
from tests.factories import AT, PASSWORD, World
from trials.models import ImagingCharter
from trials.services import setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SIG-005")]


def sql(statement: str, *values: object) -> None:
    """Do what somebody with the database can, its triggers put aside."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'compliance_%'")
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(statement, values)
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")


@pytest.fixture
def signed(world: World) -> Signature:
    """The approval of the charter's second version; a review of it came before, and was superseded."""
    by: dict[str, Any] = {"actor": world.administrator, "at": AT}
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", **by)
    review = Intent(PASSWORD, Signature.Meaning.REVIEW)
    setting_up.review_charter(charter=draft, signature=review, actor=world.analyst, at=AT)
    setting_up.reopen_charter(charter=draft, reason="A visit is missing", **by)
    setting_up.sign_charter(charter=draft, signature=Intent(PASSWORD, Signature.Meaning.APPROVAL), **by)
    return signing.signatures_on(draft).get(meaning=Signature.Meaning.APPROVAL)


def change(column: str, value: object) -> Callable[[Signature], None]:
    statement = f"UPDATE compliance_signature SET {column} = %s WHERE id = %s"  # noqa: S608 - our own columns
    return lambda row: sql(statement, value, row.pk)


def to_another_record(row: Signature) -> None:
    other = ImagingCharter.objects.exclude(pk=row.object_id).get()
    change("object_id", str(other.pk))(row)


def to_another_signer(row: Signature) -> None:
    other = Signature.objects.exclude(signer=row.signer).first()
    assert other is not None
    sql(
        "UPDATE compliance_signature SET signer_id = %s, printed_name = %s WHERE id = %s",
        other.signer_id,
        other.printed_name,
        row.pk,
    )


COLUMNS = (
    "signer_id, printed_name, meaning, at, object_type, object_id, "
    "content_sha256, charter_version, policy_version, seal"
)


def copied(row: Signature) -> None:
    chosen = f"SELECT {COLUMNS} FROM compliance_signature WHERE id = %s"  # noqa: S608 - our own columns
    sql(f"INSERT INTO compliance_signature ({COLUMNS}) {chosen}", row.pk)


def removed(row: Signature) -> None:
    sql("DELETE FROM compliance_signature WHERE id = %s", row.pk)


def sealed_like_another(row: Signature) -> None:
    other = Signature.objects.exclude(pk=row.pk).exclude(seal="").first()
    assert other is not None
    change("seal", other.seal)(row)


def row_and_trail_together(row: Signature) -> None:
    """The event is rewritten to fit: the seal is what is left."""
    event = AuditEvent.objects.get(action="imagingcharter.signed", object_id=row.object_id, after__signature=row.pk)
    after = json.dumps({**(event.after or {}), "meaning": "review"})
    sql("UPDATE compliance_auditevent SET after = %s WHERE id = %s", after, event.pk)
    change("meaning", "review")(row)


def other_content(row: Signature) -> None:
    charter = ImagingCharter.objects.get(pk=row.object_id)
    content = json.dumps({**charter.content, "query_due_days": 59})
    sql("UPDATE trials_imagingcharter SET content = %s WHERE id = %s", content, charter.pk)


def other_content_and_digest(row: Signature) -> None:
    other_content(row)
    change("content_sha256", signing.digest(ImagingCharter.objects.get(pk=row.object_id).signed_content()))(row)


def superseded_by_hand(row: Signature) -> None:
    other_content(row)
    statement = "INSERT INTO compliance_supersession (signature_id, at, action, seal) VALUES (%s, %s, %s, %s)"
    sql(statement, row.pk, AT, "imagingcharter.reopen", Supersession.objects.get().seal)


def record_removed(row: Signature) -> None:
    change("object_id", "999999")(row)
    event = AuditEvent.objects.get(action="imagingcharter.signed", after__signature=row.pk)
    sql("UPDATE compliance_auditevent SET object_id = '999999' WHERE id = %s", event.pk)


DAMAGE: dict[str, tuple[Callable[[Signature], None], str]] = {
    "moved to another record": (to_another_record, "moved"),
    "moved to another kind of record": (change("object_type", "trials.trial"), "moved"),
    "given to another signer": (to_another_signer, "signer"),
    "another meaning": (change("meaning", "review"), "meaning"),
    "another printed name": (change("printed_name", "Somebody Else"), "row"),
    "another time": (change("at", AT.replace(year=2031)), "row"),
    "another digest": (change("content_sha256", "0" * 64), "digest"),
    "another version of the charter": (change("charter_version", 1), "row"),
    "another version of the policy": (change("policy_version", 7), "row"),
    "without its seal": (change("seal", ""), "seal"),
    "with the seal of another": (sealed_like_another, "row"),
    "copied": (copied, "unknown"),
    "removed": (removed, "removed"),
    "changed together with the trail": (row_and_trail_together, "row"),
    "over other content": (other_content, "content"),
    "over other content, its digest adjusted": (other_content_and_digest, "digest"),
    "called superseded, over other content": (superseded_by_hand, "supersession"),
    "on a record that is not there": (record_removed, "row"),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_what_was_done_to_a_signature_is_named(signed: Signature, damage: str) -> None:
    do, kind = DAMAGE[damage]
    assert verify().faults == ()
    do(signed)

    (fault,) = verify().faults
    assert fault.kind == kind
    if kind != "unknown":
        assert fault.signature == signed.pk
    with pytest.raises(CommandError, match=f"1 of [0-9]+ signatures do not hold. The first is {fault.signature}"):
        call_command("verify_signatures", stdout=io.StringIO(), stderr=io.StringIO())


def test_whole_signatures_are_counted_and_nothing_is_written(signed: Signature) -> None:
    said = io.StringIO()
    events = AuditEvent.objects.count()
    call_command("verify_signatures", stdout=said)

    assert said.getvalue() == "3 signatures were verified, and all hold: 2 stand, 1 are superseded.\n"
    assert AuditEvent.objects.count() == events


def test_seals_of_another_key_are_told_from_damage(signed: Signature, settings: LazySettings, tmp_path: Path) -> None:
    settings.KEYS_DIR = tmp_path / "another place"

    assert {fault.kind for fault in verify().faults} == {"key"}


def test_without_a_readable_key_nothing_is_said_of_the_signatures(signed: Signature, own_disk: Path) -> None:
    (own_disk / "keys" / "signatures.key").write_text("no key")

    with pytest.raises(CommandError, match="Restore the file") as refused:
        call_command("verify_signatures", stdout=io.StringIO())
    assert refused.value.returncode == 2


@pytest.mark.requirement("REQ-SIG-008")
def test_a_policy_that_was_not_accepted_is_named(signed: Signature, world: World) -> None:
    (acceptance,) = PolicyAcceptance.objects.filter(user=world.administrator)
    sql("DELETE FROM compliance_policyacceptance WHERE id = %s", acceptance.pk)

    assert {fault.kind for fault in verify().faults} == {"policy"}


# --- what is superseded ------------------------------------------------------------------------------------------


@pytest.mark.requirement("REQ-SIG-006")
def test_a_signature_is_superseded_with_the_change_and_stays(world: World) -> None:
    by: dict[str, Any] = {"actor": world.administrator, "at": AT}
    draft = setting_up.amend_charter(trial=world.trial, change_summary="Next", **by)
    signature = signing.sign(draft, Intent(PASSWORD), **by)
    assert signature.ended is None

    setting_up.edit_charter(charter=draft, content={**draft.content, "query_due_days": 59}, **by)

    (row,) = signing.signatures_on(draft)
    assert row == signature
    assert row.ended is not None
    assert (row.ended.action, row.ended.actor, row.ended.at) == ("imagingcharter.edited", world.administrator, AT)
    assert verify().faults == ()


@pytest.mark.requirement("REQ-SIG-006")
def test_what_is_saved_with_the_same_content_supersedes_nothing(world: World) -> None:
    charter = world.trial.charters.get()
    setting_up.amend_charter(trial=world.trial, change_summary="Next", actor=world.administrator, at=AT)

    assert [one.ended for one in signing.signatures_on(charter)] == [None]


@pytest.mark.requirement("REQ-SIG-006")
def test_a_review_does_not_count_after_the_version_was_opened_again(signed: Signature) -> None:
    charter = ImagingCharter.objects.get(pk=signed.object_id)
    review, approval = signing.signatures_on(charter)

    assert (review.meaning, approval.meaning, approval.ended) == ("review", "approval", None)
    assert review.ended is not None
    assert review.ended.action == "imagingcharter.reopen"


@pytest.mark.requirement("REQ-SIG-001")
def test_a_signature_names_the_versions_it_was_made_under(signed: Signature) -> None:
    assert (signed.charter_version, signed.policy_version) == (2, 1)
    assert signed.seal.startswith("hmac-sha256:")


@pytest.mark.requirement("REQ-AUD-004")
@pytest.mark.parametrize("table", ["supersession", "policyacceptance"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = at", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_remove_what_ends_or_allows_a_signature(
    signed: Signature, table: str, verb: str
) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(verb.format(f"compliance_{table}"))
