"""Instances become series, in the order of the patient and not of arrival."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.dicom.geometry import Orientation
from imaging.dicom.headers import read_header
from imaging.dicom.series import Gap, sort_into_series


def stack(make_ct, positions, **values):
    return [make_ct(z=z, number=n, **values) for n, z in enumerate(positions, start=1)]


@given(order=st.permutations(list(range(8))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
def test_slices_go_from_feet_to_head_whatever_the_order_of_arrival(make_ct, order):
    slices = stack(make_ct, [z * 5.0 for z in order])
    (series,) = sort_into_series(slices)
    assert series.offsets_mm == (0, 5, 10, 15, 20, 25, 30, 35)
    assert [order[s.source] for s in series.slices] == list(range(8))


def test_a_whole_stack_has_one_spacing_and_no_gap(make_ct):
    (series,) = sort_into_series(stack(make_ct, [0, 5, 10, 15]))
    assert series.spacings_mm == (5, 5, 5)
    assert (series.nominal_spacing_mm, series.gaps, series.coincident_slices) == (5, (), 0)
    assert series.orientation is Orientation.AXIAL


def test_missing_slices_are_counted_where_they_are_missing(make_ct):
    (series,) = sort_into_series(stack(make_ct, [0, 5, 10, 25, 30, 35]))
    assert series.gaps == (Gap(10, 25, 2),)


def test_series_are_told_apart_by_uid(make_ct):
    found = sort_into_series([make_ct(number=1), make_ct(number=2, SeriesInstanceUID="1.2.3.4.6", Modality="MR")])
    assert [(s.series_instance_uid, s.modality, s.n_instances) for s in found] == [
        ("1.2.3.4.5", "CT", 1),
        ("1.2.3.4.6", "MR", 1),
    ]


def test_an_instance_given_twice_is_kept_once_and_named(make_ct):
    (series,) = sort_into_series([make_ct(z=0, number=1), make_ct(z=5, number=2), make_ct(z=5, number=2)])
    assert (series.n_instances, series.repeated_uids) == (2, ("1.2.3.4.5.2",))


def test_slices_at_one_place_are_counted(make_ct):
    (series,) = sort_into_series(stack(make_ct, [0, 0, 5, 5, 10, 10]))
    assert (series.coincident_slices, series.spacings_mm) == (3, (5, 5))


def test_a_scout_in_the_series_does_not_disturb_the_stack(make_ct):
    scout = make_ct(number=99, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    (series,) = sort_into_series([scout, *stack(make_ct, [0, 5, 10])])
    assert series.offsets_mm == (0, 5, 10)
    assert series.slices[-1].source == 0
    assert series.orientation is Orientation.AXIAL


def test_without_positions_the_instance_number_orders(make_ct):
    slices = [make_ct(number=n, ImagePositionPatient=None) for n in (3, 1, 2)]
    (series,) = sort_into_series(slices)
    assert [s.instance_number for s in series.slices] == [1, 2, 3]
    assert (series.offsets_mm, series.orientation, series.nominal_spacing_mm) == ((), None, None)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "reportsi.dcm"])
def test_genuine_single_instances_are_series_of_one(genuine, name):
    header = read_header(genuine / name)
    (series,) = sort_into_series([header])
    assert (series.series_instance_uid, series.n_instances) == (header.series_instance_uid, 1)
