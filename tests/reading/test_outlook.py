"""The sponsor's timelines: counted from the trail, projected as said, and the same whatever was read."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from compliance import audit
from reading.outlook import Pace, _by_month, _pace, _projection, outlook
from trials.models import Role, Subject, Timepoint, Trial
from trials.schedule import date_of
from trials.services import enrolling

from .conftest import AT, REFERENCE, SUBJECT_CODE, World, baseline, follow_up
from .test_views import signed_in, url, words

TODAY = dt.date(2026, 5, 20)


def step(timepoint: Timepoint, verb: str, day: dt.date) -> None:
    at = dt.datetime.combine(day, dt.time(12), dt.UTC)
    audit.record(f"timepoint.{verb}", timepoint, actor=None, at=at)


@pytest.fixture
def trial(world: World, subject: Subject) -> Trial:
    """The baseline came, was cleared a day later, and is read; Week 8 came outside its window; Week 16 is to come."""
    for visit, day, cleared in (("BL", dt.date(2026, 3, 2), dt.date(2026, 3, 3)), ("W8", dt.date(2026, 5, 4), None)):
        timepoint = world.clear(visit, **({"day": 999} if visit == "W8" else {}))
        step(timepoint, "receive", dt.date(2026, 1, 1))
        step(timepoint, "receive", day)
        if cleared:
            step(timepoint, "clear", cleared)
    world.read_by_both("BL", baseline(40))
    step(Timepoint.objects.get(code="BL"), "finish", dt.date(2026, 3, 9))
    return world.trial


def test_steps_are_counted_when_they_were_taken_last(trial: Trial) -> None:
    found = outlook(trial, TODAY)
    assert (found.to_come, found.to_read) == (1, 2)
    receipt, clearance, whole = found.paces
    assert (receipt.days, receipt.visits) == (1, 1)
    assert clearance == Pace("From clearance to the last read", 6, 1)
    assert whole == Pace("From receipt to the last read", 7, 1)
    by_month = dict(found.months)
    assert [by_month[month][1] for month in ("2026-03", "2026-04", "2026-05")] == [1, 1, 2]
    assert by_month["2026-05"][2] == 1
    assert "Received 2" in found.figure
    [site] = found.deviations
    assert (site.visits, site.missed, site.outside, site.waived) == (3, 0, 1, 0)


def test_visits_that_are_missed_and_subjects_who_left_are_not_waited_for(world: World, trial: Trial) -> None:
    last = Timepoint.objects.get(code="W16")
    enrolling.mark_missed(timepoint=last, reason="Moved away", actor=world.coordinator, at=AT)
    found = outlook(trial, TODAY)
    assert (found.to_come, found.to_read) == (0, 1)
    assert found.deviations[0].missed == 1
    Subject.objects.update(state="withdrawn")
    # What was received of a subject who left is still read.
    assert outlook(trial, TODAY).to_read == 1


def test_months_without_a_visit_are_months_too() -> None:
    courses = {"Planned": [dt.date(2025, 12, 31), dt.date(2027, 1, 1)], "Read": [dt.date(2026, 2, 1)]}
    months, counts = _by_month(courses, dt.date(2026, 2, 28))
    assert months == ["2025-12", "2026-01", "2026-02"]
    assert counts == {"Planned": [1, 1, 1], "Read": [0, 0, 1]}
    assert _by_month({"Read": []}, TODAY) == ([], {"Read": []})


def test_a_visit_whose_clocks_disagree_tells_no_pace(trial: Trial) -> None:
    """Whoever received it had another clock than whoever cleared it: it took no negative days."""
    first, second, third = (dt.date(2026, 3, day) for day in (1, 2, 3))
    begin, end = {1: first, 2: third, 3: second}, {1: third, 2: first, 3: second}
    assert _pace("From receipt to clearance", begin, end) == Pace("From receipt to clearance", 1, 2)
    assert _pace("From receipt to clearance", {2: third}, {2: first}) == Pace("From receipt to clearance", None, 0)
    trial.state, trial.locked_at = "locked", dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    found = outlook(trial, TODAY)
    assert (found.months[-1][0], "Received 2" in found.figure) == ("2026-05", True)


def test_the_lock_is_projected_from_the_last_visit_to_come_and_the_pace(trial: Trial) -> None:
    last = Timepoint.objects.select_related("subject").get(code="W16")
    due = date_of(last.day, REFERENCE)
    pace = Pace("From receipt to the last read", 9.5, 4)
    found = _projection(trial, [last], [last], pace, due - dt.timedelta(days=30))
    assert found.day == due + dt.timedelta(days=10)
    assert "9.5 days" in found.said
    late = due + dt.timedelta(days=100)
    assert _projection(trial, [last], [last], pace, late).day == late + dt.timedelta(days=10)
    assert _projection(trial, [last], [last], Pace("", None, 0), late).day is None
    assert _projection(trial, [], [], pace, late).day is None
    locked = Trial(state="locked", locked_at=dt.datetime(2026, 9, 1, tzinfo=dt.UTC))
    assert _projection(locked, [], [], pace, late).day == dt.date(2026, 9, 1)


class _Undone(Exception):
    """What was read is taken back, for the next try."""


def test_before_the_lock_a_sponsor_sees_the_same_whatever_was_read(world: World, trial: Trial) -> None:
    sponsor = signed_in(world.join("sponsor", Role.SPONSOR))
    pages = []
    for size in (10, 40, 95):
        try:
            with transaction.atomic():
                world.read_by_both("W8", follow_up(size))
                answers = [sponsor.get(f"/trials/{trial.pk}/progress/"), sponsor.get(url("timelines", trial.pk))]
                assert [answer.status_code for answer in answers] == [200, 200]
                pages.append([words(answer) for answer in answers])
                raise _Undone
        except _Undone:
            pass
    assert pages[0] == pages[1] == pages[2]
    assert "Version 1" in pages[0][1]
    assert SUBJECT_CODE not in pages[0][1]
