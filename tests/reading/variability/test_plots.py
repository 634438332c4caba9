"""Figures: what they say in numbers and words, the same bytes each time, and reasons in place of empty axes."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading import criteria
from reading.variability import BlandAltman, bland_altman
from reading.variability.drawing import apart, figure, ticks
from reading.variability.plots import bland_altman_svg, identity_scatter_svg
from reading.variability.response_plots import (
    OTHER_COLOUR,
    RESPONSE_COLOURS,
    SpiderLine,
    WaterfallBar,
    spider_svg,
    waterfall_svg,
)
from tests.reading.variability.published import table

SVG = "{http://www.w3.org/2000/svg}"
PEFR = table("bland_altman")
WRIGHT, MINI = PEFR["wright_first"], PEFR["mini_first"]

BARS = [
    WaterfallBar("101-001", -45.5, "PR"),
    WaterfallBar("101-002", 183.0, "PD"),
    WaterfallBar("102-001", 0.0, "SD"),
    WaterfallBar("102-002", -100.0, "CR"),
]
LINES = [
    SpiderLine("101-001", ((6.0, -20.0), (12.0, -45.5)), "PR"),
    SpiderLine("101-002", ((6.0, 12.0), (12.0, 60.0)), "PD", new_lesion_at=(12.0,)),
]
FIGURES = {
    "bland_altman": bland_altman_svg(bland_altman(WRIGHT, MINI), unit="l/min"),
    "identity": identity_scatter_svg(list(zip(WRIGHT, MINI, strict=True)), notes=["ICC(2,1) 0.95"]),
    "waterfall": waterfall_svg(BARS),
    "spider": spider_svg(LINES),
    "undefined": bland_altman_svg(bland_altman([1.0], [2.0])),
}


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - our own figure, not a stranger's


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def shapes(svg: str, tag: str) -> list[dict[str, str]]:
    return [element.attrib for element in parsed(svg).iter(f"{SVG}{tag}")]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_svg_of_its_size_with_a_name_and_a_description(name: str) -> None:
    root = parsed(FIGURES[name])
    # A waterfall has a row more for each response in use.
    high = 444 if name == "waterfall" else 400
    assert (root.tag, root.attrib["role"], root.attrib["viewBox"]) == (f"{SVG}svg", "img", f"0 0 640 {high}")
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    assert all(child.text for child in list(root)[:2])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_runs_nothing_and_loads_nothing(name: str) -> None:
    tags = {element.tag.removeprefix(SVG) for element in parsed(FIGURES[name]).iter()}
    assert tags <= {"svg", "title", "desc", "rect", "line", "polyline", "polygon", "circle", "text"}
    assert not re.search(r"href|url\(|on\w+=|style=", FIGURES[name])


@pytest.mark.parametrize("name", FIGURES)
def test_every_number_of_a_shape_is_finite_with_at_most_two_decimals(name: str) -> None:
    for element in parsed(FIGURES[name]).iter():
        for key in element.attrib.keys() & {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "points"}:
            assert re.fullmatch(r"(-?\d+(\.\d{1,2})?[ ,]?)+", element.attrib[key])


# Pinned: the endpoint package must hold the same bytes on each machine.
DIGESTS = {
    "bland_altman": "00217490f61016ad",
    "identity": "44159ed3853e0410",
    "waterfall": "2b82a10c3d332c29",
    "spider": "a7a050d5463961e2",
    "undefined": "5e86a459da8b02f3",
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_bytes_are_the_same_on_each_machine(name: str) -> None:
    assert hashlib.sha256(FIGURES[name].encode()).hexdigest()[:16] == DIGESTS[name]


def test_bland_altman_shows_each_pair_the_three_lines_and_their_intervals() -> None:
    result = bland_altman(WRIGHT, MINI)
    assert isinstance(result, BlandAltman)
    svg = FIGURES["bland_altman"]
    assert len(shapes(svg, "circle")) == 17
    said = texts(svg)
    for expected in (
        "Difference (l/min)", "Mean of the two readers (l/min)",
        "Upper limit", "+73.9", "(+39.3 to +108.4)",
        "Mean difference", "−2.1", "(−22.0 to +17.8)",
        "Lower limit", "−78.1", "(−112.6 to −43.6)",
    ):  # fmt: skip
        assert expected in said


def test_bland_altman_in_words() -> None:
    description = parsed(FIGURES["bland_altman"])[1].text
    assert description == (
        "Bland-Altman plot of 17 pairs: Reader 1 minus Reader 2 against their mean, sum of diameters in l/min. "
        "Upper limit +73.9 (+39.3 to +108.4). Mean difference −2.1 (−22.0 to +17.8). "
        "Lower limit −78.1 (−112.6 to −43.6)."
    )


def test_the_order_of_cases_does_not_change_a_figure() -> None:
    assert bland_altman_svg(bland_altman(WRIGHT[::-1], MINI[::-1]), unit="l/min") == FIGURES["bland_altman"]
    assert waterfall_svg(BARS[::-1]) == FIGURES["waterfall"]
    assert spider_svg(LINES[::-1]) == FIGURES["spider"]


@pytest.mark.parametrize(
    ("svg", "reason"),
    [
        (FIGURES["undefined"], "Limits of agreement need at least two complete pairs, and have 1 pair."),
        (identity_scatter_svg([]), "No case was measured by both readers."),
        (waterfall_svg([]), "No subject has a measured change from baseline."),
        (spider_svg([SpiderLine("101-001", (), "NE")]), "No subject has a measured change from baseline."),
    ],
)
def test_nothing_to_draw_is_said_in_words(svg: str, reason: str) -> None:
    assert texts(svg)[1:] == [reason]


def test_equal_readings_still_make_a_figure() -> None:
    svg = bland_altman_svg(bland_altman([10.0, 10.0], [10.0, 10.0]))
    assert texts(svg).count("0.0") >= 3
    assert len(shapes(identity_scatter_svg([(0.0, 0.0)]), "circle")) == 1


def test_a_waterfall_falls_and_a_bar_cut_at_the_top_bears_its_value() -> None:
    svg = FIGURES["waterfall"]
    bars = [shape for shape in shapes(svg, "rect") if shape["width"] == "30"]
    assert [shape["fill"] for shape in bars] == [RESPONSE_COLOURS[r] for r in ("PD", "SD", "PR", "CR")]
    said = texts(svg)
    assert [said.index(label) for label in ("+183", "0", "−46", "−100")] == sorted(
        said.index(label) for label in ("+183", "0", "−46", "−100")
    )
    assert {"+20 %", "−30 %", "CR (1)", "PD (1)"} <= set(said)


def test_many_subjects_are_drawn_without_their_names() -> None:
    svg = waterfall_svg([WaterfallBar(f"101-{i:03d}", i - 60.0, "SD") for i in range(120)])
    assert not [said for said in texts(svg) if said.startswith("101-")]
    assert "101-007 −53 (SD)" in (parsed(svg)[1].text or "")


def test_a_spider_starts_at_baseline_and_marks_a_new_lesion() -> None:
    svg = FIGURES["spider"]
    starts = {shape["points"].split(" ")[0] for shape in shapes(svg, "polyline")}
    assert len(starts) == 1
    assert len(shapes(svg, "polygon")) == 1
    assert any("Diamond: new lesion." in said for said in texts(svg))


def test_a_response_that_is_not_known_has_the_last_colour() -> None:
    assert OTHER_COLOUR in waterfall_svg([WaterfallBar("101-001", 5.0, "ODD")])


def test_each_response_of_each_criteria_that_is_a_degree_has_a_colour() -> None:
    terms = {term for name in criteria.available() for term in criteria.get(name).terms}
    assert {term.value for term in terms if term.degree is not None} <= set(RESPONSE_COLOURS)


def test_names_are_escaped() -> None:
    planted = '<script>alert("x")</script> & 山田'
    svg = bland_altman_svg(bland_altman(WRIGHT, MINI), title=planted, first=planted)
    assert "<script" not in svg
    assert texts(svg)[0] == planted


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "expected"),
    [
        (-2.14, 1, True, "−2.1"),
        (2.15, 0, True, "+2"),
        (-0.04, 1, True, "0.0"),
        (0.0, 0, True, "0"),
        (12.0, 1, False, "12.0"),
    ],
)
def test_numbers_are_printed_with_a_true_minus_and_no_signed_zero(
    value: float, decimals: int, signed: bool, expected: str
) -> None:
    assert figure(value, decimals, signed=signed) == expected


@given(low=st.floats(-1e4, 1e4), span=st.floats(1e-3, 1e4))
def test_ticks_are_round_and_inside_the_range(low: float, span: float) -> None:
    marks = ticks(low, low + span)
    assert 2 <= len(marks) <= 13
    assert all(low - span * 1e-6 <= mark <= low + span * (1 + 1e-6) for mark in marks)


@given(places=st.lists(st.floats(0, 300), max_size=8))
def test_labels_are_moved_apart_in_order(places: list[float]) -> None:
    found = apart(places, 11, 0, 300)
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    assert all(found[b] - found[a] >= 11 - 1e-6 for a, b in pairwise(order))
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in found)
