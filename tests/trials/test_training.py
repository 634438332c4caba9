"""A role asks for training: completed by signature, lapsing, told of before; without it the role only looks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client, RequestFactory

from compliance import access, audit, context, programs, signing
from compliance.models import AuditEvent, Mail, User
from compliance.signing import ContentChanged, Intent, WrongPassword
from imaging.models import Transfer
from tests.factories import AT, PASSWORD, World, make_world
from tests.support.shown import shown_on
from trials.models import Membership, Query, Role, RoleTraining, TrainingRecord
from trials.services import querying, setting_up
from trials.services import training as service
from trials.services.training import NotDeclared, NotToComplete
from trials.tasks import end_roles
from trials.trained import TrainingNeeded

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACC-032")]

DAY = dt.timedelta(days=1)
TITLE = "SOP 12, edition 3"


@pytest.fixture(autouse=True)
def _now(time_machine: Any) -> None:
    time_machine.move_to(AT, tick=False)


def declare(world: World, role: Role = Role.QC_ANALYST, **more: Any) -> RoleTraining:
    said = {"title": TITLE, "text": "Read it on the shelf.", "valid_days": 365, "asked_from": AT.date(), **more}
    return service.declare(trial=world.trial, role=role, **said, actor=world.administrator, at=AT)


def complete(training: RoleTraining, person: User, at: dt.datetime = AT, **more: Any) -> TrainingRecord:
    return service.complete(training=training, **{"signature": Intent(PASSWORD), **more}, actor=person, at=at)


def ask_the_site(world: World) -> None:
    """An act of the QC analyst."""
    querying.raise_query(about=world.north, title="Scanner", text="Which one?", actor=world.analyst, at=AT)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_without_its_training_a_role_does_nothing_and_with_it_everything(world: World) -> None:
    ask_the_site(world)
    training = declare(world)
    with pytest.raises(TrainingNeeded, match=r"QC analyst.*SOP 12"):
        ask_the_site(world)
    assert access.may(world.analyst, "trials.raise_query", world.north)

    made = complete(training, world.analyst)

    ask_the_site(world)
    assert (made.until, signing.signatures_on(made).get().signer) == (AT + 365 * DAY, world.analyst)
    assert AuditEvent.objects.filter(action="trainingrecord.completed", trial_id=world.trial.pk).count() == 1


def test_a_record_lapses_by_itself_and_the_role_stops_and_is_renewed(world: World, time_machine: Any) -> None:
    training = declare(world)
    made = complete(training, world.analyst)
    time_machine.move_to(AT + 365 * DAY, tick=False)

    service.settle(at=AT + 365 * DAY)

    with pytest.raises(TrainingNeeded, match="which has lapsed"):
        ask_the_site(world)
    stored = TrainingRecord.objects.get(pk=made.pk)
    assert stored.lapsed_at == AT + 365 * DAY
    assert signing.still_holds(signing.signatures_on(stored).get(), stored)
    assert AuditEvent.objects.get(action="trainingrecord.lapsed").actor is None
    complete(training, world.analyst, AT + 365 * DAY)
    ask_the_site(world)


def test_what_lapses_stops_pages_and_tokens_at_its_time_though_no_beat_has_noted_it(
    world: World, time_machine: Any
) -> None:
    training = declare(world, valid_days=1)
    complete(training, world.analyst)
    ask_the_site(world)
    address = f"/api/v1/queries/{Query.objects.get().pk}/comment/"
    secret = programs.issue(label="reports", may_change=True, days=7, actor=world.analyst, at=AT)[1]
    program = {"HTTP_AUTHORIZATION": f"Bearer {secret}", "content_type": "application/json"}
    assert Client().post(address, {"text": "Well?"}, **program).status_code == 200

    time_machine.move_to(AT + DAY, tick=False)

    refused = Client().post(address, {"text": "Well?"}, **program)
    assert (refused.status_code, refused.json()["code"]) == (403, "training_needed")
    page = signed_in(world.analyst)
    assert "Lapsed" in page.get("/trials/training/").content.decode()
    told = page.post(f"/trials/sites/{world.north.pk}/qualify/", {"password": PASSWORD})
    assert (told.status_code, "which has lapsed" in told.content.decode()) == (403, True)
    assert TrainingRecord.objects.get().lapsed_at is None
    complete(training, world.analyst, AT + DAY)
    ask_the_site(world)
    assert AuditEvent.objects.get(action="trainingrecord.lapsed").actor is None


def test_it_is_needed_from_the_first_second_of_its_day_on_and_the_beat_notes_it(
    world: World, time_machine: Any
) -> None:
    declare(world, asked_from=AT.date() + DAY)
    time_machine.move_to(dt.datetime.combine(AT.date() + DAY, dt.time(), dt.UTC) - dt.timedelta(seconds=1), tick=False)
    ask_the_site(world)

    time_machine.move_to(dt.datetime.combine(AT.date() + DAY, dt.time(), dt.UTC), tick=False)

    with pytest.raises(TrainingNeeded):
        ask_the_site(world)
    end_roles()
    assert AuditEvent.objects.get(action="roletraining.begun").actor is None


def test_it_is_asked_of_its_role_alone_and_another_role_of_the_person_still_acts(world: World) -> None:
    declare(world, Role.TRIAL_ADMINISTRATOR)
    ask_the_site(world)
    with pytest.raises(TrainingNeeded):
        setting_up.add_site(trial=world.trial, code="EAST", name="East", actor=world.administrator, at=AT)


def test_who_holds_two_roles_that_may_acts_by_the_one_whose_training_is_complete(world: World) -> None:
    setting_up.grant_membership(
        trial=world.trial, user=world.analyst, role=Role.TRIAL_ADMINISTRATOR, actor=world.administrator, at=AT
    )
    declare(world)
    with pytest.raises(TrainingNeeded):
        ask_the_site(world)
    # Qualifying a site is of both roles.
    access.require(world.analyst, "trials.qualify_site", world.north)


def test_a_coordinator_of_another_site_is_nobody_here(world: World) -> None:
    """Who enrols as an administrator is asked for that role's training, whatever they coordinate elsewhere."""
    setting_up.grant_membership(
        trial=world.trial,
        user=world.administrator,
        role=Role.SITE_COORDINATOR,
        site=world.south,
        actor=world.administrator,
        at=AT,
    )
    training = declare(world, Role.TRIAL_ADMINISTRATOR)
    access.require(world.administrator, "trials.enrol", world.south)
    with pytest.raises(TrainingNeeded):
        access.require(world.administrator, "trials.enrol", world.north)
    complete(training, world.administrator)
    access.require(world.administrator, "trials.enrol", world.north)


def test_a_step_is_an_act_also_where_a_page_takes_it_as_it_is_looked_at(world: World, rf: RequestFactory) -> None:
    declare(world)
    with context.within(rf.get("/")):
        access.require(world.analyst, "trials.raise_query", world.north)
        with pytest.raises(TrainingNeeded):
            access.require(world.analyst, "trials.raise_query", world.north, step=True)


def test_another_trial_is_not_concerned(world: World) -> None:
    other = make_world("PLX-2", prefix="o-")
    declare(world)
    querying.raise_query(about=other.north, title="Scanner", text="Which one?", actor=other.analyst, at=AT)


@pytest.mark.parametrize("wrong", [{"title": " "}, {"text": " "}], ids=["no title", "no text"])
def test_a_training_without_words_is_not_declared(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotDeclared):
        declare(world, **wrong)


def test_one_title_is_asked_of_a_role_once_at_a_time(world: World) -> None:
    training = declare(world)
    with pytest.raises(NotDeclared, match="already"):
        declare(world)
    service.end(training=training, reason="Edition 4 is out", actor=world.administrator, at=AT)
    ask_the_site(world)
    declare(world)


def test_administrators_alone_declare_and_holders_alone_complete(world: World) -> None:
    with pytest.raises(access.AccessDenied):
        service.declare(
            trial=world.trial,
            role=Role.READER,
            title="T",
            text="T",
            valid_days=None,
            asked_from=AT.date(),
            actor=world.analyst,
            at=AT,
        )
    training = declare(world)
    for person in (world.coordinator, world.outsider, world.administrator):
        with pytest.raises(access.AccessDenied):
            complete(training, person)


def test_it_is_signed_as_shown_with_the_own_password_and_once(world: World) -> None:
    training = declare(world)
    with pytest.raises(WrongPassword):
        complete(training, world.analyst, signature=Intent("wrong"))
    with pytest.raises(ContentChanged):
        complete(training, world.analyst, signature=Intent(PASSWORD, shown_sha256="0" * 64))
    made = complete(training, world.analyst)
    with pytest.raises(NotToComplete, match="already"):
        complete(training, world.analyst, AT + DAY)
    made.until = None
    with pytest.raises(audit.RecordFrozen):
        audit.save(made, action="trainingrecord.changed", actor=None, at=AT)


def test_it_may_be_renewed_in_its_last_days_and_one_record_holds(world: World) -> None:
    training = declare(world)
    complete(training, world.analyst)
    complete(training, world.analyst, AT + 340 * DAY)
    assert TrainingRecord.objects.filter(lapsed_at=None).count() == 1
    service.settle(at=AT + 365 * DAY)
    ask_the_site(world)


def test_people_are_told_once_when_it_is_asked_and_once_before_it_lapses_without_a_trial(world: World) -> None:
    training = declare(world)
    service.settle(at=AT)
    asked = Mail.objects.get(kind=service.KIND)
    assert (asked.to, asked.subject) == (world.analyst, "A training is asked of you")
    complete(training, world.analyst)
    for at in (AT + 300 * DAY, AT + 340 * DAY, AT + 341 * DAY):
        service.settle(at=at)
    warned = Mail.objects.get(subject="A training of yours lapses soon")
    assert warned.to == world.analyst
    assert not any(world.trial.code in mail.subject + mail.body for mail in (asked, warned))


def test_who_gets_the_role_later_is_told_as_well(world: World) -> None:
    declare(world)
    setting_up.grant_membership(
        trial=world.trial, user=world.outsider, role=Role.QC_ANALYST, actor=world.administrator, at=AT
    )
    service.settle(at=AT + DAY)
    assert Mail.objects.filter(kind=service.KIND, to=world.outsider).count() == 1


def test_pages_look_without_it_refuse_acts_with_a_link_and_complete_it(world: World) -> None:
    training = declare(world)
    page = signed_in(world.analyst)
    own = f"/trials/training/{training.pk}/"
    assert page.get(f"/trials/{world.trial.pk}/").status_code == 200
    assert f'href="{own}"' in page.get("/trials/training/").content.decode()
    assert 'href="/trials/training/"' in page.get("/").content.decode()
    refused = page.post(f"/trials/sites/{world.north.pk}/qualify/", {"password": PASSWORD})
    assert refused.status_code == 403
    assert f'href="{own}"' in refused.content.decode()

    assert page.post(own, {"password": "wrong", "shown_sha256": shown_on(page, own)}).status_code == 422
    assert page.post(own, {"password": PASSWORD, "shown_sha256": shown_on(page, own)}).status_code == 302
    assert "You have completed it" in page.get(own).content.decode()
    assert signed_in(world.coordinator).get(own).status_code == 404


def test_administrators_ask_and_end_and_auditors_see_who_lacks_it(world: World) -> None:
    page, trial = signed_in(world.administrator), world.trial.pk
    said = {"role": "reader", "title": TITLE, "text": "Read it", "asked_from": "2999-01-01", "valid_days": ""}
    address = f"/trials/{trial}/training/declare/"
    assert page.post(address, {**said, "asked_from": "2001-01-01"}).status_code == 422
    assert page.post(address, said).status_code == 302
    assert page.post(address, said).status_code == 422
    seen = signed_in(world.people[Role.AUDITOR]).get(f"/trials/{trial}/training/").content.decode()
    assert "0 of 1" in seen
    assert "Ask for a training" not in seen
    training = RoleTraining.objects.get()
    page.post(f"/trials/training/{training.pk}/end/", {"reason": ""})
    assert RoleTraining.objects.get().ended_at is None
    page.post(f"/trials/training/{training.pk}/end/", {"reason": "A mistake"})
    assert RoleTraining.objects.get().ended_at is not None
    log = page.get(f"/trials/{trial}/people/").content.decode()
    assert f'href="/trials/{trial}/training/"' in log


def test_the_log_of_people_says_what_is_missing(world: World) -> None:
    declare(world)
    log = signed_in(world.administrator).get(f"/trials/{world.trial.pk}/people/").content.decode()
    assert log.count("0 of 1") == 1
    assert Membership.objects.filter(role=Role.QC_ANALYST).count() == 1


def test_a_program_is_refused_acts_as_its_person_is_and_looks(world: World) -> None:
    ask_the_site(world)
    declare(world)
    page, query = signed_in(world.analyst), Query.objects.get()
    address = f"/api/v1/queries/{query.pk}/"
    assert page.get(address).status_code == 200
    refused = page.post(f"{address}comment/", {"text": "Well?"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "training_needed")


def test_a_coordinator_sends_nothing_by_page_or_program_without_it(world: World) -> None:
    declare(world, Role.SITE_COORDINATOR)
    address = f"/imaging/timepoints/{world.timepoint('N-001', 'BL').pk}/transfers/"
    secret = programs.issue(label="gateway", may_change=True, days=7, actor=world.coordinator, at=AT)[1]
    by_token = Client().post(address, HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert by_token.status_code == 403
    assert signed_in(world.coordinator).post(address).status_code == 403
    assert not Transfer.objects.exists()
