"""Running the register of checks over a timepoint."""

from __future__ import annotations

from collections.abc import Sequence

from imaging.quality.checks import SERIES_CHECKS, TIMEPOINT_CHECKS
from imaging.quality.delivery import Delivery
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding
from imaging.quality.matching import match_series
from imaging.quality.patients import Patients
from imaging.quality.rules import SeriesRule, VisitWindow


def check_timepoint(
    series: Sequence[SeriesFacts],
    rules: Sequence[SeriesRule],
    window: VisitWindow | None = None,
    patients: Patients = Patients(),  # noqa: B008 - frozen
) -> tuple[Finding, ...]:
    """Findings of every check on what came for a timepoint; a person decides on them.

    Parameters
    ----------
    series
        The series received for the timepoint.
    rules
        The charter's series rules; labels are unique.
    window
        Study days on which the visit's scan is on time, or None when the visit has no window.
    patients
        What `compare_patients` says of the timepoint's images.

    Returns
    -------
    tuple of Finding
        About the timepoint first, then by rule in the charter's order. The same input gives the same
        findings, whatever the order of `series`.
    """
    ordered = tuple(sorted(series, key=lambda item: item.key))
    delivery = Delivery(ordered, tuple(rules), match_series(ordered, rules), window, patients)
    found = [finding for check in TIMEPOINT_CHECKS for finding in check(delivery)]
    for rule in rules:
        if rule.label in delivery.matches:
            matched = delivery.matches[rule.label]
            found.extend(finding for check in SERIES_CHECKS for finding in check(matched, rule))
    return tuple(found)
