"""Screening: a subject has a code and scans before it is known whether it takes part; it is enrolled, or leaves."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance import audit
from compliance.access import AccessDenied
from compliance.transitions import IllegalMove, ReasonRequired
from tests.factories import AT, World
from tests.trials.lists import as_csv
from trials import selectors
from trials.charter import RECIST_TEMPLATE
from trials.models import Subject
from trials.services import amending, enrolling, listing, scheduling
from trials.services.enrolling import CodeRefused, NotScreened, ScreenedFirst, SubjectExists
from trials.services.listing import Fate
from trials.states import SubjectState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-SUB-010")]

PLANNED, DAY_1 = dt.date(2026, 3, 9), dt.date(2026, 3, 16)
BASELINE, *LATER = RECIST_TEMPLATE["schedule"]
CHARTER = {
    "schedule": [{**BASELINE, "at_screening": True}, *LATER],
    "subjects": {"screening": True, "screening_format": "S{site}-{number:2}", "code_format": "{site}-{number:3}"},
}


@pytest.fixture
def screening(world: World) -> World:
    world.amend(**CHARTER)
    return world


def screened(world: World, code: str = "SNORTH-01") -> Subject:
    return enrolling.screen_subject(site=world.north, code=code, reference_date=PLANNED, actor=world.coordinator, at=AT)


def enrolled(world: World, subject: Subject, code: str = "NORTH-001") -> Subject:
    return enrolling.enrol_screened(
        subject=subject, code=code, reference_date=DAY_1, actor=world.coordinator, at=AT + dt.timedelta(days=1)
    )


def visits(subject: Subject) -> list[tuple[int, str]]:
    return list(subject.timepoints.order_by("order").values_list("order", "code"))


def test_a_screened_subject_has_the_visits_of_screening(screening: World) -> None:
    subject = screened(screening)
    assert (subject.state, subject.screened_at, subject.enrolled_at) == (SubjectState.SCREENED, AT, None)
    assert visits(subject) == [(0, "BL")]
    assert audit.history(subject).get().action == "subject.screened"


def test_an_enrolled_one_gets_the_others_and_its_own_code_and_day_1(screening: World) -> None:
    subject = screened(screening)
    enrolled(screening, subject)

    stored = Subject.objects.get(pk=subject.pk)
    assert (stored.state, stored.code, stored.screening_code) == (SubjectState.ENROLLED, "NORTH-001", "SNORTH-01")
    assert (stored.reference_date, stored.first_code) == (DAY_1, "SNORTH-01")
    assert visits(stored) == [(0, "BL"), (1, "W8"), (2, "W16")]
    assert stored.timepoints.get(code="BL").expected_on == dt.date(2026, 3, 9)
    with pytest.raises(IllegalMove):
        enrolled(screening, subject, code="NORTH-002")


def test_codes_are_made_by_the_rule_of_their_time_and_used_once(screening: World) -> None:
    with pytest.raises(CodeRefused, match="A right one is SNORTH-01"):
        screened(screening, code="NORTH-001")
    subject = screened(screening)
    for code, why in (("", "Say which"), ("SNORTH-02", "A right one is NORTH-001")):
        with pytest.raises(CodeRefused, match=why):
            enrolled(screening, subject, code=code)
    enrolled(screening, subject)
    with pytest.raises(SubjectExists):
        screened(screening)
    assert selectors.said_of_codes(screening.north).endswith("The next free one is SNORTH-02.")


def test_where_the_charter_has_one_form_of_code_it_stays(world: World) -> None:
    world.amend(**{**CHARTER, "subjects": {"screening": True}})
    subject = screened(world, code="N-100")
    enrolling.enrol_screened(subject=subject, reference_date=DAY_1, actor=world.coordinator, at=AT)
    assert (subject.code, subject.screening_code, subject.first_code) == ("N-100", "", "N-100")


def test_each_charter_has_one_way_in(world: World) -> None:
    with pytest.raises(NotScreened):
        screened(world)
    world.amend(**CHARTER)
    with pytest.raises(ScreenedFirst):
        world.enrol(world.north, "SNORTH-01")


def test_a_failed_screening_has_a_reason_and_ends_what_was_expected(screening: World) -> None:
    subject = screened(screening)
    assert "Baseline" in scheduling.calendar_of(screening.north, at=AT).decode()
    expected = scheduling.calendar_of(screening.north, at=AT).count(b"BEGIN:VEVENT")
    with pytest.raises(ReasonRequired):
        enrolling.fail_screening(subject=subject, reason=" ", actor=screening.coordinator, at=AT)
    with pytest.raises(AccessDenied):
        enrolling.fail_screening(subject=subject, reason="x", actor=screening.analyst, at=AT)

    enrolling.fail_screening(subject=subject, reason="Criterion 4", actor=screening.coordinator, at=AT)

    assert (subject.state, subject.has_left) == (SubjectState.SCREEN_FAILED, True)
    assert scheduling.calendar_of(screening.north, at=AT).count(b"BEGIN:VEVENT") == expected - 1
    for act in (
        enrolled,
        lambda *_: enrolling.withdraw_subject(subject=subject, reason="x", actor=_[0].coordinator, at=AT),
    ):
        with pytest.raises(IllegalMove):
            act(screening, subject)


def test_a_list_screens_where_the_charter_does(screening: World) -> None:
    content = as_csv(("NORTH", "SNORTH-07", PLANNED.isoformat()))
    checked = listing.read_list(trial=screening.trial, content=content, actor=screening.coordinator, at=AT)
    (subject,) = listing.enrol_rows(
        trial=screening.trial, rows=checked.of(Fate.NEW), actor=screening.coordinator, at=AT
    )
    assert (subject.state, subject.screened_at, subject.enrolled_at) == (SubjectState.SCREENED, AT, None)
    assert visits(subject) == [(0, "BL")]

    enrolled(screening, subject)
    again = as_csv(("NORTH", "SNORTH-07", DAY_1.isoformat()))
    checked = listing.read_list(trial=screening.trial, content=again, actor=screening.coordinator, at=AT)
    assert [row.fate for row in checked.rows] == [Fate.ENROLLED]


def test_progress_tells_who_is_where(screening: World) -> None:
    enrolled(screening, screened(screening))
    screened(screening, "SNORTH-02")
    enrolling.fail_screening(
        subject=screened(screening, "SNORTH-03"), reason="Criterion 4", actor=screening.coordinator, at=AT
    )
    north = next(row for row in selectors.progress(screening.trial) if row["code"] == "NORTH")
    assert (north["screened"], north["screen_failed"], north["enrolled"]) == (1, 1, 3)


def test_another_version_plans_for_a_screened_subject_what_it_does_at_screening(screening: World) -> None:
    subject = screened(screening)
    early = {"code": "SC", "name": "Screening", "day": -40, "window_before": 5, "window_after": 5, "at_screening": True}
    draft = screening.amend(**{**CHARTER, "schedule": [early, *CHARTER["schedule"]]})  # type: ignore[misc]
    changes = [(change.timepoint, change.what) for change in amending.impact(subject, draft)]
    assert changes == [("SC", "Visit")]
