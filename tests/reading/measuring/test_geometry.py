"""What marks measure, from points whose distances are known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.geometry import Plane
from reading.measuring import NotMeasured, Tool, axes_of, beyond_edge, measure, outside_by

pytestmark = pytest.mark.requirement("REQ-REA-006")

#: A cross of 30 mm by 18 mm about (10, -20, 5).
CROSS = [[-5.0, -20, 5], [25, -20, 5], [10, -11, 5], [10, -29, 5]]
ELSEWHERE = st.floats(-500, 500)
TURN = st.floats(-3.14, 3.14)


def moved(points: object, turns: tuple[float, float, float], to: tuple[float, float, float]) -> np.ndarray:
    """Points after turns about the three axes of the patient, and a shift."""
    found = np.asarray(points, dtype=float)
    for axis, angle in enumerate(turns):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        found = found @ turn.T
    return found + np.asarray(to)


def test_a_line_has_its_length() -> None:
    # 3² + 4² + 12² = 13².
    assert measure(Tool.LENGTH, [[1, 2, 3], [4, 6, 15]]).length == pytest.approx(13)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_axes_do_not_depend_on_the_order_of_their_ends(order: tuple[int, ...]) -> None:
    axes = axes_of([CROSS[n] for n in order])

    assert (axes.long_length, axes.short_length, axes.angle_deg) == pytest.approx((30, 18, 90))


def test_the_shorter_line_may_end_on_the_longer_one() -> None:
    tee = [[0, 0, 0], [30, 0, 0], [3, 0, 0], [3, 10, 0]]

    for order in permutations(range(4)):
        axes = axes_of([tee[n] for n in order])
        assert (axes.long_length, axes.short_length) == pytest.approx((30, 10))


@given(st.tuples(TURN, TURN, TURN), st.tuples(ELSEWHERE, ELSEWHERE, ELSEWHERE), st.permutations(range(4)))
def test_where_a_lesion_lies_and_how_the_slice_is_turned_do_not_matter(
    turns: tuple[float, float, float], to: tuple[float, float, float], order: list[int]
) -> None:
    found = measure(Tool.BIDIRECTIONAL, moved(CROSS, turns, to)[order])

    assert (found.long, found.short, found.angle_deg) == pytest.approx((30, 18, 90), abs=1e-6)


def test_lines_that_are_not_square_say_their_angle() -> None:
    # 10 along, 10 up: 45° to the long line.
    slanted = [[0, 0, 0], [40, 0, 0], [15, -5, 0], [25, 5, 0]]

    assert axes_of(slanted).angle_deg == pytest.approx(45)


def test_an_angle_is_that_at_its_second_point() -> None:
    assert measure(Tool.ANGLE, [[5, 0, 0], [0, 0, 0], [-3, 3, 0]]).angle_deg == pytest.approx(135)
    assert measure(Tool.ANGLE, [[5, 0, 0], [0, 0, 0], [7, 0, 0]]).angle_deg == pytest.approx(0)


@given(st.tuples(TURN, TURN, TURN), st.tuples(ELSEWHERE, ELSEWHERE, ELSEWHERE))
def test_areas_are_those_of_the_plane_that_they_lie_on(
    turns: tuple[float, float, float], to: tuple[float, float, float]
) -> None:
    # π/4 · 30 · 18, and an L of 6 × 2 and 2 × 4.
    ell = [[0, 0, 0], [6, 0, 0], [6, 2, 0], [2, 2, 0], [2, 6, 0], [0, 6, 0]]

    ellipse, outline = (
        measure(tool, moved(points, turns, to)).area for tool, points in ((Tool.ELLIPSE, CROSS), (Tool.FREEHAND, ell))
    )

    assert ellipse == pytest.approx(np.pi / 4 * 540, rel=1e-6)
    assert outline == pytest.approx(20, rel=1e-6)


@pytest.mark.parametrize(
    ("tool", "points"),
    [
        pytest.param(Tool.LENGTH, [[0, 0, 0]], id="one end"),
        pytest.param(Tool.LENGTH, [[0, 0, 0], [0, 0, 0.05]], id="both ends at one place"),
        pytest.param(Tool.BIDIRECTIONAL, CROSS[:3], id="three ends of two lines"),
        pytest.param(Tool.BIDIRECTIONAL, [*CROSS[:3], CROSS[2]], id="a line without length"),
        pytest.param(Tool.FREEHAND, CROSS[:2], id="an outline of two points"),
        pytest.param(Tool.POINT, CROSS, id="a point of four"),
        pytest.param(Tool.LENGTH, [[0, 0, 0], [0, float("nan"), 1]], id="no number"),
    ],
)
def test_what_is_no_mark_is_refused(tool: Tool, points: object) -> None:
    with pytest.raises(NotMeasured, match="Draw it again"):
        measure(tool, points)


def test_sizes_are_told_to_a_tenth_of_a_millimetre() -> None:
    found = measure(Tool.BIDIRECTIONAL, np.asarray(CROSS) * 1.00149)

    assert found.in_mm() == {"long_mm": 30.0, "short_mm": 18.0, "angle_deg": 90.0}


def oblique() -> Plane:
    """A plane turned out of every axis, with pixels of 0.5 mm by 0.8 mm."""
    across, down = np.array([2, 1, 2]) / 3, np.array([-2, 2, 1]) / 3
    return Plane((-40.0, 12.0, 33.0), tuple(across), tuple(down), 0.8, 0.5, rows=100, columns=200)


def test_points_are_measured_on_an_oblique_plane_of_oblong_pixels() -> None:
    # 60 columns of 0.5 mm, 50 rows of 0.8 mm: 30 by 40 mm, so that the line over both is 50 mm.
    points = oblique().to_patient([(10, 20), (70, 70)])

    assert measure(Tool.LENGTH, points).length == pytest.approx(50)
    assert outside_by(points, oblique()) == (pytest.approx(0, abs=1e-9), 0.0)


def test_a_point_off_the_plane_or_beyond_the_edge_is_known_by_how_much() -> None:
    plane = oblique()
    off, beyond = outside_by(plane.to_patient([(0, 0), (202.5, 50)]) + 1.5 * np.asarray(plane.normal), plane)

    assert off == pytest.approx(1.5)
    # The last column's outer edge is at 199.5.
    assert beyond == pytest.approx(3)
    assert beyond_edge([[-0.5, 99.5]], rows=100, columns=200) == 0
