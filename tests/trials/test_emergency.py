"""Emergency access: taken with a reason, told at once, over by itself, marked in the trail, and gone over."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from compliance import access, accounts, audit, programs
from compliance.models import AuditEvent, Mail, User
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove
from tests.factories import AT, PASSWORD, World, make_user, make_world
from tests.support.shown import shown_on
from trials.models import BLINDED, EmergencyAccess, Membership, Role
from trials.selectors import IN_EMERGENCY
from trials.services import emergency as service
from trials.services import querying, setting_up, training
from trials.services.emergency import NoEmergency
from trials.tasks import end_roles

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACS-044")]

HOUR = dt.timedelta(hours=1)
REASON = "The analyst is ill and a subject waits at the scanner"


@pytest.fixture(autouse=True)
def _now(time_machine: Any) -> None:
    time_machine.move_to(AT, tick=False)


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


def test_what_is_taken_in_an_emergency_asks_for_no_training(world: World, keeper: User) -> None:
    said = {"title": "SOP", "text": "Read it.", "valid_days": None, "asked_from": AT.date()}
    training.declare(trial=world.trial, role=Role.QC_ANALYST, **said, actor=world.administrator, at=AT)
    taken(world, keeper)
    ask_the_site(world, keeper)
    training.settle(at=AT)
    assert training.duties_of(keeper, AT) == []
    assert {duty.person for duty in training.duties_in(world.trial, AT)} == {world.analyst}
    assert not Mail.objects.filter(kind=training.KIND, to=keeper).exists()


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


def test_it_opens_what_the_role_opens_in_this_trial_and_nothing_else(world: World, keeper: User) -> None:
    other = make_world("PLX-2", prefix="o-")
    before = {verb for verb in access.verbs() if access.may(keeper, verb, world.trial)}
    of_role = {verb for verb in access.verbs() if access.may(world.analyst, verb, world.trial)}

    taken(world, keeper)

    after = {verb for verb in access.verbs() if access.may(keeper, verb, world.trial)}
    assert after - before - of_role == {"trials.see_emergency"}
    assert of_role <= after
    assert not after & {"trials.see_arms", "reading.see_results", "imaging.see_identities"} - of_role
    # What is of whatever trial: the own trainings, and the page of the own access.
    there = {verb for verb in access.verbs() if access.may(keeper, verb, other.trial)}
    assert there - before == {"trials.see_emergency", "trials.train"}


def test_at_its_time_it_opens_nothing_though_no_beat_has_ended_it(
    world: World, keeper: User, time_machine: Any
) -> None:
    emergency = taken(world, keeper)
    page, trial = signed_in(keeper), f"/trials/{world.trial.pk}/"
    token = programs.issue(label="gateway", may_change=True, days=1, actor=keeper, at=AT)[1]
    program = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    assert "over at 11:00 UTC" in page.get("/").content.decode()
    assert page.get(trial).status_code == 200
    assert Client().get("/api/v1/trials/", **program).json()["count"] == 1

    time_machine.move_to(AT + 2 * HOUR, tick=False)
    page = signed_in(keeper)

    assert page.get(trial).status_code == 404
    assert Client().get("/api/v1/trials/", **program).status_code == 403
    asked = {"site": world.north.pk, "title": "Scanner", "text": "Which one?"}
    assert Client().post("/api/v1/queries/", asked, content_type="application/json", **program).status_code == 403
    with pytest.raises(access.AccessDenied):
        ask_the_site(world, keeper, AT + 2 * HOUR)
    event = audit.record("trial.looked", world.trial, actor=keeper, at=AT + 2 * HOUR)
    assert IN_EMERGENCY not in event.role
    assert EmergencyAccess.objects.get(pk=emergency.pk).state == "open"
    with pytest.raises(NoEmergency, match="over already"):
        service.end_access(emergency=emergency, actor=keeper, at=AT + 2 * HOUR)


def test_nobody_opens_another_before_somebody_has_reviewed_the_last(
    world: World, keeper: User, time_machine: Any
) -> None:
    emergency = taken(world, keeper)
    for role in (Role.QC_ANALYST, Role.READING_MANAGER):
        with pytest.raises(NoEmergency):
            taken(world, keeper, role=role)
    time_machine.move_to(AT + 3 * HOUR, tick=False)
    with pytest.raises(NoEmergency, match="not reviewed yet"):
        taken(world, keeper, at=AT + 3 * HOUR)
    end_roles()
    with pytest.raises(NoEmergency, match="not reviewed yet"):
        taken(world, keeper, at=AT + 3 * HOUR)
    said = {"emergency": emergency, "finding": "Right", "signature": Intent(PASSWORD)}
    service.review(**said, actor=world.administrator, at=AT + 3 * HOUR)

    taken(world, keeper, at=AT + 3 * HOUR)

    assert EmergencyAccess.objects.count() == 2


def test_nobody_reviews_one_by_another(world: World, keeper: User) -> None:
    first = taken(world, keeper)
    service.end_access(emergency=first, actor=keeper, at=AT)
    second = make_user("second", is_staff=True)
    taken(world, second, role=Role.TRIAL_ADMINISTRATOR)
    said = {"emergency": first, "finding": "Right", "signature": Intent(PASSWORD), "at": AT}
    with pytest.raises(NoEmergency, match="given the role"):
        service.review(**said, actor=second)
    page = signed_in(second)
    assert "Sign the review" not in page.get(f"/trials/emergencies/{first.pk}/").content.decode()
    assert "Review of emergency access" not in page.get("/").content.decode()


def test_who_has_it_gives_themselves_no_role_that_lasts(world: World, keeper: User) -> None:
    taken(world, keeper, role=Role.TRIAL_ADMINISTRATOR)
    for role in (Role.QC_ANALYST, Role.AUDITOR):
        with pytest.raises(setting_up.NotGiven, match="another administrator"):
            setting_up.grant_membership(trial=world.trial, user=keeper, role=role, actor=keeper, at=AT)
    setting_up.grant_membership(trial=world.trial, user=keeper, role=Role.AUDITOR, actor=world.administrator, at=AT)


def test_who_had_it_is_blinded_in_the_trial_no_more(world: World, keeper: User) -> None:
    emergency = taken(world, keeper)
    service.end_access(emergency=emergency, actor=keeper, at=AT)
    for role in BLINDED:
        with pytest.raises(setting_up.NotGiven, match="blinded"):
            setting_up.grant_membership(trial=world.trial, user=keeper, role=role, actor=world.administrator, at=AT)


def test_a_closed_account_opens_none_and_its_own_opens_nothing(world: World, keeper: User) -> None:
    make_user("other-keeper", is_staff=True)
    taken(world, keeper)
    page = signed_in(keeper)
    accounts.close(user=keeper, reason="Left", actor=world.founder, at=AT)
    assert not access.may(keeper, "trials.raise_query", world.north)
    assert page.get(f"/trials/{world.trial.pk}/").status_code == 302
    with pytest.raises(access.AccessDenied):
        taken(world, keeper, role=Role.READING_MANAGER)


def test_it_ends_by_itself_at_its_time(world: World, keeper: User, time_machine: Any) -> None:
    emergency = taken(world, keeper)
    time_machine.move_to(AT + 2 * HOUR, tick=False)

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
    for number, role in enumerate(BLINDED):
        blinded = make_user(f"blinded-{number}", is_staff=True)
        Membership.objects.create(user=blinded, trial=world.trial, role=role, granted_at=AT, ended_at=AT)
        with pytest.raises(NoEmergency, match="unblind"):
            taken(world, blinded)


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
    # A double click, or a second page that is left open.
    assert page.post(address, said).status_code == 409
    made = EmergencyAccess.objects.get()
    own = f"/trials/emergencies/{made.pk}/"
    assert page.get(f"/trials/{trial}/").status_code == 200
    assert "End it now" in page.get(own).content.decode()
    assert f'href="{own}"' in page.get(address).content.decode()

    auditor = signed_in(world.people[Role.AUDITOR])
    listed = auditor.get(f"/trials/{trial}/emergencies/").content.decode()
    assert f'href="{own}"' in listed
    assert auditor.post(f"{own}end/").status_code == 403
    assert page.post(f"{own}end/").status_code == 302
    assert page.post(f"{own}end/").status_code == 409
    assert page.get(f"/trials/{trial}/").status_code == 404
    assert "under it" not in page.get(own).content.decode()
    assert "under it" in auditor.get(own).content.decode()

    assert "Review of emergency access" in auditor.get("/").content.decode()
    given = {"finding": "Nothing was done", "shown_sha256": shown_on(auditor, own)}
    assert auditor.post(own, given).status_code == 422
    assert auditor.post(own, {**given, "password": PASSWORD}).status_code == 302
    assert "I have reviewed this record" in auditor.get(own).content.decode()
    assert signed_in(world.analyst).get(own).status_code == 404
