"""The table of rights is what the predicates do, is in docs/ as it is, and shows who can unblind."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client

from compliance import access
from compliance.models import AuditEvent
from config.access_table import doors_by_verb, left_out
from tests.factories import World
from tests.house.crawling import routes
from trials.models import Role

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACS-031")]
BLINDED = {Role.READER, Role.ADJUDICATOR}


def client_of(world: World, role: Role) -> Client:
    client = Client()
    client.force_login(world.people[role])
    return client


def test_every_right_says_who_holds_it_and_every_command_has_a_row() -> None:
    assert left_out() == []


def test_a_role_holds_in_its_trial_what_the_table_says_and_nothing_else(world: World) -> None:
    site = world.north
    for right in access.rights():
        for role, person in world.people.items():
            about = site if role is Role.SITE_COORDINATOR else world.trial
            held = role in right.by or (person.is_staff and access.INSTALLATION in right.by)
            if right.verb == "trials.answer_query":
                held = role is Role.SITE_COORDINATOR  # of a site; an administrator answers what belongs to none
            if right.verb in ("trials.confirm_lock", "reading.see_interim"):
                held = False  # this trial's charter names nobody for it
            if right.verb == "trials.see_freezes":
                held = role in (Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
            assert access.may(person, right.verb, about) == held, (right.verb, role)
        assert not access.may(world.outsider, right.verb, world.trial)


def test_one_question_for_many_verbs_answers_as_one_for_each(world: World) -> None:
    for person in (*world.people.values(), world.outsider, world.other_coordinator):
        asked = [(verb, about) for verb in sorted(access.verbs()) for about in (world.trial, world.north, None)]
        one_by_one = [access.may(person, verb, about) for verb, about in asked]
        with access.asking_much(person):
            at_once = [access.may(person, verb, about) for verb, about in asked]
            # Of anybody else nothing is kept.
            assert access.may(world.analyst, "imaging.review", world.trial)
        assert at_once == one_by_one


def test_nobody_who_is_blinded_holds_a_right_that_can_unblind() -> None:
    unblinding = [right for right in access.rights() if right.unblinds]
    assert {right.verb for right in unblinding} >= {
        "trials.see_arms",
        "imaging.see_identities",
        "imaging.review_pixels",
    }
    assert not [right.verb for right in unblinding if BLINDED & set(right.by)]
    assert not [right.verb for right in access.rights() if access.identifies(right.verb) and not right.unblinds]


def test_every_address_that_names_a_verb_is_listed_behind_it() -> None:
    listed = {door.address for doors in doors_by_verb().values() for door in doors}
    assert listed == {f"/{route}" for route, _ in routes()}


def test_an_arm_that_is_shown_is_recorded_once_a_day(world: World) -> None:
    subject = world.enrol(world.north, "NX-1", arm="B").timepoints.get(code="BL").subject
    client = client_of(world, Role.TRIAL_ADMINISTRATOR)
    for _ in range(2):
        assert "Arm B" in client.get(f"/trials/subjects/{subject.pk}/").content.decode()
    assert "Arm B" not in client_of(world, Role.QC_ANALYST).get(f"/trials/subjects/{subject.pk}/").content.decode()
    shown = AuditEvent.objects.filter(action="subject.arm_shown")
    assert [(event.actor, event.object_id) for event in shown] == [(world.administrator, str(subject.pk))]
    assert "B" not in str(shown[0].after)


def test_the_page_lists_rights_by_filter_with_people_and_uses(world: World) -> None:
    client = client_of(world, Role.AUDITOR)
    page = client.get(f"/trials/{world.trial.pk}/access/?role=sponsor&room=reading").content.decode()
    assert "reading.see_package" in page
    assert "<code>trials.see_progress</code>" not in page
    assert str(world.people[Role.READING_MANAGER]) in page
    told = client.get(f"/trials/{world.trial.pk}/access.csv?verb=arms").content.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(told))
    assert (row["Right"], row["Trial administrator"], row["Reader"]) == ("trials.see_arms", "yes", "")
    assert "/trials/subjects/<pk>/arm/" in row["Addresses"]


def test_a_choice_that_is_none_shows_all(world: World) -> None:
    told = client_of(world, Role.AUDITOR).get(f"/trials/{world.trial.pk}/access.csv?role=king").content.decode()
    assert len(list(csv.reader(io.StringIO(told)))) > len(access.rights())
