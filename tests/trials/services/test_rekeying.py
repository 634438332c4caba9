"""The audit trail's key is changed: each chain says so, and both sides of the change are verified."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from compliance import audit, chain, checkpoints, keys, sealing, verifying
from compliance.models import AuditEvent, AuditHead, AuditLink
from compliance.verifying import Damage, Kind
from tests.support.disarmed import disarm
from trials.models import Trial
from trials.services.rekeying import CHANGED, KeyNotChanged, change_audit_key

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("REQ-AUD-015")]


@pytest.fixture
def trial(own_disk: Path) -> Trial:
    trial = Trial(code="KEY-1", title="T", sponsor_name="S", created_at=timezone.now())
    return audit.save(trial, action="trial.created", actor=None, at=timezone.now())


def note(trial: Trial) -> AuditEvent:
    return audit.record("thing.noted", trial, actor=None, at=timezone.now())


@pytest.fixture
def changed(trial: Trial) -> Trial:
    """A chain of four: made, key changed, and two that came later."""
    change_audit_key(reason="It is a year old", actor=None, at=timezone.now())
    note(trial)
    note(trial)
    return trial


def links_of(trial: Trial) -> list[AuditLink]:
    return list(AuditLink.objects.filter(trial_id=trial.pk).order_by("sequence"))


def found() -> tuple[Damage, ...]:
    kept, forged = checkpoints.kept()
    assert forged == []
    return verifying.verify(marks=checkpoints.marks(kept)).damages


def test_the_last_word_under_the_old_key_names_the_new_one_in_every_chain(changed):
    old, new = keys.of_audit()
    events = AuditEvent.objects.filter(action=CHANGED)
    assert [(e.before, e.after, e.reason) for e in events.order_by("pk")] == [
        ({"key": old.fingerprint}, {"key": new.fingerprint, "number": 2}, "It is a year old")
    ] * 2
    assert set(events.values_list("trial_id", flat=True)) == {changed.pk, None}
    assert {event.link.key for event in events} == {old.fingerprint}
    assert [link.key for link in links_of(changed)] == [old.fingerprint] * 2 + [new.fingerprint] * 2


def test_both_sides_verify_and_a_checkpoint_under_the_new_key_says_where_they_met(changed):
    assert found() == ()
    (checkpoint,) = checkpoints.kept()[0]
    assert checkpoint.ends[changed.pk] == (2, links_of(changed)[1].mac)
    checkpoints.make(at=timezone.now())
    assert found() == ()


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_change_on_either_side_is_found(changed, place):
    link = links_of(changed)[place - 1]
    with transaction.atomic():
        disarm()
        AuditEvent.objects.filter(pk=link.event_id).update(reason="Another")
        assert found() == (Damage(changed.pk, Kind.CHANGED, place, link.event_id),)
        transaction.set_rollback(True)


def test_whoever_has_the_old_key_alone_adds_nothing_after_the_change(changed):
    old = keys.of_audit()[0]
    last, head = links_of(changed)[-1], AuditHead.objects.get(trial_id=changed.pk)
    row = AuditEvent.objects.filter(pk=last.event_id).values_list(*sealing.columns()).get()
    mac = chain.link(old.chaining, links_of(changed)[-2].mac, changed.pk, 4, chain.content(row))
    seal = chain.head(old.chaining, changed.pk, 4, mac, 0)
    with transaction.atomic():
        disarm()
        AuditLink.objects.filter(pk=last.pk).update(mac=mac, key=old.fingerprint)
        AuditHead.objects.filter(pk=head.pk).update(mac=mac, key=old.fingerprint, seal=seal)
        assert found() == (Damage(changed.pk, Kind.KEY, 4, last.event_id),)
        transaction.set_rollback(True)


def test_a_key_that_is_not_there_any_more_is_said_to_be_missing(changed, own_disk):
    (own_disk / "keys" / "audit" / "1.key").unlink()
    kept, _ = checkpoints.kept()
    damages = verifying.verify(marks=checkpoints.marks(kept)).damages
    assert {(damage.kind, damage.sequence) for damage in damages} == {(Kind.KEY, 1)}


def test_it_needs_a_reason_and_a_key_to_follow(trial, own_disk):
    with pytest.raises(KeyNotChanged, match="say why"):
        change_audit_key(reason=" ", actor=None, at=timezone.now())
    (own_disk / "keys" / "audit" / "1.key").unlink()
    with pytest.raises(KeyNotChanged, match="no key yet"):
        change_audit_key(reason="Old", actor=None, at=timezone.now())


def test_of_two_who_change_it_at_once_one_is_told(trial, monkeypatch):
    made = keys.next_for_audit(keys.of_audit()[0])
    keys.keep_for_audit(made)
    monkeypatch.setattr(keys, "next_for_audit", lambda last: keys.AuditKey(2, bytes(32)))
    with pytest.raises(KeyNotChanged, match="Somebody else"):
        change_audit_key(reason="Old", actor=None, at=timezone.now())
    assert keys.of_audit()[-1] == made
    assert found() == ()


def test_the_command_says_what_to_back_up(trial):
    call_command("rotate_audit_key", reason="It is a year old", stdout=(said := io.StringIO()))
    assert f"chained with key 2 ({keys.of_audit()[-1].fingerprint}). Back up audit/2.key" in said.getvalue()
    call_command("verify_audit", stdout=said)
    with pytest.raises(CommandError, match="say why"):
        call_command("rotate_audit_key", reason="")
    assert connection.unsealed == []
