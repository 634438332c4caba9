"""A reader whose role asks for a training takes up no case without it, and is led to it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from compliance.signing import Intent
from reading.services.assessing import open_task
from reading.states import ReadState
from tests.reading.conftest import AT, PASSWORD, World
from trials.models import Role, RoleTraining, Subject
from trials.services import training

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ACC-032")]


@pytest.fixture
def asked(world: World, subject: Subject) -> RoleTraining:
    """A training of readers that is needed now, in a trial with a read that waits."""
    world.clear("BL")
    return training.declare(
        trial=world.trial,
        role=Role.READER,
        title="How to measure",
        text="Read the guide.",
        valid_days=None,
        asked_from=dt.date(2020, 1, 1),
        actor=world.admin,
        at=AT,
    )


def test_a_case_is_not_opened_by_looking_at_its_page_and_the_way_is_told(world: World, asked: RoleTraining) -> None:
    task = world.task("BL", 1)
    page, own = Client(), reverse("reading:task", args=[task.blinded_code])
    page.force_login(task.reader)

    refused = page.get(own)

    assert refused.status_code == 403
    assert f'href="/trials/training/{asked.pk}/"' in refused.content.decode()
    assert world.task("BL", 1).state == ReadState.ASSIGNED
    training.complete(training=asked, signature=Intent(PASSWORD), actor=task.reader, at=AT)
    assert page.get(own).status_code == 200
    assert world.task("BL", 1).state == ReadState.READING


def test_a_case_that_was_opened_before_is_looked_at_and_not_saved(world: World, asked: RoleTraining) -> None:
    task, other = world.task("BL", 1), world.task("BL", 2)
    training.complete(training=asked, signature=Intent(PASSWORD), actor=task.reader, at=AT)
    open_task(task=task, actor=task.reader, at=AT)
    training.end(training=asked, reason="A new edition", actor=world.admin, at=AT)
    training.declare(
        trial=world.trial,
        role=Role.READER,
        title="How to measure, again",
        text="Read the guide.",
        valid_days=None,
        asked_from=dt.date(2020, 1, 1),
        actor=world.admin,
        at=AT,
    )
    page, own = Client(), reverse("reading:task", args=[task.blinded_code])
    page.force_login(task.reader)

    assert page.get(own).status_code == 200
    for step in ("save", "sign"):
        sent = page.post(f"{own}{step}/", {"password": PASSWORD})
        assert (sent.status_code, "needs the training" in sent.content.decode()) == (403, True)
    assert other.state == ReadState.ASSIGNED
