"""The phantom looks like a chest, keeps its promises about sizes, and repeats to the byte."""

from __future__ import annotations

import math

import numpy as np
import pytest

from imaging.phantom.canvas import Grid
from imaging.phantom.subjects import Lesion, PhantomSubject, Scenario
from imaging.phantom.thorax import thorax_volume

SMALL = Grid(rows=128, slices=16, slice_thickness_mm=15.0)


def around(grid_top: float, rows: int = 256) -> Grid:
    """Three slices of 5 mm below a level."""
    return Grid(rows=rows, slices=3, top_mm=grid_top)


@pytest.mark.parametrize("scenario", list(Scenario))
def test_the_same_seed_gives_the_same_volume(scenario):
    first = PhantomSubject.with_scenario(4, scenario)
    again = PhantomSubject.with_scenario(4, str(scenario))
    assert first == again
    assert np.array_equal(thorax_volume(first, 1, SMALL), thorax_volume(again, 1, SMALL))


def test_subjects_and_scans_differ():
    one, other = PhantomSubject.with_scenario(1, "stable"), PhantomSubject.with_scenario(2, "stable")
    baseline = thorax_volume(one, 0, SMALL)
    assert np.abs(baseline - thorax_volume(other, 0, SMALL)).mean() > 20
    assert np.abs(baseline - thorax_volume(one, 1, SMALL)).mean() > 5


def test_tissues_have_the_numbers_of_a_textbook():
    """Shares of the volume in the usual ranges, HU: air, lung, fat, soft tissue with contrast, bone."""
    volume = thorax_volume(PhantomSubject.with_scenario(3, "stable"), 0, SMALL)
    shares = {
        name: float(((volume >= low) & (volume < high)).mean())
        for name, (low, high) in {
            "air": (-1024, -950),
            "lung": (-950, -700),
            "fat": (-150, -50),
            "soft": (0, 250),
            "bone": (300, 1500),
        }.items()
    }
    assert 0.35 < shares["air"] < 0.75
    assert 0.06 < shares["lung"] < 0.25
    assert 0.03 < shares["fat"] < 0.20
    assert 0.05 < shares["soft"] < 0.35
    assert 0.005 < shares["bone"] < 0.05
    assert volume.min() >= -1024
    assert volume.dtype == np.float32


def test_the_right_side_of_the_patient_has_the_liver_and_comes_first_in_a_row():
    volume = thorax_volume(PhantomSubject.with_scenario(3, "stable"), 0, Grid(rows=128, slices=2, top_mm=-120))
    liver = (volume > 80) & (volume < 140)
    assert liver[:, 32:96, 20:64].mean() > 2 * liver[:, 32:96, 64:108].mean()


def test_noise_is_that_of_a_scan():
    """About 13 HU in the muscle of the back."""
    volume = thorax_volume(PhantomSubject.with_scenario(3, "stable"), 0, around(-60))
    spread = [np.std(volume[1, y : y + 5, x : x + 5]) for y in range(90, 160, 5) for x in range(60, 110, 5)]
    assert 8 < np.median([s for s in spread if s < 40]) < 20


def profile_length(subject: PhantomSubject, lesion: Lesion, timepoint: int, angle: float, level: float) -> float:
    """Length over which the slice through a lesion's centre is denser than `level`, mm."""
    x, y, z = subject.lesion_centre_mm(lesion, timepoint)
    grid = around(z + 7.5)  # the middle slice is at the centre
    volume = thorax_volume(subject, timepoint, grid)[1]
    steps = np.arange(0, 40, 0.25)

    def reach(direction: float) -> float:
        inside = 0.0
        for step in steps:
            column = (x + step * math.cos(direction) - grid.x_mm[0]) / grid.pixel_mm
            row = (y + step * math.sin(direction) - grid.y_mm[0]) / grid.pixel_mm
            r, c = int(row), int(column)
            fr, fc = row - r, column - c
            value = (
                volume[r, c] * (1 - fr) * (1 - fc)
                + volume[r, c + 1] * (1 - fr) * fc
                + volume[r + 1, c] * fr * (1 - fc)
                + volume[r + 1, c + 1] * fr * fc
            )
            if value < level:
                return inside
            inside = float(step)
        return inside

    return reach(angle) + reach(angle + math.pi)


@pytest.mark.parametrize("seed", [1, 2, 5, 8])
@pytest.mark.parametrize("timepoint", [0, 2])
def test_lung_lesions_measure_what_they_are_said_to(seed, timepoint):
    """Half-maximum against the truth: two pixels of 1.5 mm is what a careful reader achieves."""
    subject = PhantomSubject.with_scenario(seed, "shrinking")
    for lesion in subject.lesions[:2]:
        long = profile_length(subject, lesion, timepoint, lesion.turn, -410)
        short = profile_length(subject, lesion, timepoint, lesion.turn + math.pi / 2, -410)
        assert long == pytest.approx(lesion.longest_diameter_mm(timepoint), abs=3.0)
        assert short == pytest.approx(lesion.short_axis_mm(timepoint), abs=3.0)


def test_a_node_stands_in_fat():
    subject = PhantomSubject.with_scenario(1, "stable")
    node = subject.lesions[3]
    short = profile_length(subject, node, 0, node.turn + math.pi / 2, -10)
    assert short == pytest.approx(node.short_axis_mm(0), abs=3.0)
