"""Tables of agreement and forests of kappas: what they draw, and what they say to who cannot see them."""

from __future__ import annotations

from xml.etree import ElementTree

from reading.variability.agreement_plots import MOST_ROWS, ForestRow, confusion_svg, forest_svg

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 - our own


def said(svg: str) -> str:
    return ElementTree.fromstring(svg).findtext(f"{SVG}desc") or ""  # noqa: S314 - our own


def test_a_table_counts_each_pair_of_categories_and_says_how_many_agree() -> None:
    svg = confusion_svg([[3, 1, 0], [0, 2, 0], [0, 0, 4]], ["PR", "SD", "PD"], title="Response")
    assert "9 of 10 pairs agree (90.0 %)" in texts(svg)
    assert sorted(text for text in texts(svg) if text.isdigit()) == ["1", "2", "3", "4"]
    assert said(svg).startswith(
        "Table of 10 pairs of readings; 9 on the diagonal agree. First reader PR, Second reader PR: 3"
    )


def test_a_table_of_nothing_says_so() -> None:
    assert "No case was read by both readers." in texts(confusion_svg([], [], title="Response"))


def test_a_forest_draws_each_pair_with_its_interval_and_all_together() -> None:
    rows = [ForestRow("anna + ben", 20, 0.8, (0.6, 1.0)), ForestRow("anna + carl", 3, undefined="Only one category.")]
    svg = forest_svg(rows, pooled=ForestRow("All pairs", 23, 0.75, (0.5, 0.95)), title="Kappa by pair")
    assert {"anna + ben (20)", "0.80 (0.60 to 1.00)", "anna + carl (3)", "not defined", "0.75 (0.50 to 0.95)"} <= set(
        texts(svg)
    )
    assert "anna + carl, 3 pairs: Only one category." in said(svg)


def test_a_forest_keeps_the_largest_groups_and_says_how_many_are_left_out() -> None:
    rows = [ForestRow(f"pair {n}", n, 0.5, (0.2, 0.8)) for n in range(1, MOST_ROWS + 4)]
    svg = forest_svg(rows, title="Kappa by pair")
    assert "pair 3 (3)" not in texts(svg)
    assert "pair 4 (4)" in texts(svg)
    assert "Cohen’s kappa with 95 % intervals; 3 smaller groups are not shown" in texts(svg)


def test_without_any_estimate_the_forest_says_why() -> None:
    assert "Only one category." in texts(
        forest_svg([ForestRow("a + b", 2, undefined="Only one category.")], title="Kappa")
    )
