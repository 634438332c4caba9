"""A subject's arm is known to the trial administrator alone: planted in every record, no page tells it to others."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent, User
from tests.factories import AT, World
from tests.factories.world import REFERENCE
from tests.trials.lists import HEADER, as_csv
from trials.models import Role
from trials.services import listing
from trials.services.listing import Fate

pytestmark = pytest.mark.django_db

PLANTED = "ARM-PLANTED"


@pytest.fixture
def planted(world: World) -> World:
    world.enrol(world.north, "N-777", arm=PLANTED)
    content = as_csv(("NORTH", "N-778", REFERENCE.isoformat(), PLANTED), header=(*HEADER, "arm"))
    checked = listing.read_list(trial=world.trial, content=content, actor=world.administrator, at=AT)
    listing.enrol_rows(trial=world.trial, rows=checked.of(Fate.NEW), actor=world.administrator, at=AT)
    return world


def addresses(world: World) -> list[str]:
    subject = world.subjects["N-777"]
    return [
        "/",
        reverse("trials:home", args=[world.trial.pk]),
        reverse("trials:subject", args=[subject.pk]),
        reverse("trials:audit", args=[world.trial.pk]),
        reverse("history", args=["trials.subject", subject.pk]),
        reverse("trials:progress", args=[world.trial.pk]),
        reverse("trials:list_check", args=[world.trial.pk]),
        reverse("imaging:timepoint", args=[subject.timepoints.order_by("order")[0].pk]),
        "/api/v1/subjects/",
        f"/api/v1/subjects/{subject.pk}/",
        "/api/v1/timepoints/",
    ]


def test_no_page_and_no_trail_tells_an_arm(planted: World) -> None:
    shown = 0
    for role, person in planted.people.items():
        if role is Role.TRIAL_ADMINISTRATOR:
            continue
        client = Client()
        client.force_login(person)
        for address in addresses(planted):
            response = client.get(address)
            shown += response.status_code == 200
            assert PLANTED.encode() not in response.content, (role, address)
    assert shown > 20
    said = AuditEvent.objects.values_list("before", "after", "object_label", "reason")
    assert not [event for event in said if PLANTED in str(event)]


@pytest.mark.parametrize("arm", [PLANTED, "ANOTHER"])
def test_a_list_is_no_way_to_find_out(planted: World, arm: str) -> None:
    content = as_csv(("NORTH", "N-777", REFERENCE.isoformat(), arm), header=(*HEADER, "arm"))

    def problems(actor: User) -> list[str]:
        (row,) = listing.read_list(trial=planted.trial, content=content, actor=actor, at=AT).rows
        return row.problems

    assert problems(planted.coordinator) == ["Arms are entered by the trial administrator alone. Leave the column out."]
    right = [] if arm == PLANTED else ["Subject N-777 is enrolled in another arm."]
    assert problems(planted.administrator) == right
