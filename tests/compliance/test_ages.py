"""How long something has waited, in words."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance.ages import age

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (dt.timedelta(seconds=-5), "under an hour"),
        (dt.timedelta(minutes=59), "under an hour"),
        (dt.timedelta(hours=1), "1 hour"),
        (dt.timedelta(hours=23, minutes=59), "23 hours"),
        (dt.timedelta(hours=24), "1 day"),
        (dt.timedelta(days=45, hours=23), "45 days"),
    ],
)
def test_a_moment_is_told_in_hours_then_in_days(before, said):
    assert age(NOW - before, NOW) == said


@pytest.mark.parametrize(("before", "said"), [(-3, "today"), (0, "today"), (1, "1 day"), (8, "8 days")])
def test_a_day_is_told_in_days(before, said):
    assert age(NOW.date() - dt.timedelta(days=before), NOW) == said
