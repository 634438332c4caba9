"""Agreement of the readers: the trial's variability report, as the package keeps it and the report shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reading.exports.endpoint_plots import limits_of_agreement
from reading.exports.locked import LockedTrial
from reading.variability import BlandAltman, bland_altman
from reading.variability.drawing import figure

#: Digits kept of a computed figure: the last ones differ between numerical libraries, and a package must not.
_DIGITS = 10
_RESPONSES = (("timepoint_responses", "Overall response"), ("best_responses", "Best overall response"))


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the report's table of agreement."""

    about: str
    statistic: str
    value: str
    interval: str
    pairs: str


def steady(value: Any) -> Any:
    """Return computed figures to ten significant digits, and what is no finite number as null."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): steady(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [steady(item) for item in value]
    return value


def context(trial: LockedTrial) -> dict[str, Any]:
    """Return what the report's chapter on agreement shows."""
    report = trial.variability
    pairs = report["sums"]["pairs"]
    rows = [
        _shown(trial.criteria.burden, name, report["sums"][key], len(pairs))
        for key, name in (("icc_2_1", "ICC(2,1)"), ("icc_3_1", "ICC(3,1)"))
    ]
    # Criteria without degrees of response have nothing to agree on but the quantity.
    for key, about in _RESPONSES if report[_RESPONSES[0][0]].get("ordered_categories", True) else ():
        found = report[key]
        rows += [
            _shown(about, "Agreement, %", found["percent_agreement"], found["n"]),
            _shown(about, "Cohen's kappa", found["kappa"], found["n"]),
            _shown(about, "Cohen's kappa, linear weights", found["kappa_linear"], found["n"]),
        ]
    if again := report.get("rereads"):
        responses = again["timepoint_responses"]
        about = "Same reader: overall response"
        rows += [
            _shown(f"Same reader: {trial.criteria.burden.lower()}", "ICC(2,1)", again["icc_2_1"], responses["n"]),
            _shown(about, "Agreement, %", responses["percent_agreement"], responses["n"]),
            _shown(about, "Cohen's kappa", responses["kappa"], responses["n"]),
        ]
    if not any(row.pairs != "0" for row in rows):
        return {"agreement": [], "bland_altman": ""}
    limits = bland_altman([pair["first"] for pair in pairs], [pair["second"] for pair in pairs])
    return {
        "agreement": rows,
        "bland_altman": limits_of_agreement(limits, trial) if isinstance(limits, BlandAltman) else "",
    }


def _shown(about: str, name: str, answer: Mapping[str, Any], count: int) -> Shown:
    if answer.get("undefined"):
        return Shown(about, name, "not defined", "–", str(count))
    times, decimals = (100, 1) if name.endswith("%") else (1, 3)
    ends = answer.get("ci")
    interval = f"{figure(ends[0], decimals)} to {figure(ends[1], decimals)}" if isinstance(ends, list) else "–"
    pairs = answer.get("n", count)
    return Shown(about, name, figure(answer["value"] * times, decimals), interval, str(pairs))
