"""Visits that no schedule plans take their place by their day, and no other's."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from compliance import audit
from compliance.access import AccessDenied
from compliance.transitions import ReasonRequired
from tests.factories import AT, World
from tests.factories.world import REFERENCE
from trials.charter import RECIST_TEMPLATE
from trials.models import Subject, Timepoint
from trials.schedule import date_of
from trials.services import amending, enrolling, visiting
from trials.services.visiting import VisitRefused
from trials.states import ReadingState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-003")]


@pytest.fixture
def free(world: World) -> World:
    world.amend(unscheduled_visits=True)
    return world


def add(world: World, day: int, *, reason: str = "A fall", code: str = "N-001", actor: object = None) -> Timepoint:
    return visiting.add_visit(
        subject=Subject.objects.get(code=code),
        date=date_of(day, REFERENCE),
        reason=reason,
        actor=actor or world.coordinator,  # type: ignore[arg-type]
        at=AT,
    )


def in_order(code: str = "N-001") -> list[tuple[int, str]]:
    return list(Timepoint.objects.filter(subject__code=code).order_by("order").values_list("order", "code"))


def test_visits_stand_by_their_days(free: World) -> None:
    added = add(free, 80)
    add(free, 40, actor=free.analyst)

    assert in_order() == [(0, "BL"), (1, "UNS-02"), (2, "W8"), (3, "UNS-01"), (4, "W16")]
    assert (added.name, added.day, added.window, added.unscheduled) == ("Unscheduled visit 1", 80, (80, 80), True)
    assert audit.history(added).filter(reason="A fall", actor=free.coordinator).exists()
    assert in_order("N-002") == [(0, "BL"), (1, "W8"), (2, "W16")]


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (60, "That day is one of Week 8"),
        (-40, "before the first visit"),
        (30, "Reading of Week 8 .* has begun"),
    ],
)
def test_a_day_that_is_anothers_or_past_is_refused(free: World, day: int, why: str) -> None:
    Timepoint.objects.filter(subject__code="N-001", code="W8").update(reading_state=ReadingState.OPEN)
    with pytest.raises(VisitRefused, match=why):
        add(free, day)
    assert [code for _, code in in_order()] == ["BL", "W8", "W16"]


def test_two_are_not_on_one_day(free: World) -> None:
    add(free, 80)
    with pytest.raises(VisitRefused, match="That day is one of Unscheduled visit 1"):
        add(free, 80)


def test_it_needs_a_reason_a_right_and_a_subject_in_the_trial(free: World) -> None:
    with pytest.raises(ReasonRequired):
        add(free, 80, reason=" ")
    with pytest.raises(AccessDenied):
        add(free, 80, actor=free.other_coordinator)
    enrolling.withdraw_subject(subject=free.subjects["N-002"], reason="Moved", actor=free.coordinator, at=AT)
    with pytest.raises(VisitRefused, match="not in the trial now"):
        add(free, 80, code="N-002")


def test_a_charter_that_says_nothing_knows_none(world: World) -> None:
    with pytest.raises(VisitRefused, match="knows no unscheduled visits"):
        add(world, 80)


def test_another_version_leaves_it_as_it_is(free: World) -> None:
    add(free, 80)
    subject = Subject.objects.get(code="N-001")
    first, _, last = RECIST_TEMPLATE["schedule"]
    draft = free.amend(schedule=[first, last])
    assert [(change.timepoint, change.after) for change in amending.impact(subject, draft)] == [
        ("W8", "no longer planned")
    ]


def test_it_is_added_on_the_page_and_by_a_program(free: World) -> None:
    client, subject = Client(), Subject.objects.get(code="N-001")
    client.force_login(free.coordinator)
    page = client.get(reverse("trials:subject", args=[subject.pk])).content.decode()
    assert "Unscheduled visit…" in page

    url = reverse("trials:visit_add", args=[subject.pk])
    assert "needs its day and a reason" in client.post(url, {"date": "soon"}, follow=True).content.decode()
    shown = client.post(url, {"date": "2026-03-25", "reason": "A fall"}, follow=True).content.decode()
    assert "Unscheduled visit 1 is there, as UNS-01." in shown
    assert "UNS-01" in client.get(reverse("trials:home", args=[free.trial.pk])).content.decode()

    given = {"date": (REFERENCE + dt.timedelta(days=84)).isoformat(), "reason": "Another fall"}
    made = client.post(f"/api/v1/subjects/{subject.pk}/visits/", given, content_type="application/json")
    assert (made.status_code, made.json()["code"], made.json()["unscheduled"]) == (201, "UNS-02", True)
