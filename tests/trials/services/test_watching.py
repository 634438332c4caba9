"""The trail is verified each night, damage is told, and no package leaves meanwhile."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connection

from compliance import audit, checkpoints
from compliance.models import AuditEvent, Mail, User
from tests.factories import AT, World
from tests.support.disarmed import disarm
from trials.models import Role
from trials.services import watching

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-AUD-009")]


@pytest.fixture
def keeper() -> User:
    """Who runs the installation, and has no part in the trial."""
    return User.objects.create(username="keeper", email="keeper@lab.example", is_staff=True)


def damage(event: AuditEvent) -> None:
    """Change an event as whoever owns the database can, once it is in the chain."""
    connection.seal()
    disarm()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE compliance_auditevent SET actor_name = 'Somebody Else' WHERE id = %s", [event.pk])


def first_event(world: World) -> AuditEvent:
    return AuditEvent.objects.filter(trial_id=world.trial.pk).order_by("pk")[0]


def test_a_whole_trail_is_noted_in_the_trail_and_nobody_is_written_to(world: World, keeper: User):
    connection.seal()

    assert watching.verify_all(at=AT)

    noted = AuditEvent.objects.get(action=watching.VERIFIED, trial_id=world.trial.pk)
    assert noted.actor is None
    assert noted.after["events"] == AuditEvent.objects.filter(trial_id=world.trial.pk, pk__lt=noted.pk).count()
    assert not Mail.objects.filter(kind=watching.KIND).exists()


def test_damage_is_noted_and_told_to_those_who_answer_for_the_trail(world: World, keeper: User):
    event = first_event(world)
    damage(event)

    assert not watching.verify_all(at=AT)

    noted = AuditEvent.objects.get(action=watching.DAMAGED)
    assert noted.after == {"kind": "changed", "record": 1, "event": event.pk}
    mails = Mail.objects.filter(kind=watching.KIND)
    assert {mail.to for mail in mails} == {keeper, world.founder, world.people[Role.AUDITOR], world.administrator}
    for mail in mails:
        assert f"Trial {world.trial.code}: record 1 (event {event.pk}) is bad" in mail.body
        assert "No package is built" in mail.body


def test_a_second_look_on_the_same_night_writes_no_second_mail(world: World, keeper: User):
    damage(first_event(world))
    watching.verify_all(at=AT)
    before = Mail.objects.count()

    watching.verify_all(at=AT)

    assert Mail.objects.count() == before


@pytest.mark.requirement("REQ-AUD-009", "REQ-LOC-007")
def test_nothing_leaves_a_trial_whose_trail_was_changed(world: World):
    connection.seal()
    watching.require_whole(world.trial)
    damage(first_event(world))

    with pytest.raises(watching.TrailDamaged, match=r"Trial \S+: record 1 \(event \d+\) is bad, because it is not"):
        watching.require_whole(world.trial)


def test_nothing_leaves_while_the_trail_of_accounts_is_damaged(world: World):
    damage(audit.record("account.noted", world.founder, actor=None, at=AT))

    with pytest.raises(watching.TrailDamaged, match="Events of no trial"):
        watching.require_whole(world.trial)


def test_nothing_leaves_beside_a_forged_checkpoint(world: World, keeper: User):
    connection.seal()
    checkpoints.make(at=AT)
    next(settings.AUDIT_CHECKPOINTS_DIR.glob("*.json")).with_name("forged.json").write_text("{}")

    with pytest.raises(watching.TrailDamaged, match=r"A checkpoint is not signed .*forged\.json"):
        watching.require_whole(world.trial)
    assert not watching.verify_all(at=AT)
    assert {mail.to for mail in Mail.objects.filter(kind=watching.KIND)} == {keeper, world.founder}


def test_events_of_an_own_unfinished_transaction_are_no_damage(world: World):
    assert connection.unsealed

    watching.require_whole(world.trial)
