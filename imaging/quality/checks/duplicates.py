"""Was anything sent twice?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.findings import Finding, Severity

FINDS = {
    "no_duplicates": Severity.PASS,
    "instances_repeated": Severity.INFO,
    "slices_coincide": Severity.WARN,
    "series_coincide": Severity.INFO,
}


def check(delivery: Delivery) -> Iterator[Finding]:
    """Name instances given twice, slices at one place, and series that cover the same slices."""
    for item in delivery.series:
        if item.repeated_instances:
            yield Finding(
                "instances_repeated",
                f"{item.repeated_instances} instances of the series were given more than once; one of each is kept.",
                series_key=item.key,
                evidence={"repeated_instances": item.repeated_instances},
            )
        # Diffusion and several echoes take each slice more than once.
        several = len(item.b_values) > 1 or len(item.echo_time_ms) > 1
        if item.coincident_slices and not several:
            yield Finding(
                "slices_coincide",
                f"{item.coincident_slices} slices of the series lie where another one lies. "
                "Check whether phases were mixed or slices exported twice.",
                series_key=item.key,
                evidence={"coincident_slices": item.coincident_slices, "slices": item.n_slices},
            )
        if not item.repeated_instances and (several or not item.coincident_slices):
            yield Finding(
                "no_duplicates",
                "No instance or slice of the series is there twice.",
                series_key=item.key,
                evidence={"instances": item.n_instances},
            )
    for number, item in enumerate(delivery.series):
        for other in delivery.series[:number]:
            if item.positions_mm and _same_place(item.positions_mm, other.positions_mm):
                yield Finding(
                    "series_coincide",
                    "Two series have their slices at the same places: two reconstructions, or one sent twice.",
                    series_key=item.key,
                    evidence={"slices": len(item.positions_mm)},
                )


def _same_place(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return len(one) == len(other) and all(abs(a - b) < 0.01 for a, b in zip(one, other, strict=True))
