"""Was the series reconstructed with a kernel that the charter allows?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "kernel_kept": Severity.PASS,
    "kernel_differs": Severity.WARN,
    "kernel_unknown": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn of a kernel whose name begins as none of the charter's does."""
    if not rule.kernels:
        return
    allowed = ", ".join(rule.kernels)
    if not item.kernels:
        yield Finding("kernel_unknown", f"The kernel is not stated; the charter allows {allowed}. Ask at the scanner.")
    elif all(name.upper().startswith(rule.kernels) for name in item.kernels):
        yield Finding("kernel_kept", f"The kernel is one that the charter allows ({allowed}).")
    else:
        yield Finding(
            "kernel_differs", f"The kernel is none that the charter allows ({allowed}). Send that reconstruction."
        )
