"""The report of reader agreement as rows of a page: value, interval, cases; or why a figure does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reading.variability.causes import SAID, Cause

_DASH = "–"


@dataclass(frozen=True, slots=True)
class Figure:
    """One statistic: its name, value and interval as text; `reason` says why there is none."""

    name: str
    value: str
    interval: str
    n: int | str
    note: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """What adjudication says of one reader; `flagged`: the index is above that of all readers by more than one SD."""

    reader: str
    read: int
    adjudicated: int
    decided: int
    agreed: int
    adjudication_rate: str
    agreement_rate: str
    disagreement_index: str
    flagged: bool


def _number(value: float, unit: str) -> str:
    shown = {"": f"{value:.3f}", "%": f"{100 * value:.1f} %"}.get(unit, f"{value:.1f} {unit}")
    return shown.replace("-", "−")


def _interval(value: Any, unit: str) -> str:
    if not isinstance(value, list | tuple):
        return _DASH
    low, high = (_number(end, unit) for end in value)
    return f"{low.removesuffix(' ' + unit)} to {high}" if unit else f"{low} to {high}"


def _figure(name: str, found: Mapping[str, Any], *, at: str = "value", ci: str = "ci", unit: str = "") -> Figure:
    if found.get("undefined"):
        return Figure(name, "Not defined", _DASH, _DASH, "", str(found["reason"]))
    interval = found.get(ci)
    reason = str(interval["reason"]) if isinstance(interval, Mapping) else ""
    return Figure(name, _number(found[at], unit), _interval(interval, unit), found.get("n", _DASH), "", reason)


def _limits(found: Mapping[str, Any], unit: str) -> list[Figure]:
    if found.get("undefined"):
        return [_figure("Mean difference and limits of agreement", found)]
    whole = dict(found) | {"lower": found["loa"][0], "upper": found["loa"][1]}
    return [
        _figure("Mean difference, first − second", whole, at="mean_diff", ci="mean_ci", unit=unit),
        _figure("Lower limit of agreement", whole, at="lower", ci="loa_lower_ci", unit=unit),
        _figure("Upper limit of agreement", whole, at="upper", ci="loa_upper_ci", unit=unit),
    ]


def _responses(found: Mapping[str, Any]) -> list[Figure]:
    ordered = ", ".join(found["ordered_categories"])
    if not ordered:
        return [_figure("Same response", found["percent_agreement"], unit="%")]
    return [
        _figure("Same response", found["percent_agreement"], unit="%"),
        _figure("Cohen’s kappa", found["kappa"]),
        _figure(f"Kappa, linear weights over {ordered}", found["kappa_linear"]),
    ]


def groups_of(report: Mapping[str, Any]) -> list[tuple[str, list[Figure]]]:
    """Return the figures of a report of `measuring.variability_report`, by what was compared."""
    sums, measure = report["sums"], report["measure"]
    return [
        (
            measure["title"],
            [
                _figure("ICC(2,1), absolute agreement", sums["icc_2_1"]),
                _figure("ICC(3,1), consistency", sums["icc_3_1"]),
                *_limits(sums["bland_altman"], measure["unit"]),
            ],
        ),
        ("Response at each timepoint", _responses(report["timepoint_responses"])),
        ("Best overall response", _responses(report["best_responses"])),
    ]


def readers_of(report: Mapping[str, Any]) -> list[ReaderFigures]:
    """Return what adjudication says of each reader; nothing before two readers read a case."""
    found = report["adjudication"]
    flagged = report["monitoring"]["disagreement"].get("flagged", [])
    return [
        ReaderFigures(
            reader,
            row["read"],
            row["adjudicated"],
            row["decided"],
            row["agreed"],
            _rate(row["adjudication_rate"]),
            _rate(row["agreement_rate"]),
            _rate(row["disagreement_index"]),
            reader in flagged,
        )
        for reader, row in found.get("readers", {}).items()
    ]


def rereads_of(report: Mapping[str, Any]) -> list[tuple[str, int, list[Figure]]]:
    """Return each reader's agreement with the own earlier reads: reader, subjects read again, figures."""
    measure = report["measure"]
    return [
        (
            reader,
            found["subjects"],
            [
                _figure(f"ICC(2,1), {measure['title'].lower()}", found["icc_2_1"]),
                _figure(
                    "Repeatability coefficient", found["within_reader_sd"], at="repeatability", unit=measure["unit"]
                ),
                *_responses(found["timepoint_responses"]),
            ],
        )
        for reader, found in report["monitoring"]["rereads"].items()
    ]


def causes_of(report: Mapping[str, Any]) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Return the causes that occurred, and for each pair of readers how often each did."""
    pairs = report["monitoring"]["causes"]
    used = [cause for cause in Cause if any(counts[cause] for counts in pairs.values())]
    return [SAID[cause] for cause in used], [(pair, [row[cause] for cause in used]) for pair, row in pairs.items()]


def _rate(value: Any) -> str:
    return _DASH if isinstance(value, Mapping) else _number(value, "%")
