"""Planes, directions and distances, from numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from imaging.dicom.geometry import Orientation, Plane, numbers, orientation_of, plane_of, spacings

# PS3.3 §C.7.6.2.1.1: x to the left, y to the back, z to the head.
ORIENTATIONS = [
    ([1, 0, 0, 0, 1, 0], (0, 0, 1), Orientation.AXIAL),
    ([-1, 0, 0, 0, -1, 0], (0, 0, 1), Orientation.AXIAL),  # prone, feet first or turned: still axial
    ([1, 0, 0, 0, 0, -1], (0, 1, 0), Orientation.CORONAL),
    ([0, 1, 0, 0, 0, -1], (-1, 0, 0), Orientation.SAGITTAL),
    ([1, 0, 0, 0, math.cos(math.radians(25)), math.sin(math.radians(25))], None, Orientation.AXIAL),  # gantry tilt
    ([1, 0, 0, 0, math.cos(math.radians(45)), math.sin(math.radians(45))], None, Orientation.OBLIQUE),
]


@pytest.mark.parametrize(("cosines", "normal", "name"), ORIENTATIONS)
def test_the_orientation_is_named_by_its_normal(make_ct, cosines, normal, name):
    plane = plane_of(make_ct(ImageOrientationPatient=cosines))
    assert plane is not None
    assert plane.orientation is name
    if normal is not None:
        assert plane.normal == normal


def test_pixels_are_placed_in_the_patient(make_ct):
    """PS3.3 equation C.7.6.2.1-1: 2.0 mm between rows, 0.5 mm between columns."""
    plane = plane_of(make_ct(z=7.0))
    assert plane is not None
    assert plane.to_patient([(0, 0), (4, 0), (0, 3)]).tolist() == [[-100, -100, 7], [-98, -100, 7], [-100, -94, 7]]
    assert plane.distance_mm((0, 0), (6, 2)) == 5.0  # 3 mm across, 4 mm down


@given(
    st.floats(-math.pi, math.pi),
    st.floats(-math.pi, math.pi),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_going_to_the_patient_and_back_returns_the_pixel(angle, tilt, point):
    row = (math.cos(angle), math.sin(angle), 0.0)
    column = (-math.sin(angle) * math.cos(tilt), math.cos(angle) * math.cos(tilt), math.sin(tilt))
    plane = Plane((1.0, 2.0, 3.0), row, column, 0.7, 0.9, 512, 512)
    assert np.allclose(plane.to_pixels(plane.to_patient([point])), [point], atol=1e-6)


def test_a_header_without_a_place_has_no_plane(make_ct):
    assert plane_of(make_ct(ImagePositionPatient=None)) is None
    assert plane_of(make_ct(ImageOrientationPatient=[1, 0, 0, 1, 0, 0])) is None  # not a right angle
    assert plane_of(make_ct(ImageOrientationPatient=[0] * 6)) is None
    assert plane_of(make_ct(PixelSpacing=[0, 1])) is None


def test_an_enhanced_object_places_each_frame(make_ct):
    """PS3.3 §C.7.6.16.2: the shared group gives the orientation, each frame's its position."""
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 3
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    frames = []
    for z in (0, 3, 6):
        position, frame = Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, z]
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    dataset = make_ct(
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=frames, ImagePositionPatient=None
    )
    assert [plane_of(dataset, n).offset_mm for n in range(3)] == [0, 3, 6]


def test_malformed_numbers_are_none(make_ct):
    dataset = Dataset()
    dataset.PatientComments = "x"
    assert numbers(make_ct(PixelSpacing=[1, 2]), "PixelSpacing", 3) is None
    assert numbers(dataset, "PatientComments", 1) is None
    assert numbers(dataset, "PixelSpacing", 2) is None


def test_slices_at_one_place_count_once():
    assert spacings([10.0, 0.0, 5.0, 5.001]) == (5.0, 5.0)
    assert spacings([]) == ()


def test_the_largest_component_names_the_plane():
    assert orientation_of((0.0, 0.1, -0.99)) is Orientation.AXIAL
