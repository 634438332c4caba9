"""How long something has waited, in words."""

from __future__ import annotations

import datetime as dt


def age(since: dt.datetime | dt.date, at: dt.datetime) -> str:
    """Say how long ago a moment or day was, as a length of time: under an hour, 5 hours, 1 day, 45 days, today."""
    if not isinstance(since, dt.datetime):
        days = (at.date() - since).days
        return "today" if days <= 0 else _counted(days, "day")
    seconds = (at - since).total_seconds()
    if seconds < 3600:
        return "under an hour"
    return _counted(int(seconds // 3600), "hour") if seconds < 86400 else _counted(int(seconds // 86400), "day")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
