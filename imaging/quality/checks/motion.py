"""Did the patient move?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "no_motion": Severity.PASS,
    "body_jumps": Severity.WARN,
    "ghosting": Severity.WARN,
}

#: The body's middle moves less from one slice to the next, mm.
_JUMP_MM = 6.0
#: Of the signal in the body. For its phantom the ACR has 0.03 (MRI Quality Control Manual 2015); patients breathe.
_GHOSTING = 0.1


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Warn when a slice lies beside its neighbours, or the signal repeats beside the body."""
    if item.jump_mm is None and item.ghosting is None:
        return
    jumps, ghosts = (item.jump_mm or 0) > _JUMP_MM, item.modality == "MR" and (item.ghosting or 0) > _GHOSTING
    if jumps:
        yield Finding(
            "body_jumps",
            f"In slice {item.jump_slice} the body lies {item.jump_mm:.0f} mm beside its place in its neighbours. "
            "The patient may have moved; look at the slices, and repeat the scan if it cannot be read.",
            {"jump_mm": item.jump_mm or 0, "slice": item.jump_slice or 0},
        )
    if ghosts:
        yield Finding(
            "ghosting",
            f"Signal repeats beside the body, {100 * (item.ghosting or 0):.0f} % of that within. "
            "The patient may have moved; look at the pictures, and repeat the scan if they cannot be read.",
            {"ghosting": item.ghosting or 0},
        )
    if not (jumps or ghosts):
        yield Finding("no_motion", "Nothing shows that the patient moved.", {"jump_mm": item.jump_mm or 0})
