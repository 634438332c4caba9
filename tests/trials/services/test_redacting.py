"""A name that strayed into the trail goes by two signatures, and the chain goes on to verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import DatabaseError, connection, transaction
from django.test import Client

from compliance import redaction, signing, verifying, verifying_signatures
from compliance.access import AccessDenied
from compliance.models import AuditEvent, User
from compliance.signing import Intent, WrongPassword
from compliance.transitions import ReasonRequired
from compliance.verifying import Kind
from tests.factories import AT, PASSWORD, World
from tests.support.disarmed import disarm
from trials.models import QueryMessage, RedactedEvent, Redaction, Role
from trials.services import querying, redacting
from trials.services.redacting import NotRedacted
from trials.states import RedactionState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_disk"), pytest.mark.requirement("REQ-AUD-040")]

NAME = "Is this the scan of Mrs Jansen-Vermeulen?"
INSTEAD = "[taken out: redaction {}]"
EVENTS = "compliance_auditevent"


@pytest.fixture
def auditor(world: World) -> User:
    return world.people[Role.AUDITOR]


@pytest.fixture
def stray(world: World, own_disk: Path) -> AuditEvent:
    """The event of a question that names a patient."""
    querying.raise_query(
        about=world.timepoint("N-001", "BL"), title="Whose scan", text=NAME, actor=world.analyst, at=AT
    )
    connection.seal()
    (event,) = [event for event in AuditEvent.objects.all() if NAME in redaction.texts(event).values()]
    return event


def ask(world: World, event: AuditEvent, **said: Any) -> Redaction:
    places = [place for place, text in redaction.texts(event).items() if text == NAME]
    given = {"places": places, "reason": "A patient is named", "signature": Intent(PASSWORD)} | said
    asked = redacting.ask_redaction(trial=world.trial, event=event, actor=world.people[Role.AUDITOR], at=AT, **given)
    connection.seal()
    return asked


def approve(world: World, asked: Redaction) -> None:
    redacting.approve_redaction(asked=asked, signature=Intent(PASSWORD), actor=world.administrator, at=AT)
    connection.seal()


def everything() -> str:
    """All that the database says of events, records and the net under the trail."""
    kept = (AuditEvent, LogEntry, QueryMessage, Redaction, RedactedEvent)
    return json.dumps([list(model._default_manager.values()) for model in kept], default=str)


def test_the_text_goes_from_the_trail_the_net_and_the_record_and_the_chain_verifies(
    world: World, stray: AuditEvent
) -> None:
    assert "Jansen" in everything()
    asked = ask(world, stray)
    assert "Jansen" in everything()

    approve(world, asked)

    assert "Jansen" not in everything()
    stray.refresh_from_db()
    assert stray.after is not None
    assert stray.after["text"] == INSTEAD.format(asked.pk) == QueryMessage.objects.get().text
    assert verifying.verify().damages == ()
    assert asked.state == RedactionState.DONE


def test_what_happened_who_and_when_stays(world: World, stray: AuditEvent) -> None:
    kept = ("at", "recorded_at", "actor_id", "actor_name", "role", "action", "object_type", "object_id", "object_label")
    before = AuditEvent.objects.values(*kept).get(pk=stray.pk)

    approve(world, ask(world, stray))

    assert AuditEvent.objects.values(*kept).get(pk=stray.pk) == before
    told = AuditEvent.objects.get(action=redaction.VOUCHING)
    assert told.after is not None
    assert (told.actor, told.after["event"], told.after["mac"]) == (world.administrator, stray.pk, stray.link.mac)


def test_both_signatures_hold_and_name_the_places(world: World, stray: AuditEvent) -> None:
    asked = ask(world, stray)
    approve(world, asked)

    signed = signing.signatures_on(asked)
    assert {one.signer for one in signed} == {world.people[Role.AUDITOR], world.administrator}
    assert all(signing.still_holds(one, asked) for one in signed)
    assert asked.signed_content()["events"] == [[stray.pk, ["/after/text"]]]


@pytest.mark.parametrize("column", ["after", "reason", "action", "actor_name"])
def test_a_redacted_event_that_is_changed_again_is_found(world: World, stray: AuditEvent, column: str) -> None:
    approve(world, ask(world, stray))
    disarm()
    with connection.cursor() as cursor:
        value = '{"text": "[taken out]"}' if column == "after" else "another"
        cursor.execute(f"UPDATE {EVENTS} SET {column} = %s WHERE id = %s", [value, stray.pk])  # noqa: S608 - constants

    (damage,) = verifying.verify().damages
    assert (damage.kind, damage.event) == (Kind.CHANGED, stray.pk)


def test_who_has_the_database_alone_cannot_pass_a_change_off_as_a_redaction(world: World, stray: AuditEvent) -> None:
    """The vouching event is written word for word as it should be; what it lacks is a code of the trail's key."""
    other = AuditEvent.objects.filter(trial_id=world.trial.pk, link__isnull=False).exclude(reason="").first()
    other = other or AuditEvent.objects.filter(trial_id=world.trial.pk, link__isnull=False).first()
    assert other is not None
    approve(world, ask(world, stray))
    voucher = AuditEvent.objects.get(action=redaction.VOUCHING)
    disarm()
    other.reason = "Nothing to see"
    other.save()
    said = {**(voucher.after or {}), "event": other.pk, "sequence": other.link.sequence, "mac": other.link.mac}
    row = AuditEvent.objects.values_list(*redaction.columns()).get(pk=other.pk)
    voucher.after = {**said, "content_sha256": redaction.digest(row)}
    voucher.save()

    (damage,) = verifying.verify().damages
    assert damage.event == min(other.pk, stray.pk)


def test_the_database_lets_nothing_else_change(world: World, stray: AuditEvent) -> None:
    asked = ask(world, stray)
    other = AuditEvent.objects.filter(trial_id=world.trial.pk).exclude(pk=stray.pk).first()
    assert other is not None
    tried = [(stray.pk, "reason", "x"), (other.pk, "reason", "x")]
    approve(world, asked)
    tried += [(stray.pk, "reason", "x"), (stray.pk, "actor_name", "x")]
    for number, column, value in tried:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {EVENTS} SET {column} = %s WHERE id = %s", [value, number])  # noqa: S608 - constants


def test_in_the_moment_of_a_redaction_its_events_alone_open_and_in_their_text_alone(
    world: World, stray: AuditEvent
) -> None:
    asked = ask(world, stray)
    Redaction.objects.filter(pk=asked.pk).update(state=RedactionState.APPROVED)
    other = AuditEvent.objects.filter(trial_id=world.trial.pk).exclude(pk=stray.pk).first()
    assert other is not None
    for number, column in [(other.pk, "reason"), (stray.pk, "actor_name"), (stray.pk, "object_label")]:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {EVENTS} SET {column} = 'x' WHERE id = %s", [number])  # noqa: S608 - constants


def test_who_asked_does_not_decide_and_only_the_administrator_does(
    world: World, stray: AuditEvent, auditor: User
) -> None:
    asked = ask(world, stray)
    for person in (auditor, world.analyst, world.people[Role.READING_MANAGER]):
        with pytest.raises(AccessDenied):
            redacting.approve_redaction(asked=asked, signature=Intent(PASSWORD), actor=person, at=AT)
    Redaction.objects.filter(pk=asked.pk).update(asked_by=world.administrator)
    asked.refresh_from_db()
    with pytest.raises(NotRedacted, match="second person"):
        redacting.approve_redaction(asked=asked, signature=Intent(PASSWORD), actor=world.administrator, at=AT)


def test_nothing_goes_by_a_wrong_password_or_before_the_decision(world: World, stray: AuditEvent) -> None:
    asked = ask(world, stray)
    with pytest.raises(WrongPassword):
        redacting.approve_redaction(asked=asked, signature=Intent("wrong"), actor=world.administrator, at=AT)
    assert "Jansen" in everything()
    assert RedactedEvent.objects.get().event == stray


def test_a_declined_one_leaves_the_trail_and_says_why(world: World, stray: AuditEvent) -> None:
    asked = ask(world, stray)
    redacting.decline_redaction(asked=asked, reason="It is the nurse", actor=world.administrator, at=AT)
    connection.seal()
    stray.refresh_from_db()
    assert (asked.state, (stray.after or {})["text"]) == (RedactionState.DECLINED, NAME)
    assert verifying.verify().damages == ()
    who_asked = Client()
    who_asked.force_login(world.people[Role.AUDITOR])
    assert "It is the nurse" in who_asked.get(f"/trials/redactions/{asked.pk}/").content.decode()


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"reason": " "}, ReasonRequired),
        ({"reason": f"It says {NAME}"}, NotRedacted),
        ({"places": []}, NotRedacted),
        ({"places": ["/after/author_id"]}, NotRedacted),
        ({"places": ["/action"]}, NotRedacted),
    ],
)
def test_what_is_refused(world: World, stray: AuditEvent, said: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        ask(world, stray, **said)
    assert not Redaction.objects.exists()


def test_who_asks_twice_is_told_that_it_is_asked_already(world: World, stray: AuditEvent) -> None:
    ask(world, stray)
    with pytest.raises(NotRedacted, match="already"):
        ask(world, stray)
    assert Redaction.objects.count() == 1


def test_a_text_that_came_again_since_is_asked_for_anew(world: World, stray: AuditEvent) -> None:
    asked = ask(world, stray)
    with transaction.atomic():
        from compliance import audit

        audit.record("querymessage.noted", QueryMessage.objects.get(), actor=None, at=AT, reason=NAME)
    connection.seal()
    with pytest.raises(NotRedacted, match="other events"):
        approve(world, asked)
    assert asked.state == RedactionState.ASKED


def test_what_code_wrote_is_no_text() -> None:
    event = AuditEvent(
        object_type="trials.querymessage",
        after={"text": "Words", "author_id": 3, "sha256": "ab" * 32, "at": "2026-03-02T09:00:00+00:00", "uid": "1.2.3"},
        reason="Said",
    )
    assert redaction.texts(event) == {"/reason": "Said", "/after/text": "Words"}


def test_places_lead_into_nested_values_and_odd_names() -> None:
    event = AuditEvent(object_type="trials.nothing", after={"a/b": [{"c~d": "Words"}]})
    assert redaction.texts(event) == {"/after/a~1b/0/c~0d": "Words"}


def test_signatures_of_the_trial_verify_afterwards(world: World, stray: AuditEvent) -> None:
    before = len(verifying_signatures.verify().faults)
    approve(world, ask(world, stray))
    assert len(verifying_signatures.verify().faults) == before


# --- the pages ---------------------------------------------------------------------------------------------


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_asked_and_decided_on_pages(world: World, stray: AuditEvent, auditor: User) -> None:
    asking, deciding = signed_in(auditor), signed_in(world.administrator)
    page = f"/trials/{world.trial.pk}/audit/{stray.pk}/redact/"
    assert page in asking.get(f"/trials/{world.trial.pk}/audit/").content.decode()
    assert NAME in asking.get(page).content.decode()
    assert deciding.get(page).status_code == 403

    form = {"places": ["/after/text"], "reason": "A patient is named", "password": PASSWORD}
    wrong = asking.post(page, form | {"password": "wrong"})
    assert wrong.status_code == 422
    assert asking.post(page, form).status_code == 302

    asked = Redaction.objects.get()
    shown = deciding.get(f"/trials/redactions/{asked.pk}/")
    assert NAME in shown.content.decode()
    assert asking.post(f"/trials/redactions/{asked.pk}/", {"verdict": "approve"}).status_code == 403
    decision = {"verdict": "approve", "password": PASSWORD, "shown_sha256": signing.digest(asked.shown_content())}
    assert deciding.post(f"/trials/redactions/{asked.pk}/", decision).status_code == 302
    for address in (f"/trials/redactions/{asked.pk}/", f"/trials/{world.trial.pk}/redactions/"):
        for client in (asking, deciding):
            answer = client.get(address)
            assert answer.status_code == 200
            assert "Jansen" not in answer.content.decode()
