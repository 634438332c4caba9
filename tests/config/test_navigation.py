"""The navigation holds what a person's roles open, and nothing else."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import World
from trials.models import Role, Trial
from trials.states import TrialState

pytestmark = [pytest.mark.django_db, pytest.mark.one_database, pytest.mark.requirement("REQ-ACS-002")]

#: What an administrator has in the menu; an auditor has the signatures besides.
CONDUCT = {
    "Reviews of the trail",
    "Who may what",
    "Delegation log",
    "Training",
    "Reviews of access",
    "Emergency access",
    "Unplanned unblindings",
}


@pytest.mark.parametrize("role", Role)
def test_what_is_asked_of_a_trials_conduct_has_a_menu_for_those_who_may(world: World, role: Role) -> None:
    client = Client()
    client.force_login(world.people[role])
    page = client.get("/")

    shown = {item["label"]: item["url"] for item in page.context["oversight"]}
    assert ("px-oversight" in page.content.decode()) == bool(shown)
    wanted = {Role.AUDITOR: CONDUCT | {"Signatures"}, Role.TRIAL_ADMINISTRATOR: CONDUCT}
    assert shown.keys() == wanted.get(role, set())
    assert [url for url in shown.values() if client.get(url).status_code != 200] == []


def test_whoever_has_a_role_and_nothing_to_do_is_not_told_that_they_have_no_trial(world: World) -> None:
    Trial.objects.update(state=TrialState.LOCKED)

    told = {}
    for name, person in (("coordinator", world.coordinator), ("outsider", world.outsider)):
        client = Client()
        client.force_login(person)
        page = client.get("/").content.decode()
        told[name] = [title for title in ("Nothing waits for you", "No trial yet") if title in page]

    assert told == {"coordinator": ["Nothing waits for you"], "outsider": ["No trial yet"]}
