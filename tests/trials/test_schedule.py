"""Study days and visit windows."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.schedule import Window, date_of, days_between, study_day, visit_window, visits_on

pytestmark = pytest.mark.requirement("REQ-SUB-003")

DAY_1 = dt.date(2026, 1, 5)
DATES = st.dates(dt.date(1990, 1, 1), dt.date(2060, 1, 1))

SCHEDULE = [Window("BL", -28, 0), Window("W8", 50, 64), Window("W16", 106, 120)]


@pytest.mark.parametrize(
    ("date", "day"),
    [
        # SDTMIG 4.4.4: on or after the reference date, date - reference + 1; before it, date - reference.
        (dt.date(2026, 1, 5), 1),
        (dt.date(2026, 1, 6), 2),
        (dt.date(2026, 1, 4), -1),
        (dt.date(2025, 12, 29), -7),
        (dt.date(2026, 3, 2), 57),
    ],
)
def test_day_1_is_the_reference_date_and_there_is_no_day_0(date, day):
    assert study_day(date, DAY_1) == day


@given(date=DATES, reference=DATES)
def test_a_date_comes_back_from_its_study_day(date, reference):
    day = study_day(date, reference)
    assert day != 0
    assert date_of(day, reference) == date


@given(date=DATES, reference=DATES, later=st.integers(1, 500))
def test_a_later_date_has_a_later_study_day(date, reference, later):
    assert study_day(date + dt.timedelta(days=later), reference) > study_day(date, reference)


@given(day=DATES, before=st.integers(0, 400), after=st.integers(0, 400))
def test_a_visit_window_is_counted_in_dates(day, before, after):
    first, last = visit_window(study_day(day, DAY_1), before, after)

    assert date_of(first, DAY_1) == day - dt.timedelta(days=before)
    assert date_of(last, DAY_1) == day + dt.timedelta(days=after)
    assert days_between(first, last) == before + after
    assert 0 not in (first, last)


@pytest.mark.parametrize(
    ("visit", "window"), [((-7, 21, 7), (-28, 1)), ((-7, 0, 6), (-7, -1)), ((1, 1, 0), (-1, 1)), ((57, 7, 7), (50, 64))]
)
def test_a_window_that_reaches_day_1_has_no_day_0(visit, window):
    assert visit_window(*visit) == window


@pytest.mark.parametrize(
    ("day", "codes"), [(-29, []), (-28, ["BL"]), (-1, ["BL"]), (1, []), (50, ["W8"]), (64, ["W8"]), (65, [])]
)
def test_both_ends_of_a_window_belong_to_it(day, codes):
    assert visits_on(day, SCHEDULE) == codes


@given(day=st.integers(-400, 400), windows=st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 60)), max_size=6))
def test_the_visits_of_a_day_are_those_whose_window_holds_it(day, windows):
    named = [Window(f"V{n}", first, first + length) for n, (first, length) in enumerate(windows)]
    assert visits_on(day, named) == [w.code for w in named if day in range(w.first_day, w.last_day + 1)]
