"""The figures of a report of reader agreement, each with the numbers it is drawn from.

A new figure is one function that draws, one that lists its numbers, and one line in `FIGURES`. Pages, downloads and
the API follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compliance.spreadsheets import as_csv
from reading.variability import Undefined, bland_altman
from reading.variability.agreement_plots import ForestRow, confusion_svg, forest_svg
from reading.variability.control import Cusum, PChart, p_chart
from reading.variability.control_plots import cusum_svg, p_chart_svg
from reading.variability.drawing import notice
from reading.variability.monitoring import Drift
from reading.variability.plots import bland_altman_svg, identity_scatter_svg

Report = Mapping[str, Any]
Rows = Iterable[Sequence[object]]


@dataclass(frozen=True, slots=True)
class AgreementFigure:
    """A figure of the report of `measuring.show_variability`.

    Attributes
    ----------
    name
        Part of its address and file name.
    said
        What it shows, for who cannot see it.
    draw
        Returns one SVG element.
    rows
        The numbers it shows, the first row their names.
    """

    name: str
    said: str
    draw: Callable[[Report], str]
    rows: Callable[[Report], Rows]

    def csv(self, report: Report) -> str:
        """Return the numbers as a table, one line of names first."""
        header, *rows = self.rows(report)
        return as_csv([str(name) for name in header], rows)


# --- the quantity of the criteria ----------------------------------------------------------------------------------


def _pairs(report: Report) -> list[tuple[float, float]]:
    return [(pair["first"], pair["second"]) for pair in report["sums"]["pairs"]]


def _differences(report: Report) -> str:
    measure, pairs = report["measure"], _pairs(report)
    return bland_altman_svg(
        bland_altman([first for first, _ in pairs], [second for _, second in pairs]),
        title=f"{measure['title']}: differences of the readers",
        quantity=measure["title"].lower(),
        unit=measure["unit"],
        first="First reader",
        second="Second reader",
    )


def _identity(report: Report) -> str:
    measure, icc = report["measure"], report["sums"]["icc_2_1"]
    return identity_scatter_svg(
        _pairs(report),
        title=f"{measure['title']}: one reader against the other",
        quantity=measure["title"],
        unit=measure["unit"],
        first="First reader",
        second="Second reader",
        notes=[] if icc.get("undefined") else [f"ICC(2,1), absolute agreement: {icc['value']:.3f}"],
    )


def _measured(report: Report) -> Rows:
    yield "subject", "timepoint", "first", "second"
    for pair in report["sums"]["pairs"]:
        yield pair["subject"], pair["timepoint"], pair["first"], pair["second"]


# --- responses -----------------------------------------------------------------------------------------------------


def _confusion(found: Mapping[str, Any], title: str) -> str:
    if found["kappa"].get("undefined"):
        return notice(title, found["kappa"]["reason"])
    return confusion_svg(found["kappa"]["table"], found["categories"], title=title)


def _confused(found: Mapping[str, Any]) -> Rows:
    yield "first reader", *found["categories"]
    for category, row in zip(found["categories"], found["kappa"].get("table", ()), strict=False):
        yield category, *row


def _forest_rows(report: Report) -> tuple[list[ForestRow], ForestRow]:
    pairs = report["monitoring"]["pairs"]
    rows = [_forest_row(readers, found) for readers, found in pairs.items()]
    return rows, _forest_row("All pairs", report["timepoint_responses"])


def _forest_row(label: str, found: Mapping[str, Any]) -> ForestRow:
    kappa = found["kappa"]
    if kappa.get("undefined"):
        return ForestRow(label, found["n"], undefined=kappa["reason"])
    ci = kappa["ci"]
    return ForestRow(label, found["n"], kappa["value"], None if isinstance(ci, Mapping) else (ci[0], ci[1]))


def _forest(report: Report) -> str:
    rows, pooled = _forest_rows(report)
    return forest_svg(rows, pooled=pooled, title="Agreement on the response at a timepoint, by pair of readers")


def _forested(report: Report) -> Rows:
    rows, pooled = _forest_rows(report)
    yield "readers", "n", "kappa", "lower", "upper", "undefined"
    for row in (*rows, pooled):
        yield row.label, row.n, row.value, *(row.ci or (None, None)), row.undefined


# --- what is watched while reading goes on ---------------------------------------------------------------------------


def _rates(report: Report, key: str) -> PChart | Undefined:
    found = report["monitoring"]["adjudication"]
    found = found.get(key, found)
    if found.get("undefined"):
        return Undefined(found["reason"])
    return p_chart([(point["label"], point["x"], point["n"]) for point in found["points"]])


def _rated(report: Report, key: str) -> Rows:
    yield "group", "adjudicated", "cases", "rate", "lower limit", "upper limit", "outside"
    chart = _rates(report, key)
    for point in () if isinstance(chart, Undefined) else chart.points:
        yield point.label, point.x, point.n, point.rate, point.lower, point.upper, point.outside


def _rate_figure(key: str, said: str) -> AgreementFigure:
    return AgreementFigure(
        f"adjudication-{key.replace('_', '-')}",
        f"Adjudication by {said}",
        lambda report: p_chart_svg(_rates(report, key), title=f"Adjudication by {said}"),
        lambda report: _rated(report, key),
    )


def _watched(report: Report) -> Drift:
    def sums(one: Mapping[str, Any]) -> Cusum | Undefined:
        if one.get("undefined"):
            return Undefined(one["reason"])
        return Cusum(tuple(one["high"]), tuple(one["low"]), one["limit"], tuple(one["alarms"]), one["began"])

    found = report["monitoring"]["drift"]
    sd = found["sd"]
    return Drift(
        Undefined(sd["reason"]) if isinstance(sd, Mapping) else sd,
        {reader: sums(one) for reader, one in found["readers"].items()},
    )


def _drift(report: Report) -> str:
    title = f"Drift: {report['measure']['title'].lower()} against the other reader, in %"
    return cusum_svg(_watched(report), title=title)


def _drifted(report: Report) -> Rows:
    yield "reader", "value", "upward sum (SD)", "downward sum (SD)", "limit (SD)"
    for reader, found in _watched(report).readers.items():
        if isinstance(found, Cusum):
            for number, (high, low) in enumerate(zip(found.high, found.low, strict=True), start=1):
                yield reader, number, high, low, found.limit


#: In the order of the page.
FIGURES: Mapping[str, AgreementFigure] = {
    figure.name: figure
    for figure in (
        AgreementFigure("differences", "Differences of the readers", _differences, _measured),
        AgreementFigure("identity", "One reader against the other", _identity, _measured),
        AgreementFigure(
            "responses",
            "Response at each timepoint",
            lambda report: _confusion(report["timepoint_responses"], "Response at each timepoint"),
            lambda report: _confused(report["timepoint_responses"]),
        ),
        AgreementFigure(
            "best-responses",
            "Best overall response",
            lambda report: _confusion(report["best_responses"], "Best overall response"),
            lambda report: _confused(report["best_responses"]),
        ),
        AgreementFigure("kappas", "Kappa by pair of readers", _forest, _forested),
        _rate_figure("by_reader", "reader"),
        _rate_figure("by_site", "site"),
        _rate_figure("by_month", "month of reading"),
        AgreementFigure("drift", "Drift of each reader", _drift, _drifted),
    )
}
