"""Control charts as figures: what they show and say, and that they run nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from reading.variability import Undefined
from reading.variability.control import p_chart
from reading.variability.control_plots import cusum_svg, p_chart_svg
from reading.variability.monitoring import drift

SVG = "{http://www.w3.org/2000/svg}"
GROUPS = [("2026-01", 5, 12), ("2026-02", 12, 30), ("2026-03", 38, 40), ("2026-04", 10, 30)]
STEADY = [1.0, -1.0] * 20
DRIFTING = STEADY[:20] + [x + 3 for x in STEADY[20:]]
FIGURES = {
    "p": p_chart_svg(p_chart(GROUPS), title="Adjudication by month"),
    "long": p_chart_svg(p_chart([(f"reader-{i} <&> reader-{i + 1}", i, 20) for i in range(12)]), title="By pair"),
    "cusum": cusum_svg(drift({"steady": STEADY, "drifting": DRIFTING}), title="Drift"),
    "no cases": p_chart_svg(p_chart([]), title="By site"),
    "no spread": cusum_svg(drift({"ada": [1.0, 1.0]}), title="Drift"),
    "no values": cusum_svg(drift({}), title="Drift"),
}


def parsed(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(FIGURES[name])  # noqa: S314 - our own figure, not a stranger's


def said(name: str, tag: str) -> list[str]:
    return [element.text or "" for element in parsed(name).iter(f"{SVG}{tag}")]


def shapes(name: str, tag: str) -> int:
    return len(list(parsed(name).iter(f"{SVG}{tag}")))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_named_svg_that_runs_nothing(name: str) -> None:
    root = parsed(name)
    assert (root.tag, root.attrib["role"], root.attrib["viewBox"]) == (f"{SVG}svg", "img", "0 0 640 400")
    assert all(child.text for child in list(root)[:2])
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "rect", "line", "polyline", "polygon", "circle", "text"}
    assert not re.search(r"href|url\(|on\w+=|style=|nan|inf\b", FIGURES[name])


def test_a_p_chart_shows_each_group_and_names_what_is_outside() -> None:
    assert (shapes("p", "circle"), shapes("p", "polygon")) == (3, 1)
    assert said("p", "desc") == ["Control chart of 4 groups; all together 58.0 %. Outside of the limits: 2026-03."]
    assert [label for label, _, _ in GROUPS if label in said("p", "text")] == [label for label, _, _ in GROUPS]


def test_a_cusum_shows_two_sums_for_each_reader_and_where_the_limit_is_passed() -> None:
    assert (shapes("cusum", "polyline"), shapes("cusum", "polygon")) == (4, 1)
    assert said("cusum", "desc") == [
        "Cusum of differences from the other reader of 2 readers. Beyond the limit: drifting."
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no cases", "There are no cases, so there is no rate."),
        ("no spread", "The values have no spread, against which a change could be judged."),
        ("no values", "No reader has two values to compare."),
    ],
)
def test_nothing_to_draw_is_said_in_words(name: str, reason: str) -> None:
    assert said(name, "text")[1:] == [reason]


def test_undefined_charts_are_told_with_their_own_reason() -> None:
    assert "No site is told." in p_chart_svg(Undefined("No site is told."), title="By site")
