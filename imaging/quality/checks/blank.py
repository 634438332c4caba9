"""Does each slice show something, and something of its own?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "pictures_whole": Severity.PASS,
    "slices_blank": Severity.BLOCK,
    "pictures_repeated": Severity.BLOCK,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block slices of a single value, and the same picture at several places."""
    if not item.n_measured:
        return
    evidence = {"slices_measured": item.n_measured}
    if item.blank_slices:
        yield Finding(
            "slices_blank",
            f"{item.blank_slices} of {item.n_measured} slices show nothing: all their pixels are equal. "
            "Export the series again.",
            {"blank_slices": item.blank_slices, "slice": item.first_blank_slice or 0, **evidence},
        )
    if item.repeated_pictures:
        yield Finding(
            "pictures_repeated",
            f"{item.repeated_pictures} slices have exactly the pixels of another one. Export the series again.",
            {"repeated_pictures": item.repeated_pictures, **evidence},
        )
    if not item.blank_slices and not item.repeated_pictures:
        yield Finding("pictures_whole", "Each slice shows something, and none shows the same as another.", evidence)
