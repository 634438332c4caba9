"""Is the body inside the field of view?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "body_inside_view": Severity.PASS,
    "body_cut_off": Severity.WARN,
}

#: Elbows and shoulders in a few slices are no fault.
_SHARE = 0.2


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn when the body reaches beyond the edge of the view in more than a fifth of the axial slices."""
    if not item.n_measured or item.orientation != "axial":
        return
    cut = item.cut_off_slices > _SHARE * item.n_measured
    yield Finding(
        "body_cut_off" if cut else "body_inside_view",
        f"In {item.cut_off_slices} of {item.n_measured} slices the body reaches beyond the field of view."
        + (" Send a reconstruction with a larger one." if cut else ""),
        {"slices": item.cut_off_slices, "slices_measured": item.n_measured},
    )
