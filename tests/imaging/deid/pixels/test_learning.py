"""What people blanked again and again is one place: a rectangle that holds every name that stood there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.deid.pixels.learning import blanked_often

pytestmark = pytest.mark.requirement("REQ-DEI-004")

SHORT, LONG, LOWER = (10, 10, 90, 30), (12, 11, 200, 31), (10, 60, 80, 80)


def test_names_of_any_length_on_one_line_are_one_place() -> None:
    assert blanked_often([[SHORT], [LONG], [SHORT]], least=3) == [(10, 10, 200, 31)]


def test_two_lines_are_two_places_from_top_to_bottom() -> None:
    assert blanked_often([[LOWER, SHORT]] * 3, least=3) == [SHORT, LOWER]


def test_a_box_that_joins_two_places_makes_one_of_them() -> None:
    apart = [(10, 10, 60, 30), (100, 10, 160, 30)]
    assert blanked_often([apart, apart, [(20, 10, 150, 30)]], least=3) == [(10, 10, 160, 30)]


def test_what_was_blanked_on_few_images_is_no_place() -> None:
    assert blanked_often([[SHORT]] * 4, least=5) == []
    assert blanked_often([[SHORT]] * 5 + [[]] * 6, least=5) == []
    assert blanked_often([[SHORT]] * 5 + [[]] * 5, least=5) == [SHORT]
    assert blanked_often([[SHORT, SHORT, SHORT]], least=3) == []
    assert blanked_often([], least=1) == []


BOXES = st.tuples(*(st.integers(0, 40),) * 2, *(st.integers(1, 40),) * 2).map(
    lambda one: (one[0], one[1], one[0] + one[2], one[1] + one[3])
)


@given(st.lists(st.lists(BOXES, min_size=1, max_size=3), min_size=1, max_size=5))
def test_with_one_image_enough_every_box_lies_in_a_place(images: list[list[tuple[int, int, int, int]]]) -> None:
    found = blanked_often(images[:1], least=1)
    for left, top, right, bottom in images[0]:
        assert any(a <= left and b <= top and right <= c and bottom <= d for a, b, c, d in found)
