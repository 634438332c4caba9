"""Does the scan look like the subject's earlier one, rather than like another subject's?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.findings import Finding, Severity

FINDS = {
    "looks_like_own_earlier_scan": Severity.PASS,
    "looks_like_other_subject": Severity.WARN,
}

#: Another subject's scan looks more alike by less than this, even where the patient is the right one.
_MARGIN = 0.035


def check(delivery: Delivery) -> Iterator[Finding]:
    """Warn when another subject's scan at the site looks clearly more like this one than the subject's own does."""
    for label, seen in delivery.resemblances.items():
        if not seen.others or label not in delivery.matches:
            continue
        code, other = max(seen.others.items(), key=lambda one: (one[1], one[0]))
        wrong = other - seen.own > _MARGIN
        yield Finding(
            "looks_like_other_subject" if wrong else "looks_like_own_earlier_scan",
            f"The series {label} looks more like the scan of {code} than like this subject's own earlier one. "
            "Lay the scans beside each other, and ask the site who was scanned."
            if wrong
            else f"The series {label} looks like the subject's own earlier scan.",
            {
                "likeness_own": round(seen.own, 3),
                "likeness_other": round(other, 3),
                "subjects_compared": len(seen.others),
            },
            delivery.matches[label].key,
            label,
        )
