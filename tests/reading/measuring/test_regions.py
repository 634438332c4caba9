"""The pixels inside a mark, and what their values amount to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.measuring import NotMeasured, Tool, inside, statistics


def test_a_rectangle_holds_the_centres_on_its_edge_too() -> None:
    held = inside(Tool.FREEHAND, [[1, 2], [4, 2], [4, 5], [1, 5]], rows=8, columns=8)

    expected = np.zeros((8, 8), dtype=bool)
    expected[2:6, 1:5] = True
    assert (held == expected).all()


def test_a_line_that_crosses_itself_leaves_its_middle_out() -> None:
    # An outline of 0.6 to 5.4 drawn twice round: each pixel is inside an even number of times.
    square = [[0.6, 0.6], [5.4, 0.6], [5.4, 5.4], [0.6, 5.4]]

    assert inside(Tool.FREEHAND, square, rows=7, columns=7).sum() == 25
    assert not inside(Tool.FREEHAND, [*square, *square], rows=7, columns=7).any()


def test_a_circle_holds_what_lies_within_its_radius() -> None:
    held = inside(Tool.ELLIPSE, [[2, 5], [8, 5], [5, 2], [5, 8]], rows=11, columns=11)

    row, column = np.indices((11, 11))
    assert (held == ((column - 5) ** 2 + (row - 5) ** 2 <= 9)).all()


@given(st.floats(0, 3.1), st.permutations(range(4)))
def test_a_turned_ellipse_holds_its_own_area_whatever_the_order_of_its_ends(turn: float, order: list[int]) -> None:
    along, up = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    ends = np.array([100, 100]) + np.array([40 * along, -40 * along, 20 * up, -20 * up])

    held = inside(Tool.ELLIPSE, ends[order], rows=200, columns=200)

    # π · 40 · 20 pixels, within a pixel's width along half its outline.
    assert held.sum() == pytest.approx(np.pi * 800, abs=100)


@given(st.lists(st.tuples(st.floats(0, 19), st.floats(0, 19)), min_size=3, max_size=9))
def test_an_outline_holds_the_same_pixels_wherever_it_begins_and_whichever_way_round(
    corners: list[tuple[float, float]],
) -> None:
    held = inside(Tool.FREEHAND, corners, rows=20, columns=20)

    assert (held == inside(Tool.FREEHAND, corners[1:] + corners[:1], rows=20, columns=20)).all()
    assert (held == inside(Tool.FREEHAND, corners[::-1], rows=20, columns=20)).all()


def test_a_point_holds_the_pixel_that_it_lies_in() -> None:
    assert np.argwhere(inside(Tool.POINT, [[3.4, 1.6]], rows=5, columns=5)).tolist() == [[2, 3]]
    assert not inside(Tool.POINT, [[-0.6, 0]], rows=5, columns=5).any()


def test_statistics_are_those_of_the_pixels_inside() -> None:
    values = np.arange(100.0).reshape(10, 10)
    mask = inside(Tool.FREEHAND, [[0, 0], [1, 0], [1, 1], [0, 1]], rows=10, columns=10)

    found = statistics(values, mask)

    # 0, 1, 10, 11: mean 5.5; squared deviations 30.25 + 20.25 + 20.25 + 30.25 = 101, over 3.
    assert (found.count, found.mean, found.least, found.most) == (4, 5.5, 0, 11)
    assert found.sd == pytest.approx((101 / 3) ** 0.5)


def test_one_pixel_has_no_deviation_and_none_no_statistics() -> None:
    one = np.zeros((3, 3), dtype=bool)
    with pytest.raises(NotMeasured):
        statistics(np.ones((3, 3)), one)

    one[1, 1] = True
    assert statistics(np.full((3, 3), -7.0), one).sd is None
