"""A state changes in one way: from the right state, by the right person, with the ceremony of its row, audited."""

from __future__ import annotations

from typing import Any

import pytest

from compliance import access, audit, signing
from compliance.models import AuditEvent, Record, Signature
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired, SignatureRequired, advance, advance_batch
from imaging.models import ReceivedInstance, Transfer
from imaging.services.receiving import open_transfer
from imaging.states import TransferState
from tests.factories import AT, PASSWORD, World
from trials.models import Role, Trial
from trials.states import ImageState, SubjectState, TrialState

pytestmark = pytest.mark.requirement("REQ-SEQ-001")

SIGNED = Intent(PASSWORD, Signature.Meaning.APPROVAL)


@pytest.fixture
def transfer(world: World) -> Transfer:
    """An upload under way; the system itself closes it."""
    return open_transfer(timepoint=world.timepoint("N-001", "BL"), actor=world.coordinator, at=AT)


def unchanged(record: Record, error: type[Exception], verb: str, **given: Any) -> Exception:
    """Show that a step is refused with this error and leaves row, trail and signatures as they were."""
    kind = type(record)

    def everything() -> tuple[Any, ...]:
        row = kind.objects.filter(pk=record.pk).values().get()
        return row, AuditEvent.objects.count(), Signature.objects.count()

    before = everything()
    with pytest.raises(error) as refused:
        advance(record, verb, at=AT, **given)
    assert everything() == before
    return refused.value


# --- the step -----------------------------------------------------------------------------------------------


def test_a_step_changes_the_row_and_the_record_in_hand_and_is_one_event(world: World, transfer: Transfer) -> None:
    events = AuditEvent.objects.count()

    moved = advance(transfer, "close", actor=None, at=AT, closed_at=AT)

    assert moved is transfer
    assert (transfer.state, transfer.closed_at) == (TransferState.CLOSED, AT)
    row = Transfer.objects.get(pk=transfer.pk)
    assert (row.state, row.closed_at) == (TransferState.CLOSED, AT)
    event = audit.history(transfer).filter(action="transfer.close").get()
    assert (event.actor, event.actor_name) == (None, "system")
    assert event.before == {"state": "open", "closed_at": None}
    assert event.after == {"state": "closed", "closed_at": AT.isoformat()}
    assert AuditEvent.objects.count() == events + 1


def test_each_of_a_records_lives_is_lived_by_itself(world: World) -> None:
    timepoint = world.timepoint("N-001", "BL")
    before = (timepoint.qc_state, timepoint.reading_state)

    advance(timepoint, "receive", field="image_state", actor=None, at=AT)

    row = world.timepoint("N-001", "BL")
    assert row.image_state == ImageState.RECEIVED
    assert (row.qc_state, row.reading_state) == before


def test_the_row_counts_and_not_what_somebody_read_earlier(world: World, transfer: Transfer) -> None:
    stale = Transfer.objects.get(pk=transfer.pk)
    stale.sender = "never saved"
    advance(transfer, "close", actor=None, at=AT)

    unchanged(stale, IllegalMove, "close", actor=None)

    assert stale.state == TransferState.OPEN


def test_what_else_was_changed_in_hand_does_not_slip_in(world: World, transfer: Transfer) -> None:
    transfer.sender = "never saved"

    advance(transfer, "close", actor=None, at=AT)

    assert Transfer.objects.get(pk=transfer.pk).sender == world.coordinator.username


# --- what it takes ------------------------------------------------------------------------------------------


def test_a_step_from_another_state_is_refused_by_name(world: World, transfer: Transfer) -> None:
    advance(transfer, "close", actor=None, at=AT)

    refused = unchanged(transfer, IllegalMove, "close", actor=None)

    assert str(refused) == (
        "The transfer could not take the step “close”: it is closed. Reload the page to see what happened to it."
    )


def test_a_step_that_is_not_in_the_table_is_a_mistake_of_ours(world: World, transfer: Transfer) -> None:
    unchanged(transfer, KeyError, "reopen", actor=None)


@pytest.mark.requirement("REQ-ACS-003")
@pytest.mark.parametrize(
    "role", [role for role in Role if role not in (Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR)]
)
def test_a_step_is_for_who_holds_its_verb(world: World, role: Role) -> None:
    subject = world.subjects["N-001"]

    unchanged(subject, access.AccessDenied, "withdraw", actor=world.people[role], reason="moved away")


@pytest.mark.requirement("REQ-ACS-003")
def test_a_verb_held_elsewhere_is_not_held_here(world: World) -> None:
    unchanged(
        world.subjects["N-001"], access.AccessDenied, "withdraw", actor=world.other_coordinator, reason="moved away"
    )


def test_the_system_itself_takes_no_step_of_a_person(world: World) -> None:
    unchanged(world.subjects["N-001"], access.AccessDenied, "withdraw", actor=None, reason="moved away")


@pytest.mark.parametrize("who", [None, "coordinator"])
def test_many_records_are_not_moved_by_who_may_not_move_one(world: World, transfer: Transfer, who: str | None) -> None:
    actor = getattr(world, who) if who else None
    with pytest.raises(access.AccessDenied):
        advance_batch(ReceivedInstance.objects.all(), "release", about=transfer, actor=actor, at=AT)


@pytest.mark.requirement("REQ-AUD-003")
def test_what_takes_a_reason_is_not_done_to_many_records_at_once(world: World, transfer: Transfer) -> None:
    with pytest.raises(ValueError, match="one record at a time"):
        advance_batch(ReceivedInstance.objects.all(), "discard", about=transfer, actor=world.analyst, at=AT, reason="x")


@pytest.mark.requirement("REQ-AUD-003")
@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_a_step_that_needs_a_reason_is_refused_without(world: World, reason: str) -> None:
    refused = unchanged(world.subjects["N-001"], ReasonRequired, "withdraw", actor=world.coordinator, reason=reason)
    assert str(refused) == "The step “withdraw” of a subject needs a reason. Write one and try again."


@pytest.mark.requirement("REQ-AUD-003")
def test_the_reason_stands_in_the_trail(world: World) -> None:
    subject = advance(world.subjects["N-001"], "withdraw", actor=world.coordinator, at=AT, reason="moved away")

    event = audit.history(subject).get(action="subject.withdraw")
    assert (event.actor, event.role, event.reason) == (world.coordinator, "Site coordinator", "moved away")
    assert subject.state == SubjectState.WITHDRAWN


@pytest.mark.requirement("REQ-SIG-011")
def test_a_step_that_is_signed_is_refused_without_a_signature(world: World) -> None:
    refused = unchanged(world.trial, SignatureRequired, "lock", actor=world.administrator)

    assert str(refused) == "The step “lock” of a trial must be signed. Enter your password."


@pytest.mark.requirement("REQ-SIG-011")
def test_a_signature_that_is_not_accepted_takes_the_step_back(world: World) -> None:
    unchanged(world.trial, WrongPassword, "lock", actor=world.administrator, signature=Intent("wrong"), thaw=True)

    assert world.trial.state == TrialState.RUNNING


@pytest.mark.requirement("REQ-SIG-004")
def test_what_is_not_what_was_shown_is_not_signed(world: World) -> None:
    other = Intent(PASSWORD, Signature.Meaning.APPROVAL, shown_sha256="0" * 64)

    unchanged(world.trial, signing.ContentChanged, "lock", actor=world.administrator, signature=other, thaw=True)


@pytest.mark.requirement("REQ-SIG-011")
def test_a_signature_covers_the_record_as_it_is_after_the_step(world: World) -> None:
    shown = Intent(PASSWORD, Signature.Meaning.APPROVAL, signing.digest(world.trial.shown_content()))

    advance(world.trial, "lock", actor=world.administrator, at=AT, signature=shown, thaw=True)

    signature = signing.signatures_on(world.trial).get()
    row = Trial.objects.get(pk=world.trial.pk)
    assert (row.state, signature.signer, signature.meaning) == (TrialState.LOCKED, world.administrator, "approval")
    assert signing.still_holds(signature, row)
    assert list(audit.history(row).values_list("action", flat=True))[:2] == ["trial.signed", "trial.lock"]


@pytest.mark.requirement("REQ-SIG-011")
def test_who_may_not_is_told_so_before_a_password_is_looked_at(world: World) -> None:
    unchanged(world.trial, access.AccessDenied, "lock", actor=world.analyst, signature=Intent("wrong"))


@pytest.mark.requirement("REQ-SEQ-005")
def test_a_closed_record_takes_no_step(world: World) -> None:
    advance(world.trial, "lock", actor=world.administrator, at=AT, signature=SIGNED, thaw=True)

    refused = unchanged(
        world.subjects["N-001"], audit.RecordFrozen, "withdraw", actor=world.administrator, reason="too late"
    )
    assert "the trial's database is locked" in str(refused)
