"""Enrolling a subject plans its visits; leaving and missing are recorded with a reason."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance import audit
from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.transitions import IllegalMove, ReasonRequired
from tests.factories import AT
from trials.models import Role, Subject
from trials.services import enrolling, setting_up
from trials.services.enrolling import CodeRefused, NotRunning, SubjectExists
from trials.states import ImageState, QcState, ReadingState, SubjectState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-002")]

DAY_1 = dt.date(2026, 1, 5)


def enrol(world, actor, code="N-009", site=None):
    return enrolling.enrol_subject(
        site=site or world.north, code=code, reference_date=DAY_1, actor=actor, at=AT, arm="B"
    )


@pytest.mark.requirement("REQ-SUB-003")
def test_a_subject_gets_the_visits_of_the_charter_in_force(world):
    subject = enrol(world, world.coordinator)
    planned = subject.timepoints.order_by("order")
    assert [(t.code, t.day, t.window) for t in planned] == [
        ("BL", -7, (-28, 1)),
        ("W8", 57, (50, 64)),
        ("W16", 113, (106, 120)),
    ]
    assert {(t.image_state, t.qc_state, t.reading_state) for t in planned} == {
        (ImageState.EXPECTED, QcState.NOT_READY, ReadingState.NOT_READY)
    }
    assert {t.charter for t in planned} == {world.trial.charter_in_force}


@pytest.mark.requirement("REQ-SUB-003")
def test_expected_and_late_dates_count_from_day_1(world):
    timepoint = enrol(world, world.coordinator).timepoints.get(code="W8")
    # Day 57 is 56 days after day 1.
    assert timepoint.expected_on == dt.date(2026, 3, 2)
    assert timepoint.late_on == dt.date(2026, 3, 9)


@pytest.mark.requirement("REQ-SUB-001")
def test_a_subject_code_is_used_once_in_a_trial_across_its_sites(world):
    with pytest.raises(SubjectExists, match="S-001"):
        enrol(world, world.coordinator, code="S-001")
    assert Subject.objects.filter(code="S-001").count() == 1


@pytest.mark.requirement("REQ-SUB-001")
def test_a_code_is_made_as_the_charter_says(world):
    ranges = [{"site": "NORTH", "first": 10, "last": 12}]
    world.amend(subjects={"code_format": "{site}-{number:3}", "code_ranges": ranges})
    for code, why in (
        ("N-009", "It is not made as the charter says. A right one is NORTH-010."),
        ("SOUTH-010", "It is not made as the charter says. A right one is NORTH-010."),
        ("NORTH-013", "Its number is not one of this site's: NORTH-010 to NORTH-012."),
    ):
        with pytest.raises(CodeRefused) as refused:
            enrol(world, world.coordinator, code=code)
        assert refused.value.message == f"The subject code cannot be used at site NORTH. {why}"
    assert enrol(world, world.coordinator, code="NORTH-012").code == "NORTH-012"
    assert enrol(world, world.administrator, code="SOUTH-999", site=world.south).code == "SOUTH-999"


def test_before_a_charter_is_signed_nobody_is_enrolled(world):
    trial = setting_up.create_trial(code="NEW-1", title="New", sponsor_name="S", actor=world.founder, at=AT)
    site = setting_up.add_site(trial=trial, code="WEST", name="West", country="", actor=world.founder, at=AT)
    with pytest.raises(NotRunning, match="NEW-1"):
        enrol(world, world.founder, site=site)


def test_only_the_site_itself_and_the_administrator_enrol(world):
    may = {Role.SITE_COORDINATOR, Role.TRIAL_ADMINISTRATOR}
    for number, (role, person) in enumerate(world.people.items()):
        if role in may:
            assert enrol(world, person, code=f"N-1{number}").site == world.north
        else:
            with pytest.raises(AccessDenied):
                enrol(world, person, code=f"N-1{number}")
    for person in (world.other_coordinator, world.outsider):
        with pytest.raises(AccessDenied):
            enrol(world, person)


@pytest.mark.requirement("REQ-SUB-004")
def test_a_subject_leaves_once_and_with_a_reason(world):
    subject = world.subjects["N-001"]
    with pytest.raises(ReasonRequired):
        enrolling.withdraw_subject(subject=subject, reason=" ", actor=world.coordinator, at=AT)
    enrolling.withdraw_subject(subject=subject, reason="Moved away", actor=world.coordinator, at=AT)
    assert Subject.objects.get(pk=subject.pk).state == SubjectState.WITHDRAWN
    assert audit.history(subject).first().reason == "Moved away"
    with pytest.raises(IllegalMove):
        enrolling.withdraw_subject(subject=subject, reason="Again", actor=world.coordinator, at=AT)


@pytest.mark.requirement("REQ-SUB-004")
def test_a_missed_visit_has_a_reason_and_leaves_the_others_as_they_are(world):
    timepoint = world.timepoint("N-001", "W8")
    with pytest.raises(ReasonRequired):
        enrolling.mark_missed(timepoint=timepoint, reason="", actor=world.coordinator, at=AT)
    enrolling.mark_missed(timepoint=timepoint, reason="Scanner down", actor=world.coordinator, at=AT)
    states = {code: world.timepoint("N-001", code).image_state for code in ("BL", "W8", "W16")}
    assert states == {"BL": ImageState.EXPECTED, "W8": ImageState.MISSED, "W16": ImageState.EXPECTED}


def test_another_sites_coordinator_neither_withdraws_nor_marks(world):
    with pytest.raises(AccessDenied):
        enrolling.withdraw_subject(subject=world.subjects["N-001"], reason="Mine", actor=world.other_coordinator, at=AT)
    with pytest.raises(AccessDenied):
        enrolling.mark_missed(
            timepoint=world.timepoint("N-001", "W8"), reason="Mine", actor=world.other_coordinator, at=AT
        )


@pytest.mark.requirement("REQ-LOC-002")
def test_after_the_lock_no_subject_changes(locked):
    acts = [
        lambda: enrol(locked, locked.coordinator),
        lambda: enrolling.withdraw_subject(
            subject=locked.subjects["N-001"], reason="Late", actor=locked.coordinator, at=AT
        ),
        lambda: enrolling.mark_missed(
            timepoint=locked.timepoint("N-001", "W8"), reason="Late", actor=locked.coordinator, at=AT
        ),
    ]
    for act in acts:
        with pytest.raises(RecordFrozen, match="locked"):
            act()
    assert set(Subject.objects.values_list("code", "state")) == {
        (code, SubjectState.ENROLLED) for code in ("N-001", "N-002", "S-001")
    }
