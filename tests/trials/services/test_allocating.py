"""Arms and the visits that come with them: entered after enrolment, corrected, amended; only the untouched moves."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from compliance import jobs
from compliance.access import AccessDenied
from compliance.models import AuditEvent
from compliance.signing import Intent
from compliance.transitions import ReasonRequired
from tests.factories import AT, PASSWORD, World
from trials.charter import RECIST_TEMPLATE
from trials.models import Subject, Timepoint
from trials.services import allocating, amending, enrolling, querying
from trials.services.allocating import ArmRefused, ArmTold
from trials.states import ReadingState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-013")]

BASELINE, WEEK_8, WEEK_16 = RECIST_TEMPLATE["schedule"]
WEEK_10 = {**WEEK_8, "code": "W10", "name": "Week 10", "day": 64}
SCHEDULE = [BASELINE, {**WEEK_8, "arms": ["Weekly"]}, {**WEEK_10, "arms": ["Monthly"]}, WEEK_16]
WHY = "The list of randomisation came."


@pytest.fixture
def subject(world: World) -> Subject:
    world.amend(schedule=SCHEDULE)
    return world.enrol(world.north, "N-777", arm="")


def allocate(world: World, subject: Subject, arm: str, reason: str = WHY) -> Subject:
    return allocating.allocate_arm(subject=subject, arm=arm, reason=reason, actor=world.administrator, at=AT)


def visits(subject: Subject) -> list[tuple[str, int]]:
    return list(subject.timepoints.order_by("order").values_list("code", "order"))


def test_a_subject_has_the_visits_of_all_arms_until_its_own_is_entered(world: World, subject: Subject) -> None:
    assert visits(subject) == [("BL", 0), ("W16", 1)]
    allocate(world, subject, "Weekly")
    assert visits(subject) == [("BL", 0), ("W8", 1), ("W16", 2)]
    allocate(world, subject, "Monthly", "A mistake at entry.")
    assert visits(subject) == [("BL", 0), ("W10", 1), ("W16", 2)]
    allocate(world, subject, "")
    assert visits(subject) == [("BL", 0), ("W16", 1)]
    said = AuditEvent.objects.filter(object_label__startswith="N-777")
    actions = list(
        said.filter(action__in=["subject.allocated", "timepoint.unplanned"]).values_list("action", flat=True)
    )
    assert sorted(actions) == 3 * ["subject.allocated"] + 2 * ["timepoint.unplanned"]
    assert not [event for event in said if "Weekly" in str((event.before, event.after, event.reason))]


def test_what_somebody_has_touched_stays(world: World, subject: Subject) -> None:
    allocate(world, subject, "Weekly")
    querying.raise_query(
        about=subject.timepoints.get(code="W8"), title="Scan", text="Is it planned?", actor=world.analyst, at=AT
    )
    allocate(world, subject, "Monthly")
    assert visits(subject) == [("BL", 0), ("W8", 1), ("W10", 2), ("W16", 3)]


def test_a_scan_that_will_not_come_stays_recorded(world: World, subject: Subject) -> None:
    allocate(world, subject, "Weekly")
    enrolling.mark_missed(
        timepoint=subject.timepoints.get(code="W8"), reason="On holiday", actor=world.administrator, at=AT
    )
    allocate(world, subject, "")
    assert visits(subject) == [("BL", 0), ("W8", 1), ("W16", 2)]


def test_nothing_is_planned_before_what_readers_have_begun(world: World, subject: Subject) -> None:
    Timepoint.objects.filter(subject=subject, code="W16").update(reading_state=ReadingState.OPEN)
    allocate(world, subject, "Weekly")
    assert visits(subject) == [("BL", 0), ("W16", 1)]


@pytest.mark.requirement("REQ-SUB-009", "REQ-SUB-013")
@pytest.mark.parametrize("reason", ["It is WEEKLY, not the other.", "was monthly", "(Weekly)"])
def test_a_reason_that_names_an_arm_is_refused(world: World, subject: Subject, reason: str) -> None:
    with pytest.raises(ArmTold):
        allocate(world, subject, "Weekly", reason)
    assert Subject.objects.get(pk=subject.pk).arm == ""


def test_it_needs_a_reason_the_administrator_and_a_subject_in_the_trial(world: World, subject: Subject) -> None:
    with pytest.raises(ReasonRequired):
        allocate(world, subject, "Weekly", " ")
    with pytest.raises(AccessDenied):
        allocating.allocate_arm(subject=subject, arm="Weekly", reason=WHY, actor=world.coordinator, at=AT)
    enrolling.withdraw_subject(subject=subject, reason="Moved away", actor=world.administrator, at=AT)
    with pytest.raises(ArmRefused):
        allocate(world, subject, "Weekly")
    assert Subject.objects.get(pk=subject.pk).arm == ""


def test_an_amendment_of_arms_says_what_comes_and_goes_for_each_subject(world: World, subject: Subject) -> None:
    subject = allocate(world, subject, "Weekly")
    both = [BASELINE, {**WEEK_8, "arms": ["Monthly"]}, {**WEEK_10, "arms": ["Weekly"]}, WEEK_16]
    charter = world.amend(schedule=both)
    found = {(c.timepoint, c.before, c.after) for c in amending.impact(subject, charter) if c.what == "Visit"}
    window = "7 days before to 7 after"
    assert found == {
        ("W8", f"Week 8: day 57, {window}", "no longer planned"),
        ("W10", "", f"Week 10: day 64, {window}"),
    }
    amending.adopt(
        charter=charter, subjects=[subject], reason="Amended", signature=Intent(PASSWORD), actor=world.founder, at=AT
    )
    jobs.drain()
    states = dict(subject.timepoints.values_list("code", "image_state"))
    assert states == {"BL": "expected", "W8": "missed", "W10": "expected", "W16": "expected"}


def test_the_administrator_enters_it_on_the_page_and_by_the_interface(world: World, subject: Subject) -> None:
    client = Client()
    client.force_login(world.administrator)
    page = reverse("trials:subject", args=[subject.pk])
    client.post(reverse("trials:allocate", args=[subject.pk]), {"arm": "Weekly", "reason": WHY})
    assert "Arm Weekly…" in client.get(page).content.decode()
    answer = client.post(f"/api/v1/subjects/{subject.pk}/arm/", {"arm": "Monthly", "reason": WHY})
    assert (answer.status_code, "arm" in answer.json()) == (200, False)
    assert Subject.objects.get(pk=subject.pk).arm == "Monthly"
    assert [code for code, _ in visits(subject)] == ["BL", "W10", "W16"]
