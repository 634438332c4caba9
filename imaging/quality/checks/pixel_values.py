"""Can the pixels be what they are said to be?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from trials.series_terms import SeriesTerms

FINDS = {
    "values_plausible": Severity.PASS,
    "not_hounsfield_units": Severity.BLOCK,
    "activity_implausible": Severity.WARN,
    "values_clipped": Severity.WARN,
    "padding_not_stated": Severity.WARN,
}

#: Nothing with air around it is as dense on average, nor is a CT without any air; Hounsfield units.
_DENSE_HU, _AIR_HU = 150.0, -200.0
#: No patient has less at the hottest place, Bq/ml, hours after the injection.
_LEAST_BQML = 100.0
#: In more than this share of the slices it is no metal or bone.
_SHARE = 0.1


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Block CT that is not in Hounsfield units; warn of implausible activity, clipped values and unstated padding."""
    if not item.n_measured or item.lowest is None or item.highest is None:
        return
    evidence = {"lowest": item.lowest, "highest": item.highest}
    found = []
    if item.modality == "CT" and (item.signal or 0) > _DENSE_HU and item.lowest > _AIR_HU:
        found.append(
            Finding(
                "not_hounsfield_units",
                "The pixels are not in Hounsfield units: there is no air, and what is seen is too dense on average. "
                "The rescale intercept may be lost; export the series again.",
                {**evidence, "mean_in_body": item.signal or 0},
            )
        )
    if item.modality == "PT" and item.units == ("BQML",) and item.highest < _LEAST_BQML:
        found.append(
            Finding(
                "activity_implausible",
                f"The highest activity is {item.highest:g} Bq/ml, which no patient has. "
                "Check the units and the rescale slope.",
                evidence,
            )
        )
    if item.clipped_slices > _SHARE * item.n_measured:
        found.append(
            Finding(
                "values_clipped",
                f"In {item.clipped_slices} slices many pixels have the highest value that can be stored, so brighter "
                "ones were cut. Export the series with more bits or another rescale.",
                {"clipped_slices": item.clipped_slices, **evidence},
            )
        )
    if item.below_air_slices:
        found.append(
            Finding(
                "padding_not_stated",
                f"In {item.below_air_slices} slices pixels are far below air, and the header does not call that value "
                "padding. Measurements at the edge may be wrong; export the series again.",
                {"slices": item.below_air_slices, **evidence},
            )
        )
    yield from found or [Finding("values_plausible", "The values of the pixels are plausible.", evidence)]
