"""PET: units, corrections, uptake time and dose, and what a standardised uptake value needs."""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.facts import SeriesFacts
from imaging.quality.findings import Finding, Severity
from imaging.quality.limits import outside, words
from trials.series_terms import SeriesTerms

FINDS = {
    "units_kept": Severity.PASS,
    "units_differ": Severity.BLOCK,
    "corrections_kept": Severity.PASS,
    "correction_missing": Severity.BLOCK,
    "uptake_kept": Severity.PASS,
    "uptake_differs": Severity.WARN,
    "uptake_unknown": Severity.WARN,
    "dose_kept": Severity.PASS,
    "dose_differs": Severity.WARN,
    "dose_unknown": Severity.WARN,
    "weight_unknown": Severity.WARN,
}


def check(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    """Judge a series by what the charter says of its tracer."""
    yield from _pixels(item, rule)
    for name, found, low, high, unit, key in (
        ("uptake", item.uptake_minutes, rule.min_uptake_minutes, rule.max_uptake_minutes, "minutes", "uptake_minutes"),
        ("dose", item.injected_dose_mbq, rule.min_injected_dose_mbq, rule.max_injected_dose_mbq, "MBq", "dose_mbq"),
    ):
        if low is None and high is None:
            continue
        what, allowed = {"uptake": "uptake time", "dose": "injected dose"}[name], words(low, high, unit)
        if found is None:
            yield Finding(
                f"{name}_unknown",
                f"The {what} is not stated; the charter asks for {allowed}. Give it in the transfer form.",
            )
            continue
        other = outside((found,), low, high)
        yield Finding(
            f"{name}_differs" if other else f"{name}_kept",
            f"The {what} is {found:.4g} {unit}; the charter asks for {allowed}."
            + (" Check the times and the dose with the site." if other else ""),
            {key: round(found, 1)},
        )
    if item.modality == "PT" and rule.units and item.patient_weight_kg is None:
        yield Finding(
            "weight_unknown",
            "The patient's weight is not stated, so no standardised uptake value can be computed. Ask the site for it.",
        )


def _pixels(item: SeriesFacts, rule: SeriesTerms) -> Iterator[Finding]:
    if rule.units:
        kept = bool(item.units) and set(item.units) <= set(rule.units)
        yield Finding(
            "units_kept" if kept else "units_differ",
            f"The pixels {'are' if kept else 'are not'} in units that the charter asks for ({', '.join(rule.units)})."
            + ("" if kept else " Send the series in these units."),
        )
    if rule.corrections:
        missing = sorted(set(rule.corrections) - set(item.corrections))
        yield Finding(
            "correction_missing" if missing else "corrections_kept",
            f"The charter asks for the corrections {', '.join(rule.corrections)}"
            + (
                f"; not applied: {', '.join(missing)}. Send the corrected series."
                if missing
                else ", and all are applied."
            ),
            {"missing": len(missing)},
        )
