"""Boxes over frames: gathered from what a network found on each, and carried to other images."""

from __future__ import annotations

import pytest

from imaging.deid.pixels.regions import Region, Settled, covers, gathered, on_frame

pytestmark = pytest.mark.requirement("REQ-DEI-004")

LINE, ELSEWHERE = (10, 10, 110, 30), (10, 80, 110, 100)


def test_a_line_that_stays_is_one_region_from_its_first_frame_to_its_last() -> None:
    frames = [[], [LINE], [(11, 10, 112, 31)], [], [LINE, ELSEWHERE]]
    assert gathered(frames) == [Region(10, 10, 112, 31, 1, 4), Region(*ELSEWHERE, 4, 4)]


def test_boxes_are_those_of_the_frame() -> None:
    regions = gathered([[LINE], [LINE], [ELSEWHERE]])
    assert [on_frame(regions, number) for number in range(3)] == [[LINE], [LINE], [ELSEWHERE]]


def test_a_region_on_all_frames_is_carried_to_all_frames_of_another_image() -> None:
    assert Region(*LINE, 0, 9).carried(10, 3) == Region(*LINE, 0, 2)
    assert Region(*LINE, 1, 2).carried(10, 3) == Region(*LINE, 1, 2)
    assert Region(*LINE, 1, 3).carried(10, 3) is None


def test_what_leaves_next_to_nothing_uncovered_covers() -> None:
    assert covers([Region(8, 8, 108, 32, 0, 5)], Region(*LINE, 1, 2))
    assert not covers([Region(8, 8, 90, 32, 0, 5)], Region(*LINE, 1, 2))
    assert not covers([Region(8, 8, 108, 32, 0, 1)], Region(*LINE, 1, 2))


def test_a_region_lies_within_its_image() -> None:
    assert Region(0, 0, 20, 10, 0, 2).is_within(10, 20, 3)
    assert not Region(0, 0, 21, 10, 0, 2).is_within(10, 20, 3)
    assert not Region(5, 0, 5, 10, 0, 2).is_within(10, 20, 3)
    assert not Region(0, 0, 20, 10, 0, 3).is_within(10, 20, 3)


def test_what_was_settled_is_read_as_it_was_written() -> None:
    settled = Settled((Region(*LINE, 0, 1),), (Region(*ELSEWHERE, 1, 1),))
    assert Settled.of(settled.plain()) == settled
