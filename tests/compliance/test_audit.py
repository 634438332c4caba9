"""The audit trail: one event per change, append-only, and closed records stay closed."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from compliance import audit
from compliance.models import AuditEvent, User
from trials.models import Trial
from trials.states import TrialState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-AUD-001")]


@pytest.fixture
def actor() -> User:
    return User.objects.create(username="admin", full_name="Ada Admin", is_staff=True)


@pytest.fixture
def trial(actor: User) -> Trial:
    trial = Trial(code="AUD-1", title="A trial", sponsor_name="S", created_at=timezone.now())
    return audit.save(trial, action="trial.created", actor=actor, at=timezone.now())


def test_a_new_record_is_one_event_with_its_values(trial, actor):
    event = audit.history(trial).get()
    assert (event.action, event.actor, event.actor_name) == ("trial.created", actor, "Ada Admin")
    assert event.before is None
    assert event.after["code"] == "AUD-1"
    assert event.trial_id == trial.pk


@pytest.mark.requirement("REQ-AUD-002")
def test_a_change_is_one_event_with_old_and_new_value_of_what_changed(trial, actor):
    trial.title = "Another title"
    audit.save(trial, action="trial.renamed", actor=actor, at=timezone.now(), reason="typing error")
    event = audit.history(trial).first()
    assert (event.before, event.after) == ({"title": "A trial"}, {"title": "Another title"})
    assert event.reason == "typing error"


def test_saving_without_a_change_writes_no_event(trial, actor):
    audit.save(trial, action="trial.renamed", actor=actor, at=timezone.now())
    assert audit.history(trial).count() == 1


def test_the_event_goes_with_its_transaction(trial, actor):
    with pytest.raises(RuntimeError), transaction.atomic():
        trial.title = "Never"
        audit.save(trial, action="trial.renamed", actor=actor, at=timezone.now())
        raise RuntimeError
    assert audit.history(trial).count() == 1


@pytest.mark.requirement("REQ-SEQ-005")
def test_a_locked_trial_refuses_changes(trial, actor):
    trial.state = TrialState.LOCKED
    audit.save(trial, action="trial.lock", actor=actor, at=timezone.now())
    trial.title = "After the lock"
    with pytest.raises(audit.RecordFrozen):
        audit.save(trial, action="trial.renamed", actor=actor, at=timezone.now())
    assert Trial.objects.get().title == "A trial"


@pytest.mark.requirement("REQ-AUD-004")
@pytest.mark.parametrize("table", ["compliance_auditevent", "compliance_signature"])
@pytest.mark.parametrize(
    "sql", ["UPDATE {table} SET object_label = 'forged'", "UPDATE {table} SET object_id = '0'", "DELETE FROM {table}"]
)
def test_the_database_refuses_to_change_or_remove_a_row(trial, actor, table, sql):
    if table == "compliance_signature":
        from compliance import signing

        actor.set_password("secret words here")
        actor.save()
        signing.sign(trial, signing.Intent("secret words here"), actor=actor, at=timezone.now())
        if "object_label" in sql:
            sql = "UPDATE {table} SET printed_name = 'forged'"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format(table=table))
    assert AuditEvent.objects.exists()
