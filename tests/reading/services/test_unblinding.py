"""Unplanned unblinding: reported and told at once, assessed by signature, by two people where the charter says so."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from compliance import access, audit, signing
from compliance.models import AuditEvent, Mail, User
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove
from reading.models import AffectedSubject, ReadTask, Unblinding
from reading.selectors_people import read_unblinded
from reading.services import unblinding as service
from reading.services.locking import readiness
from reading.services.unblinding import NotAssessed, NotReported
from tests.reading.conftest import AT, PASSWORD, World, baseline
from tests.support.shown import shown, shown_on
from trials.models import Role, Subject, Trial

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-BLI-019")]

HOW = "A site's coordinator called the reader"


@pytest.fixture
def managed(world: World, subject: Subject) -> World:
    """Two reads of a baseline, one of them signed; two people manage the reading, one audits."""
    for name in ("manager", "second"):
        world.join(name, Role.READING_MANAGER)
    world.join("auditor", Role.AUDITOR)
    world.clear("BL")
    world.read("BL", 1, baseline(30))
    return world


def reported(world: World, **more: Any) -> Unblinding:
    said = {
        "person": world.task("BL", 1).reader,
        "learned": Unblinding.Learned.ARM,
        "happened_on": AT.date(),
        "how": HOW,
        "measures": "The call was ended",
        "subjects": [world.task("BL", 1).timepoint.subject],
        "actor": world.people["manager"],
        **more,
    }
    return service.report(trial=world.trial, **said, at=AT)


def assess(world: World, event: Unblinding, who: str = "manager", **more: Any) -> Unblinding:
    said = {"impact": "stands", "assessment": "The read was signed before", "signature": Intent(PASSWORD), **more}
    return service.assess(unblinding=event, **said, actor=world.people[who], at=AT)


def confirm(world: World, event: Unblinding, who: str = "second") -> Unblinding:
    return service.confirm(unblinding=event, signature=Intent(PASSWORD), actor=world.people[who], at=AT)


def test_a_report_names_the_reads_of_the_person_and_is_told_at_once(managed: World) -> None:
    event = reported(managed)

    task = managed.task("BL", 1)
    assert [(one.subject, one.reads) for one in event.affected.all()] == [(task.timepoint.subject, [task.blinded_code])]
    mails = Mail.objects.filter(kind=service.KIND)
    assert {mail.to.username for mail in mails} == {"manager", "second", "auditor", "admin"}
    for mail in mails:
        said = mail.subject + mail.body
        assert not any(word in said for word in (task.reader.username, task.timepoint.subject.code, "arm", HOW))
    assert AuditEvent.objects.get(action="unblinding.reported").trial_id == managed.trial.pk


@pytest.mark.parametrize(
    "wrong",
    [
        {"happened_on": AT.date() + dt.timedelta(days=1)},
        {"how": " "},
        {"measures": " "},
    ],
    ids=["a day to come", "no account", "no measures"],
)
def test_a_report_without_what_it_needs_is_refused(managed: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotReported):
        reported(managed, **wrong)
    assert not Unblinding.objects.exists()


def test_nobody_outside_the_trial_is_named_and_no_reader_reports(managed: World) -> None:
    with pytest.raises(NotReported, match="never had a role"):
        reported(managed, person=User.objects.create_user("stranger"))
    for who in ("reader-a", "judge", "coordinator", "auditor"):
        with pytest.raises(access.AccessDenied):
            reported(managed, actor=managed.people[who])


def test_the_managers_signature_closes_it_and_nothing_changes_it_afterwards(managed: World) -> None:
    event = assess(managed, reported(managed))

    assert (event.state, event.impact, event.assessed_by) == ("closed", "stands", managed.people["manager"])
    signature = signing.signatures_on(event).get()
    assert signing.still_holds(signature, Unblinding.objects.get(pk=event.pk))
    with pytest.raises(IllegalMove):
        assess(managed, event, "second")
    event.assessment = "Otherwise"
    with pytest.raises(audit.RecordFrozen):
        audit.save(event, action="unblinding.changed", actor=None, at=AT)


def test_it_is_assessed_with_words_and_a_signature_by_who_manages_the_reading(managed: World) -> None:
    event = reported(managed)
    with pytest.raises(NotAssessed):
        assess(managed, event, assessment=" ")
    with pytest.raises(NotAssessed):
        assess(managed, event, impact="no such")
    with pytest.raises(WrongPassword):
        assess(managed, event, signature=Intent("wrong"))
    for who in ("auditor", "reader-a"):
        with pytest.raises(access.AccessDenied):
            assess(managed, event, who)
    assert Unblinding.objects.get().state == "reported"


def test_nobody_assesses_or_confirms_their_own(managed: World) -> None:
    event = reported(managed, person=managed.people["second"])
    with pytest.raises(NotAssessed, match="their own"):
        assess(managed, event, "second")
    managed.amend(unblinding_by_two=True)
    with pytest.raises(NotAssessed, match="their own"):
        confirm(managed, assess(managed, event))


def by_two(world: World) -> Unblinding:
    world.amend(unblinding_by_two=True)
    return Unblinding.objects.get(pk=reported(world).pk)


def test_where_the_charter_asks_a_second_person_confirms_the_same_content(managed: World) -> None:
    event = assess(managed, by_two(managed))
    assert event.state == "assessed"
    with pytest.raises(NotAssessed, match="second person"):
        confirm(managed, event, "manager")
    with pytest.raises(access.AccessDenied):
        confirm(managed, event, "auditor")

    confirm(managed, event)

    stored = Unblinding.objects.get()
    marks = list(signing.signatures_on(stored))
    assert (stored.state, [mark.signer.username for mark in marks]) == ("closed", ["manager", "second"])
    assert all(signing.still_holds(mark, stored) and mark.ended is None for mark in marks)


def test_sent_back_the_first_signature_no_longer_counts(managed: World) -> None:
    event = assess(managed, by_two(managed))
    service.send_back(unblinding=event, reason="Week 8 is missing", actor=managed.people["second"], at=AT)

    assert (event.state, signing.signatures_on(event).get().ended is not None) == ("reported", True)
    confirm(managed, assess(managed, event, assessment="Week 8 as well"))
    assert Unblinding.objects.get().state == "closed"


def test_the_lock_waits_for_the_assessment_and_one_is_reported_after_it(managed: World) -> None:
    event = reported(managed)
    said = f"The {event} is not assessed and closed."
    assert said in [str(blocker.sentence) for blocker in readiness(managed.trial)]
    assess(managed, event)
    assert said not in [str(blocker.sentence) for blocker in readiness(managed.trial)]
    Trial.objects.filter(pk=managed.trial.pk).update(state="locked", locked_at=AT)

    subject = Subject.objects.get()
    assert read_unblinded(subject, AT) == {managed.timepoint("BL").pk}

    later = assess(managed, reported(managed, learned="identity"))
    assert later.state == "closed"
    with pytest.raises(DatabaseError), transaction.atomic():
        ReadTask.every.filter(timepoint__subject=subject).update(order=9)


def test_what_is_found_out_after_the_lock_is_no_line_of_the_package(managed: World) -> None:
    locked_at = AT - dt.timedelta(hours=1)
    Trial.objects.filter(pk=managed.trial.pk).update(state="locked", locked_at=locked_at)
    assess(managed, reported(managed))
    assert read_unblinded(Subject.objects.get(), locked_at) == set()


def test_a_named_subject_stays_named(managed: World) -> None:
    reported(managed)
    row = AffectedSubject.objects.get()
    row.reads = []
    with pytest.raises(audit.RecordFrozen):
        audit.save(row, action="affectedsubject.changed", actor=None, at=AT)


def test_the_pages_report_assess_and_close(managed: World) -> None:
    def signed_in(name: str) -> Client:
        client = Client()
        client.force_login(managed.people[name])
        return client

    managed.amend(unblinding_by_two=True)
    task, trial = managed.task("BL", 1), managed.trial.pk
    said = {"person": task.reader_id, "learned": "arm", "happened_on": "2026-01-02", "how": HOW, "measures": "None yet"}
    manager = signed_in("manager")
    report = f"/reading/trials/{trial}/unblindings/report/"
    assert manager.post(report, {**said, "how": ""}).status_code == 422
    # Sent twice, as by who presses twice or sends again after the connection was lost, it is one report.
    for _ in range(2):
        assert manager.post(report, {**said, "subjects": [task.timepoint.subject_id]}).status_code == 302
    event = Unblinding.objects.get()
    address = f"/reading/unblindings/{event.pk}/"
    listed = signed_in("auditor").get(f"/reading/trials/{trial}/unblindings/").content.decode()
    assert f'href="{address}"' in listed
    assert "Report one" not in listed
    assert "waits for an assessment" in signed_in("auditor").get(address).content.decode()

    given = {"impact": "none", "assessment": "It was another trial", "password": PASSWORD}
    assert manager.post(address, {**given, "shown_sha256": "0" * 64}).status_code == 409
    assert manager.post(address, {**given, "shown_sha256": shown_on(manager, address)}).status_code == 302
    assert "A second person confirms it" in manager.get(address).content.decode()

    second = signed_in("second")
    assert second.post(address, {"verdict": "confirm"}).status_code == 422
    assert second.post(address, {"verdict": "send_back"}).status_code == 422
    given = {"verdict": "confirm", "password": PASSWORD, "shown_sha256": shown(event)}
    assert second.post(address, given).status_code == 302
    assert Unblinding.objects.get().state == "closed"
    assert "I approve this record" in second.get(address).content.decode()
    for who in ("reader-a", "judge", "coordinator"):
        assert signed_in(who).get(address).status_code in (403, 404)
