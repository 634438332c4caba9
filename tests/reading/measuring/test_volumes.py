"""Volumes of painted regions: which runs fit a picture, and how much room each slice stands for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reading.measuring.volumes import InvalidRuns, painted, volume_ml

pytestmark = pytest.mark.requirement("REQ-REA-007")


@pytest.mark.parametrize(
    ("runs", "expected"), [([], 0), ([3, 1, 1, 1], 2), ([0, 6], 6), ([6], 0), ([5, 1], 1), ([2, 0, 1, 3], 3)]
)
def test_pixels_inside_are_counted(runs, expected):
    assert painted(runs, 6) == expected


@pytest.mark.parametrize("runs", [[7], [3, 4], [-1, 2], [1.5, 2], [True, 1], ["1"], [None], [0] * 200_001])
def test_what_does_not_fit_the_picture_is_refused(runs):
    with pytest.raises(InvalidRuns):
        painted(runs, 6)


def test_a_voxel_is_its_pixel_times_the_distance_of_slices():
    assert volume_ml([(0.0, 100), (3.0, 50)], [0.0, 3.0, 6.0], (0.5, 2.0), None) == Decimal("0.450")


@pytest.mark.parametrize(
    ("at", "expected"),
    [(0.0, "2.000"), (2.0, "4.000"), (8.0, "6.000")],
    ids=["at one end", "between unequal gaps", "at the other end"],
)
def test_a_slice_stands_for_the_room_half_way_to_its_neighbours(at, expected):
    assert volume_ml([(at, 1000)], [0.0, 2.0, 8.0], (1.0, 1.0), None) == Decimal(expected)


def test_frames_without_places_take_the_usual_interval():
    assert volume_ml([(None, 1000)], [], (1.0, 1.0), 2.5) == Decimal("2.500")


@pytest.mark.parametrize(("spacing", "interval"), [(None, 2.0), ((1.0, 1.0), None)])
def test_without_sizes_of_voxels_there_is_no_volume(spacing, interval):
    assert volume_ml([(None, 10)], [], spacing, interval) is None
