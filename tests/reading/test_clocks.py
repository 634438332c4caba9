"""Clocks of reads: when one is due, where it rests, and how long it ran."""

from __future__ import annotations

import datetime as dt

import pytest

from reading.clocks import Clock, Rest, clock_of, counted, span

pytestmark = pytest.mark.requirement("REQ-REA-013")

#: A Thursday.
START = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)


def hour(n: float) -> dt.datetime:
    return START + dt.timedelta(hours=n)


@pytest.mark.parametrize(
    ("rests", "due"),
    [
        ([], 24),
        ([(hour(-5), hour(-1))], 24),
        ([(hour(-5), hour(2))], 26),
        ([(hour(3), hour(5))], 26),
        ([(hour(3), hour(5)), (hour(4), hour(9))], 30),
        ([(hour(8), hour(9)), (hour(3), hour(5))], 27),
        ([(hour(23), hour(24))], 25),
        ([(hour(30), hour(40))], 24),
        ([(hour(30), None)], 24),
        ([(hour(24), None)], 24),
    ],
)
def test_a_clock_is_due_when_it_has_run_its_hours(rests: list[Rest], due: float) -> None:
    assert clock_of(START, 24, rests) == Clock(hour(due))


@pytest.mark.parametrize(
    ("rests", "left"),
    [([(hour(3), None)], 21), ([(hour(-1), None)], 24), ([(hour(2), hour(4)), (hour(6), None)], 20)],
)
def test_a_clock_that_rests_keeps_what_is_left(rests: list[Rest], left: float) -> None:
    clock = clock_of(START, 24, rests)

    assert clock == Clock(None, dt.timedelta(hours=left))
    assert clock.rests
    assert not clock.is_overdue(hour(1000))


def test_working_days_leave_out_saturdays_and_sundays() -> None:
    assert clock_of(START, 24, [], working_days=True).due_at == dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
    assert clock_of(START, 48, [], working_days=True).due_at == dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
    saturday = dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)
    assert clock_of(saturday, 8, [], working_days=True).due_at == dt.datetime(2026, 11, 30, 8, tzinfo=dt.UTC)
    over = [(dt.datetime(2026, 11, 27, 20, tzinfo=dt.UTC), dt.datetime(2026, 11, 30, 6, tzinfo=dt.UTC))]
    assert clock_of(START, 48, over, working_days=True).due_at == dt.datetime(2026, 11, 30, 22, tzinfo=dt.UTC)


def test_how_long_it_ran_leaves_the_rests_out() -> None:
    assert counted(START, hour(10), []) == dt.timedelta(hours=10)
    assert counted(START, hour(10), [(hour(2), hour(5)), (hour(9), None)]) == dt.timedelta(hours=6)
    monday = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)
    assert counted(START, monday, [], working_days=True) == dt.timedelta(hours=48)


def test_a_clock_says_how_it_stands() -> None:
    clock, soon = Clock(hour(24)), dt.timedelta(hours=6)
    said = [(clock.said(at), clock.tone(at, soon)) for at in (hour(1), hour(19), hour(24), hour(24.5))]

    assert said == [
        ("due in 23 h", "info"),
        ("due in 5 h", "warn"),
        ("due in 0 min", "warn"),
        ("overdue by 30 min", "bad"),
    ]
    assert Clock(None, dt.timedelta(hours=5)).said(hour(1)) == "rests with 5 h left"
    assert Clock(None, dt.timedelta(hours=5)).tone(hour(1), soon) == "wait"


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "0 min"), (59.9, "59 min"), (60, "1 h"), (47 * 60 + 59, "47 h"), (48 * 60, "2 d")]
)
def test_a_stretch_of_time_is_written_in_its_largest_unit(minutes: float, words: str) -> None:
    assert span(dt.timedelta(minutes=minutes)) == words
