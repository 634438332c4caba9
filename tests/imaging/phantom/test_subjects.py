"""Scenarios move the sum of diameters the way their names say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.phantom.subjects import Lesion, PhantomSubject, Scenario

seeds = st.integers(0, 2**31)


@given(seeds, st.integers(2, 5))
def test_the_sum_follows_the_scenario(seed, timepoints):
    """RECIST 1.1 §4.3.1: -30 % is a response, +20 % and 5 mm is progression."""
    for scenario, low, high in (("shrinking", -0.60, -0.40), ("growing", 0.24, 0.46), ("stable", -0.06, 0.06)):
        subject = PhantomSubject.with_scenario(seed, scenario, timepoints=timepoints)
        first, last = subject.sum_of_diameters_mm(0), subject.sum_of_diameters_mm(timepoints - 1)
        assert low <= last / first - 1 <= high


@given(seeds)
def test_baseline_lesions_are_measurable(seed):
    """RECIST 1.1 §3.1.1, §3.1.2: 10 mm, and 15 mm short axis for a node."""
    subject = PhantomSubject.with_scenario(seed, Scenario.STABLE)
    assert [lesion.organ for lesion in subject.lesions] == ["lung", "lung", "liver", "lymph node"]
    for lesion in subject.lesions:
        assert lesion.measured_diameter_mm(0) >= (15 if lesion.nodal else 10)
        assert lesion.short_axis_mm(0) <= lesion.longest_diameter_mm(0)


def test_a_new_lesion_is_absent_at_baseline_and_measurable_later():
    subject = PhantomSubject.with_scenario(6, "new_lesion")
    new = subject.lesions[-1]
    assert (new.longest_diameter_mm(0), new.short_axis_mm(0)) == (0, 0)
    assert new.longest_diameter_mm(1) >= 10
    assert subject.sum_of_diameters_mm(1) == pytest.approx(
        sum(lesion.measured_diameter_mm(1) for lesion in subject.lesions[:-1])
    )


def test_nodes_count_by_short_axis_and_others_by_longest_diameter():
    """RECIST 1.1 §4.3.2."""
    node = Lesion("4R", "lymph node", True, (0, 0, 0), ((22.0, 16.0),))
    nodule = Lesion("RUL", "lung", False, (0, 0, 0), ((30.0, 21.0),))
    assert PhantomSubject(1, (node, nodule)).sum_of_diameters_mm(0) == 46.0


def test_the_subject_lies_elsewhere_at_follow_up():
    subject = PhantomSubject.with_scenario(1, "stable")
    assert subject.shift_mm(0) == (0, 0, 0)
    assert subject.shift_mm(1) != subject.shift_mm(2)
    lesion = subject.lesions[0]
    assert subject.lesion_centre_mm(lesion, 1) == tuple(
        c + s for c, s in zip(lesion.centre_mm, subject.shift_mm(1), strict=True)
    )


def test_an_unknown_scenario_is_refused():
    with pytest.raises(ValueError, match="wobbling"):
        PhantomSubject.with_scenario(1, "wobbling")
