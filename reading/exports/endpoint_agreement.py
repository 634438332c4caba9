"""Agreement of the two readers of a locked trial: computed from the packaged rows, and as the report shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reading.exports.endpoint_plots import bland_altman_plot
from reading.exports.endpoint_summary import in_order
from reading.exports.locked import LockedTrial, evalid
from reading.variability import (
    BlandAltman,
    CaseOutcome,
    IccForm,
    Undefined,
    adjudication_metrics,
    bland_altman,
    cohen_kappa,
    icc,
    percent_agreement,
)

_FIRST, _SECOND = evalid(1), evalid(2)
#: Digits kept of a computed figure: the last ones differ between numerical libraries, and a package must not.
_DIGITS = 10


class _Statistic(Protocol):
    def to_json(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Pairs:
    """What READER 1 and READER 2 found in the same subjects, in the order of the tables. Sums in mm."""

    sums: tuple[tuple[float, float], ...]
    overall: tuple[tuple[str, str], ...]
    best: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the report's table of agreement."""

    about: str
    statistic: str
    value: str
    interval: str
    pairs: str


def pairs(trial: LockedTrial) -> Pairs:
    """Pair the readers' complete sums, overall responses and best overall responses."""
    sums, overall, best = [], [], []
    for subject in trial.subjects:
        for timepoint in subject.timepoints:
            said = {read.evalid: read for read in timepoint.reads}
            if len(said) < 2:
                continue
            one, two = said[_FIRST], said[_SECOND]
            if one.sum_mm is not None and two.sum_mm is not None:
                sums.append((float(one.sum_mm), float(two.sum_mm)))
            if one.overall and two.overall:
                overall.append((one.overall, two.overall))
        bors = {result.evalid: result.bor for result in subject.results}
        if _FIRST in bors and _SECOND in bors:
            best.append((bors[_FIRST], bors[_SECOND]))
    return Pairs(tuple(sums), tuple(overall), tuple(best))


def agreement(trial: LockedTrial) -> Mapping[str, _Statistic]:
    """Compute each statistic of agreement; `Undefined` with its reason where it does not exist."""
    found = pairs(trial)
    first, second = [a for a, _ in found.sums], [b for _, b in found.sums]
    return {
        "sum_of_diameters.icc_2_1": icc(found.sums, IccForm("ICC(2,1)")),
        "sum_of_diameters.icc_3_1": icc(found.sums, IccForm("ICC(3,1)")),
        "sum_of_diameters.bland_altman": bland_altman(first, second),
        "overall_response.percent_agreement": _percent(found.overall),
        "overall_response.cohen_kappa": _kappa(found.overall),
        "best_overall_response.percent_agreement": _percent(found.best),
        "best_overall_response.cohen_kappa": _kappa(found.best),
        "adjudication": adjudication_metrics(_cases(trial)),
    }


def _percent(rows: Sequence[tuple[str, str]]) -> _Statistic:
    return percent_agreement([a for a, _ in rows], [b for _, b in rows])


def _categories(rows: Sequence[tuple[str, str]]) -> list[str]:
    return in_order(response for row in rows for response in row)


def _kappa(rows: Sequence[tuple[str, str]]) -> _Statistic:
    categories = _categories(rows)
    if not categories:
        return Undefined("Nothing was read by both readers.")
    return cohen_kappa([a for a, _ in rows], [b for _, b in rows], categories=categories)


def _cases(trial: LockedTrial) -> list[CaseOutcome]:
    cases = []
    for subject in trial.subjects:
        if {_FIRST, _SECOND} <= {result.evalid for result in subject.results}:
            chosen = {adjudication.chosen for adjudication in subject.adjudications}
            selected = chosen.pop() if len(chosen) == 1 else None
            cases.append(CaseOutcome(_FIRST, _SECOND, bool(subject.adjudications), selected))
    return cases


def as_json(trial: LockedTrial) -> dict[str, Any]:
    """Return the statistics as JSON values, nested by what they are about, figures to ten significant digits."""
    found = pairs(trial)
    report: dict[str, Any] = {
        "readers": [_FIRST, _SECOND],
        "confidence": 0.95,
        "pairs": {"sums": len(found.sums), "overall": len(found.overall), "best": len(found.best)},
        "overall_response": {"categories": _categories(found.overall)},
        "best_overall_response": {"categories": _categories(found.best)},
    }
    for name, statistic in agreement(trial).items():
        about, _, which = name.partition(".")
        value = _steady(statistic.to_json())
        if which:
            report.setdefault(about, {})[which] = value
        else:
            report[about] = value
    return report


def _steady(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _steady(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_steady(item) for item in value]
    return value


_ROWS = (
    ("sum_of_diameters.icc_2_1", "Sum of diameters", "ICC(2,1)", "sums"),
    ("sum_of_diameters.icc_3_1", "Sum of diameters", "ICC(3,1)", "sums"),
    ("overall_response.percent_agreement", "Overall response", "Agreement, %", "overall"),
    ("overall_response.cohen_kappa", "Overall response", "Cohen's kappa", "overall"),
    ("best_overall_response.percent_agreement", "Best overall response", "Agreement, %", "best"),
    ("best_overall_response.cohen_kappa", "Best overall response", "Cohen's kappa", "best"),
)


def context(trial: LockedTrial) -> dict[str, Any]:
    """Return what the report's chapter on agreement shows."""
    found, statistics = pairs(trial), agreement(trial)
    if not found.sums and not found.overall:
        return {"agreement": [], "bland_altman": ""}
    counts = {"sums": len(found.sums), "overall": len(found.overall), "best": len(found.best)}
    rows = [_shown(about, name, statistics[key].to_json(), counts[of]) for key, about, name, of in _ROWS]
    limits = statistics["sum_of_diameters.bland_altman"]
    if not isinstance(limits, BlandAltman):
        return {"agreement": rows, "bland_altman": ""}
    said = limits.to_json()
    return {
        "agreement": rows,
        "bland_altman": bland_altman_plot(limits),
        "bland_altman_said": (
            f"READER 1 minus READER 2, mm, over {limits.n} timepoints read by both. Mean difference "
            f"{limits.mean_diff:.2f} ({_interval(said['mean_ci'], 2)}), standard deviation {limits.sd:.2f}, limits of "
            f"agreement {_interval(said['loa'], 2)}, 95% confidence intervals in brackets and shaded."
        ).replace("-", "−"),
    }


def _shown(about: str, name: str, figures: Mapping[str, Any], count: int) -> Shown:
    if figures.get("undefined"):
        return Shown(about, name, "not defined", "–", str(count))
    scale, digits = (100, 1) if name.endswith("%") else (1, 3)
    value = f"{figures['value'] * scale:.{digits}f}".replace("-", "−")
    return Shown(about, name, value, _interval(figures.get("ci"), digits).replace("-", "−"), str(count))


def _interval(ends: Any, digits: int) -> str:
    if not isinstance(ends, list | tuple):
        return "–"
    return f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}"
