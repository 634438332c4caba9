"""Running the register of checks over a timepoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from imaging.quality.checks import FINDS, SERIES_CHECKS, TIMEPOINT_CHECKS
from imaging.quality.delivery import Delivery, Resemblance, VisitWindow
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.matching import match_series
from imaging.quality.patients import Patients
from trials.series_terms import SeriesTerms


def check_timepoint(
    series: Sequence[SeriesFacts],
    rules: Sequence[SeriesTerms],
    window: VisitWindow | None = None,
    patients: Patients = Patients(),  # noqa: B008 - frozen
    *,
    earlier: Mapping[str, SeriesFacts] | None = None,
    resemblances: Mapping[str, Resemblance] | None = None,
    severities: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Findings of every check on what came for a timepoint; a person decides on them.

    Parameters
    ----------
    series
        The series received for the timepoint.
    rules
        The series that the charter expects; labels are unique.
    window
        Study days on which the visit's scan is on time, or None when the visit has no window.
    patients
        What `compare_patients` says of the timepoint's images.
    earlier
        Label of the charter's series to the one that fulfilled it at the subject's earlier timepoint.
    resemblances
        Label of the charter's series to how much it looks like earlier scans.
    severities
        What the charter says of how grave a finding is, by its code; a passing one stays one.

    Returns
    -------
    tuple of Finding
        About the timepoint first, then by rule in the charter's order. The same input gives the same
        findings, whatever the order of `series`.
    """
    ordered = tuple(sorted(series, key=lambda item: item.key))
    matches = match_series(ordered, rules)
    delivery = Delivery(ordered, tuple(rules), matches, window, patients, earlier or {}, resemblances or {})
    found = [finding for check in TIMEPOINT_CHECKS for finding in check.check(delivery)]
    for rule in rules:
        if matched := delivery.matches.get(rule.label):
            said = (finding for check in SERIES_CHECKS for finding in check.check(matched, rule))
            found.extend(replace(finding, series_key=matched.key, rule_label=rule.label) for finding in said)
    return tuple(replace(finding, severity=_severity(finding.code, severities or {})) for finding in found)


def _severity(code: str, severities: Mapping[str, str]) -> Severity:
    usual = FINDS[code]
    return usual if usual is Severity.PASS else Severity(severities.get(code, usual))
