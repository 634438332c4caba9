"""Was the scan made as at the subject's earlier timepoint?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity

FINDS = {
    "as_at_earlier_timepoint": Severity.PASS,
    "differs_from_earlier_timepoint": Severity.WARN,
}

#: Shares by which a length may differ and still be the same protocol.
_THICKNESS, _PIXEL, _EXTENT = 0.25, 0.35, 0.3


def check(delivery: Delivery) -> Iterator[Finding]:
    """Warn when slices, pixels, extent, kernel or phase of a series differ from those of the scan before."""
    for label, item in delivery.matches.items():
        if (before := delivery.earlier.get(label)) is None:
            continue
        other, evidence = _differences(item, before)
        said = (
            f"differs from the subject's earlier scan in {', '.join(other)}. Check whether it can be read beside it, "
            "and send the same reconstruction if there is one."
            if other
            else "was made as in the subject's earlier scan."
        )
        yield Finding(
            "differs_from_earlier_timepoint" if other else "as_at_earlier_timepoint",
            f"The series {label} {said}",
            evidence,
            item.key,
            label,
        )


def _differences(item: SeriesFacts, before: SeriesFacts) -> tuple[list[str], dict[str, float]]:
    other: list[str] = []
    evidence: dict[str, float] = {}
    for name, new, old, allowed, key in (
        ("slice thickness", item.slice_thickness_mm, before.slice_thickness_mm, _THICKNESS, "slice_thickness"),
        ("pixel size", item.pixel_spacing_mm, before.pixel_spacing_mm, _PIXEL, "pixel"),
        ("extent", item.extent_mm, before.extent_mm, _EXTENT, "extent"),
    ):
        if new and old and abs(new - old) > allowed * max(new, old):
            other.append(name)
            evidence |= {f"{key}_mm": new, f"earlier_{key}_mm": old}
    for name, one, two in (
        ("orientation", item.orientation, before.orientation),
        ("kernel", item.kernels, before.kernels),
        ("contrast phase", item.contrast_phase, before.contrast_phase),
        ("tube voltage", item.kvp, before.kvp),
        ("field strength", item.field_strength_t, before.field_strength_t),
        ("units", item.units, before.units),
    ):
        if one and two and one != two:
            other.append(name)
    return other, evidence
