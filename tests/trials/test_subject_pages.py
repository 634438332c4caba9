"""The pages of a subject's life: screened, enrolled, leaving."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from compliance.models import User
from tests.factories import World
from tests.trials.services.test_screening import CHARTER
from trials.models import Subject
from trials.states import SubjectState

pytestmark = pytest.mark.django_db


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page(person: User, name: str, pk: int) -> str:
    response = client_of(person).get(reverse(f"trials:{name}", args=[pk]))
    assert response.status_code == 200
    return response.content.decode()


def send(person: User, name: str, pk: int, **data: str) -> str:
    """Send a form; return the page that answers."""
    response = client_of(person).post(reverse(f"trials:{name}", args=[pk]), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_coordinator_screens_and_enrols(world: World) -> None:
    world.amend(**CHARTER)
    assert "Screen at NORTH" in page(world.coordinator, "home", world.trial.pk)
    form = page(world.coordinator, "enrol", world.north.pk)
    assert "Day 1, as it is planned" in form
    assert "The next free one is SNORTH-01." in form

    shown = send(world.coordinator, "enrol", world.north.pk, code="SNORTH-01", reference_date="2026-03-09")
    assert "Subject SNORTH-01 is screened; the visits are planned." in shown
    subject = Subject.objects.get(code="SNORTH-01")
    assert "· screened" in page(world.coordinator, "home", world.trial.pk)

    form = page(world.coordinator, "enrol_screened", subject.pk)
    assert "It was planned for 9 March 2026." in form
    assert "Until now SNORTH-01. Codes of NORTH are NORTH-001 to NORTH-999." in form
    shown = send(world.coordinator, "enrol_screened", subject.pk, code="N1", reference_date="2026-03-16")
    assert "A right one is NORTH-001." in shown
    shown = send(world.coordinator, "enrol_screened", subject.pk, code="NORTH-001", reference_date="2026-03-16")
    assert "Subject NORTH-001 is enrolled; its other visits are planned." in shown
    assert "Screened as SNORTH-01." in shown
    assert Subject.objects.get(pk=subject.pk).reference_date == dt.date(2026, 3, 16)


def test_a_failed_screening_is_recorded_with_its_reason(world: World) -> None:
    world.amend(**CHARTER)
    send(world.coordinator, "enrol", world.north.pk, code="SNORTH-01", reference_date="2026-03-09")
    subject = Subject.objects.get(code="SNORTH-01")

    assert "A failed screening needs a reason." in send(world.coordinator, "fail_screening", subject.pk, reason="")
    shown = send(world.coordinator, "fail_screening", subject.pk, reason="Criterion 4")

    assert "Subject SNORTH-01 does not take part." in shown
    assert "Criterion 4" in shown
    assert Subject.objects.get(pk=subject.pk).state == SubjectState.SCREEN_FAILED
    home = page(world.coordinator, "home", world.trial.pk)
    assert "· screen failed" in home
    assert "Not expected" in home
    assert "Screen failures" in page(world.administrator, "progress", world.trial.pk)
