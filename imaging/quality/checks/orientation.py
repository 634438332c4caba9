"""Do the slices lie as the charter asks?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "orientation_kept": Severity.PASS,
    "orientation_differs": Severity.BLOCK,
    "orientation_unknown": Severity.WARN,
    "several_planes": Severity.INFO,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block slices of another orientation; warn when it is not known."""
    if rule.orientation:
        if item.orientation is None:
            yield Finding(
                "orientation_unknown",
                f"The header does not say how the slices lie; the charter asks for {rule.orientation} ones. "
                "Look it up at the scanner.",
            )
        else:
            other = item.orientation != rule.orientation
            yield Finding(
                "orientation_differs" if other else "orientation_kept",
                f"The slices are {item.orientation}; the charter asks for {rule.orientation} ones."
                + (" Send the series in that orientation." if other else ""),
            )
    if item.n_slices and item.n_outside_stack:
        yield Finding(
            "several_planes",
            f"{item.n_outside_stack} images of the series lie in another plane than the rest, as a scout does.",
            {"images_outside_stack": item.n_outside_stack, "slices": item.n_slices},
        )
