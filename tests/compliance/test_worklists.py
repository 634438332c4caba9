"""What waits for a person: the oldest first, and how that is said."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance import worklists
from compliance.models import User
from compliance.worklists import Waiting

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
YESTERDAY = NOW - dt.timedelta(days=1)


def work(label: str, count: int | None = 2, note: str = "", since: dt.datetime | dt.date | None = None) -> Waiting:
    return Waiting(label, count, "/", "eye", "info", note, since)


def test_the_oldest_work_of_all_rooms_comes_first_and_places_to_look_at_last(monkeypatch):
    lists = [
        lambda *_: iter([work("place"), work("hours", since=NOW - dt.timedelta(hours=3))]),
        lambda *_: iter([work("day", since=NOW.date() - dt.timedelta(days=3)), work("none", 0)]),
    ]
    monkeypatch.setattr(worklists, "_in_trial", lists)
    assert [one.label for one in worklists.waiting_in(User(), None, NOW)] == ["day", "hours", "place", "none"]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (work("", 2, since=YESTERDAY), "the oldest for 1 day"),
        (work("", 1, since=YESTERDAY), "for 1 day"),
        (work("", 1, "1 overdue", YESTERDAY), "for 1 day; 1 overdue"),
        (work("", 3, since=NOW.date()), "the oldest since today"),
        (work("", 3, "subjects"), "subjects"),
        (work("", 0), ""),
    ],
)
def test_how_long_it_waits_is_said_in_words(one, said):
    assert one.told(NOW) == said
