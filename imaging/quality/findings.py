"""What a check says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding stands in the way; a person decides in every case."""

    BLOCK = "block"
    WARN = "warn"
    INFO = "info"
    PASS = "pass"  # noqa: S105 - a severity, no password


@dataclass(frozen=True)
class Finding:
    """One result of one check.

    Attributes
    ----------
    code
        Stable name of the check's outcome, one of those that its file declares.
    sentence
        What was found and what to do, for the QC analyst and the site; no value of a free-text header attribute.
    evidence
        The numbers behind it, with units in their names; `slice` counts from the first one, at 1.
    series_key
        Series Instance UID, or None for a finding about the timepoint. A series check leaves it to the runner.
    rule_label
        Label of the charter's series, or None. A series check leaves it to the runner.
    severity
        As the check's file or the charter says; checks leave it to the runner.
    """

    code: str
    sentence: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    series_key: str | None = None
    rule_label: str | None = None
    severity: Severity = Severity.INFO
