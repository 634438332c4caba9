"""Emergency access: taken with a reason, told at once, over by itself, marked in the trail, and gone over."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from compliance import access, audit
from compliance.models import AuditEvent, Mail, User
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove
from tests.factories import AT, PASSWORD, World, make_user
from tests.support.shown import shown_on
from trials.models import EmergencyAccess, Membership, Role
from trials.services import emergency as service
from trials.services import querying, setting_up
from trials.services.emergency import NoEmergency
from trials.tasks import end_roles

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-044")]

HOUR = dt.timedelta(hours=1)
REASON = "The analyst is ill and a subject waits at the scanner"


@pytest.fixture
def keeper(world: World) -> User:
    """Somebody who keeps the installation and has no role in the trial."""
    return make_user("keeper", is_staff=True)


def taken(world: World, actor: User, **more: Any) -> EmergencyAccess:
    said = {"role": Role.QC_ANALYST, "hours": 2, "reason": REASON, "at": AT, **more}
    return service.open_access(trial=world.trial, **said, actor=actor)


def ask_the_site(world: World, actor: User, at: dt.datetime = AT) -> None:
    querying.raise_query(about=world.north, title="Scanner", text="Which one?", actor=actor, at=at)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_it_opens_the_role_at_once_and_everything_under_it_is_marked_in_the_trail(world: World, keeper: User) -> None:
    with pytest.raises(access.AccessDenied):
        ask_the_site(world, keeper)
    emergency = taken(world, keeper)

    ask_the_site(world, keeper, AT + HOUR)

    event = AuditEvent.objects.get(action="query.raised", trial_id=world.trial.pk)
    assert event.role == "QC analyst (emergency access)"
    assert event in service.acts_under(emergency)
    opened = AuditEvent.objects.get(action="emergencyaccess.opened")
    assert (opened.actor, opened.after["reason"]) == (keeper, REASON)


@pytest.mark.parametrize("role", service.ROLES)
def test_the_mark_is_kept_whatever_other_roles_the_person_has(world: World, role: Role) -> None:
    person = world.people[Role.TRIAL_ADMINISTRATOR] if role != Role.TRIAL_ADMINISTRATOR else world.outsider
    if role == Role.TRIAL_ADMINISTRATOR:
        person.is_staff = True
        person.save()
        for held in (Role.QC_ANALYST, Role.AUDITOR):
            setting_up.grant_membership(trial=world.trial, user=person, role=held, actor=world.founder, at=AT)
    taken(world, person, role=role)
    event = audit.record("trial.looked", world.trial, actor=person, at=AT)
    assert AuditEvent.objects.get(pk=event.pk).role.startswith(f"{role.label} (emergency access)")


def test_a_role_that_one_has_anyhow_is_not_marked(world: World) -> None:
    taken(world, world.administrator)
    ask_the_site(world, world.analyst)
    event = AuditEvent.objects.get(action="query.raised", trial_id=world.trial.pk)
    assert event.role == "QC analyst"


def test_those_who_answer_are_told_at_once(world: World, keeper: User) -> None:
    taken(world, keeper)
    mails = Mail.objects.filter(kind=service.KIND)
    assert {mail.to for mail in mails} == {
        world.administrator,
        world.founder,
        world.people[Role.AUDITOR],
        keeper,
    }
    assert all(REASON in mail.body for mail in mails)


def test_it_ends_by_itself_at_its_time(world: World, keeper: User, time_machine: Any) -> None:
    emergency = taken(world, keeper)
    time_machine.move_to(AT + 2 * HOUR)

    end_roles()

    emergency.refresh_from_db()
    assert (emergency.state, emergency.ended_at) == ("ended", AT + 2 * HOUR)
    with pytest.raises(access.AccessDenied):
        ask_the_site(world, keeper)


@pytest.mark.parametrize("who", ["keeper", "administrator"])
def test_it_is_ended_before_by_who_opened_it_or_an_administrator_once(world: World, keeper: User, who: str) -> None:
    emergency = taken(world, keeper)
    actor = keeper if who == "keeper" else world.administrator
    with pytest.raises(access.AccessDenied):
        service.end_access(emergency=emergency, actor=world.people[Role.AUDITOR], at=AT)

    service.end_access(emergency=emergency, actor=actor, at=AT + HOUR)

    assert emergency.state == "ended"
    assert not access.may(keeper, "trials.raise_query", world.north)
    with pytest.raises(NoEmergency, match="over already"):
        service.end_access(emergency=emergency, actor=actor, at=AT + HOUR)


def test_somebody_else_reviews_it_by_signature_once_it_is_over(world: World, keeper: User) -> None:
    emergency = taken(world, world.administrator)
    said = {"emergency": emergency, "finding": "One query, rightly asked", "signature": Intent(PASSWORD), "at": AT}
    auditor = world.people[Role.AUDITOR]
    with pytest.raises(IllegalMove):
        service.review(**said, actor=auditor)
    service.end_access(emergency=emergency, actor=world.administrator, at=AT + HOUR)
    for wrong, refusal in (
        ({"actor": world.administrator}, NoEmergency),
        ({"actor": keeper}, access.AccessDenied),
        ({"actor": auditor, "finding": " "}, NoEmergency),
        ({"actor": auditor, "signature": Intent("wrong")}, WrongPassword),
    ):
        with pytest.raises(refusal):
            service.review(**{**said, **wrong})

    service.review(**said, actor=auditor)

    stored = EmergencyAccess.objects.get()
    assert (stored.state, stored.reviewed_by) == ("reviewed", auditor)
    stored.finding = "Otherwise"
    with pytest.raises(audit.RecordFrozen):
        audit.save(stored, action="emergencyaccess.changed", actor=None, at=AT)


@pytest.mark.parametrize(
    "wrong",
    [{"reason": " "}, {"hours": 24}, {"role": Role.READER}, {"role": Role.SPONSOR}, {"role": Role.SITE_COORDINATOR}],
    ids=["no reason", "a day", "a reader", "a sponsor", "a site"],
)
def test_what_is_no_emergency_is_refused(world: World, keeper: User, wrong: dict[str, Any]) -> None:
    with pytest.raises(NoEmergency):
        taken(world, keeper, **wrong)
    assert not EmergencyAccess.objects.exists()


def test_nobody_takes_what_they_have_nor_unblinds_themselves(world: World, keeper: User) -> None:
    with pytest.raises(NoEmergency, match="already"):
        taken(world, world.administrator, role=Role.TRIAL_ADMINISTRATOR)
    Membership.objects.create(user=keeper, trial=world.trial, role=Role.READER, granted_at=AT, ended_at=AT)
    with pytest.raises(NoEmergency, match="unblind"):
        taken(world, keeper)


def test_only_administrators_and_who_keeps_the_installation_open_it(world: World) -> None:
    for role in (Role.QC_ANALYST, Role.READING_MANAGER, Role.READER, Role.AUDITOR, Role.SPONSOR):
        with pytest.raises(access.AccessDenied):
            taken(world, world.people[role], role=Role.TRIAL_ADMINISTRATOR)
    with pytest.raises(access.AccessDenied):
        taken(world, world.outsider)


def test_the_pages_open_end_and_review_it(world: World, keeper: User) -> None:
    page, trial = signed_in(keeper), world.trial.pk
    address = "/trials/emergency/"
    assert f'href="{address}"' in page.get("/").content.decode()
    said = {"trial": trial, "role": "qc_analyst", "hours": 1, "reason": REASON}
    assert page.post(address, {**said, "reason": ""}).status_code == 422
    assert page.post(address, said).status_code == 302
    made = EmergencyAccess.objects.get()
    own = f"/trials/emergencies/{made.pk}/"
    assert page.get(f"/trials/{trial}/").status_code == 200
    assert "End it now" in page.get(own).content.decode()

    auditor = signed_in(world.people[Role.AUDITOR])
    listed = auditor.get(f"/trials/{trial}/emergencies/").content.decode()
    assert f'href="{own}"' in listed
    assert auditor.post(f"{own}end/").status_code == 403
    assert page.post(f"{own}end/").status_code == 302
    assert page.get(f"/trials/{trial}/").status_code == 404

    assert "Review of emergency access" in auditor.get("/").content.decode()
    given = {"finding": "Nothing was done", "shown_sha256": shown_on(auditor, own)}
    assert auditor.post(own, given).status_code == 422
    assert auditor.post(own, {**given, "password": PASSWORD}).status_code == 302
    assert "I have reviewed this record" in auditor.get(own).content.decode()
    assert signed_in(world.analyst).get(own).status_code == 404
