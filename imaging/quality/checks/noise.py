"""Is the noise low enough?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "noise_kept": Severity.PASS,
    "noise_too_high": Severity.WARN,
}

#: Where the charter says nothing: beyond it soft tissue is not seen, HU for CT, for MR a share of the signal.
_USUAL = {"CT": 100.0, "MR": 0.35}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn of more noise than the charter allows or is usual; see `imaging.quality.pixels` for how it is measured."""
    limit = rule.max_noise or _USUAL.get(item.modality)
    if limit is None or item.noise is None or not item.signal:
        return
    ct = item.modality == "CT"
    found = item.noise if ct else item.noise / item.signal
    high = found > limit
    unit = " HU" if ct else " of the signal"
    yield Finding(
        "noise_too_high" if high else "noise_kept",
        f"The noise is {found:.2g}{unit}; {'the charter allows' if rule.max_noise else 'usual is at most'} {limit:g}."
        + (" Send a smoother reconstruction, if there is one." if high else ""),
        {"noise": round(found, 3), "limit": limit},
    )
