"""Was the scan done on a day that the schedule allows?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.findings import Finding, Severity
from trials.schedule import days_between

FINDS = {
    "inside_visit_window": Severity.PASS,
    "outside_visit_window": Severity.WARN,
    "study_day_unknown": Severity.WARN,
    "several_study_days": Severity.WARN,
}


def check(delivery: Delivery) -> Iterator[Finding]:
    """Warn of a day outside the visit window, an unknown day, and series of several days."""
    window = delivery.window
    if window is None:
        return
    days = sorted({item.study_day for item in delivery.series if item.study_day is not None})
    limits = {"day_from": float(window.day_from), "day_to": float(window.day_to)}
    for item in delivery.series:
        if item.study_day is None:
            yield Finding(
                "study_day_unknown",
                "The day of the scan is not known, so the visit window cannot be checked. Give the date.",
                series_key=item.key,
                evidence=limits,
            )
        else:
            late = max(days_between(window.day_to, item.study_day), days_between(item.study_day, window.day_from), 0)
            place = "within" if not late else f"{late} {'day' if late == 1 else 'days'} outside"
            yield Finding(
                "outside_visit_window" if late else "inside_visit_window",
                f"The scan was done on study day {item.study_day}, {place} the visit window "
                f"of days {window.day_from} to {window.day_to}."
                + (" Check the date, and say why in the transfer form." if late else ""),
                series_key=item.key,
                evidence={"study_day": item.study_day, "days_outside": late, **limits},
            )
    if len(days) > 1:
        yield Finding(
            "several_study_days",
            f"The series were acquired on {len(days)} different days. Check that all belong to this timepoint.",
            evidence={"first_day": days[0], "last_day": days[-1]},
        )
