"""Is each series of a modality that the charter uses?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.findings import Finding, Severity

FINDS = {
    "modality_expected": Severity.PASS,
    "modality_unexpected": Severity.WARN,
}


def check(delivery: Delivery) -> Iterator[Finding]:
    """Warn of a series whose modality no rule names."""
    expected = sorted({rule.modality for rule in delivery.rules})
    for item in delivery.series:
        if item.modality in expected:
            yield Finding(
                "modality_expected",
                f"The modality {item.modality} is one that the charter uses.",
                series_key=item.key,
            )
        else:
            yield Finding(
                "modality_unexpected",
                f"The modality is none of those in the charter ({', '.join(expected) or 'none'}). "
                "Check that the series belongs to the trial.",
                series_key=item.key,
            )
