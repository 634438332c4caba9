"""Is each series that the charter expects there, and is there more than it expects?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.findings import Finding, Severity

FINDS = {
    "series_present": Severity.PASS,
    "series_missing": Severity.BLOCK,
    "optional_series_missing": Severity.INFO,
    "series_not_in_charter": Severity.INFO,
}


def check(delivery: Delivery) -> Iterator[Finding]:
    """Block for a required series that is missing; name the series that answer to no rule."""
    for rule in delivery.rules:
        found = delivery.matches.get(rule.label)
        if found is not None:
            yield Finding(
                "series_present",
                f"The series {rule.label} is there, with {found.n_instances} instances.",
                series_key=found.key,
                rule_label=rule.label,
                evidence={"instances": found.n_instances},
            )
        elif rule.required:
            yield Finding(
                "series_missing",
                f"The required series {rule.label} ({rule.modality}) is not there. Send it, or explain its absence.",
                rule_label=rule.label,
                evidence={"series_received": len(delivery.series)},
            )
        else:
            yield Finding(
                "optional_series_missing",
                f"The optional series {rule.label} ({rule.modality}) is not there.",
                rule_label=rule.label,
                evidence={"series_received": len(delivery.series)},
            )
    used = {item.key for item in delivery.matches.values()}
    for item in delivery.series:
        if item.key not in used:
            yield Finding(
                "series_not_in_charter",
                f"A series of {item.n_instances} instances answers to no series of the charter.",
                series_key=item.key,
                evidence={"instances": item.n_instances},
            )
