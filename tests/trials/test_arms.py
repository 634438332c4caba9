"""A subject's arm is known to the trial administrator alone: planted in every record, no page tells it to others."""

from __future__ import annotations

import subprocess

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent, User
from compliance.signing import digest
from tests.factories import AT, World
from tests.factories.world import REFERENCE
from tests.support.tools import tool
from tests.trials.lists import HEADER, as_csv
from trials.charter import RECIST_TEMPLATE, Charter, documents
from trials.models import Role
from trials.services import listing, setting_up
from trials.services.listing import Fate

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-009")]

PLANTED = "ARM-PLANTED"
BASELINE, WEEK_8, WEEK_16 = RECIST_TEMPLATE["schedule"]
#: Week 10 is for the planted arm alone; its window is also that of week 8, which the other arm has.
WEEK_10 = {**WEEK_8, "code": "W10", "name": "Week 10", "day": 64}
SCHEDULE = [BASELINE, {**WEEK_8, "arms": ["OTHER-ARM"]}, {**WEEK_10, "arms": [PLANTED]}, WEEK_16]


@pytest.fixture
def planted(world: World) -> World:
    world.amend(schedule=SCHEDULE)
    world.amend(schedule=[*SCHEDULE[:2], {**SCHEDULE[2], "arms": [PLANTED, "THIRD-ARM"]}, *SCHEDULE[3:]])
    setting_up.amend_charter(trial=world.trial, change_summary="Open", actor=world.founder, at=AT)
    world.enrol(world.north, "N-777", arm=PLANTED)
    content = as_csv(("NORTH", "N-778", REFERENCE.isoformat(), PLANTED), header=(*HEADER, "arm"))
    checked = listing.read_list(trial=world.trial, content=content, actor=world.administrator, at=AT)
    listing.enrol_rows(trial=world.trial, rows=checked.of(Fate.NEW), actor=world.administrator, at=AT)
    return world


def addresses(world: World) -> list[str]:
    subject = world.subjects["N-777"]
    versions = list(world.trial.charters.order_by("-version"))
    charters = [
        address
        for charter in versions
        for address in (
            reverse("trials:charter", args=[charter.pk]),
            reverse("trials:charter_export", args=[charter.pk]),
            reverse("history", args=["trials.imagingcharter", charter.pk]),
            f"/api/v1/charters/{charter.pk}/",
        )
    ]
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
        *charters,
        f"{charters[0]}?against=2",
        "/api/v1/charters/",
        reverse("trials:calendar", args=[world.north.pk]),
        reverse("trials:calendar_file", args=[world.north.pk]),
        reverse("trials:forms", args=[world.trial.pk]),
        reverse("reading:progress", args=[world.trial.pk]),
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
    assert shown > 100
    said = AuditEvent.objects.values_list("before", "after", "object_label", "reason")
    assert not [event for event in said if PLANTED in str(event)]


@pytest.mark.requires_tool("pdftotext")
def test_the_printed_charter_tells_no_arm_but_to_the_administrator(planted: World) -> None:
    address = reverse("trials:charter_pdf", args=[planted.trial.charter_in_force.pk])

    def printed(person: User) -> bytes:
        client = Client()
        client.force_login(person)
        answer = client.get(address)
        return subprocess.run(
            [tool("pdftotext"), "-layout", "-", "-"], input=answer.content, capture_output=True, check=True
        ).stdout

    assert PLANTED.encode() in printed(planted.administrator)
    told = printed(planted.analyst)
    assert b"Week 10" in told
    assert PLANTED.encode() not in told


def test_the_administrator_sees_which_arms_have_a_visit_and_what_changed(planted: World) -> None:
    client = Client()
    client.force_login(planted.administrator)
    in_force = planted.trial.charter_in_force
    page = client.get(reverse("trials:charter", args=[in_force.pk])).content.decode()
    assert f"{PLANTED}, THIRD-ARM" in page
    assert "Visit W10, arms" in page
    document = client.get(reverse("trials:charter_export", args=[in_force.pk])).content
    assert Charter.parse(documents.read(document).content) == in_force.terms
    assert client.get(f"/api/v1/charters/{in_force.pk}/").json()["content"] == in_force.content


def test_what_everybody_may_have_of_a_charter_is_bound_to_its_arms_by_a_salted_digest(planted: World) -> None:
    client = Client()
    client.force_login(planted.analyst)
    second, third = planted.trial.charters.filter(version__in=[2, 3]).order_by("version")
    answer = client.get(f"/api/v1/charters/{third.pk}/").json()
    assert answer["sha256"] == digest(answer["content"]) == third.sha256
    told = {one.version: {n: v for n, v in one.sealed.items() if n != "sealed"} for one in (second, third)}
    assert told[2] == told[3]
    assert second.sha256 != third.sha256
    assert third.salt not in str(answer)
    assert third.salt != second.salt
    # Signatures and the locked package are of the same content.
    assert third.signed_content()["charter"] == third.sealed
    assert PLANTED not in str(third.sealed)


def test_a_change_of_arms_alone_stands_in_the_trail_by_its_seal(planted: World) -> None:
    draft = planted.trial.charters.get(state="draft")
    setting_up.edit_charter(
        charter=draft, content={**draft.content, "schedule": SCHEDULE}, actor=planted.administrator, at=AT
    )
    edited = AuditEvent.objects.get(action="imagingcharter.edited", object_id=str(draft.pk))
    before, after = edited.before["content"], edited.after["content"]
    assert before.pop("sealed") != after.pop("sealed")
    assert before == after


@pytest.mark.parametrize("arm", [PLANTED, "ANOTHER"])
def test_a_list_is_no_way_to_find_out(planted: World, arm: str) -> None:
    content = as_csv(("NORTH", "N-777", REFERENCE.isoformat(), arm), header=(*HEADER, "arm"))

    def problems(actor: User) -> list[str]:
        (row,) = listing.read_list(trial=planted.trial, content=content, actor=actor, at=AT).rows
        return row.problems

    assert problems(planted.coordinator) == ["Arms are entered by the trial administrator alone. Leave the column out."]
    right = [] if arm == PLANTED else ["Subject N-777 is enrolled in another arm."]
    assert problems(planted.administrator) == right
