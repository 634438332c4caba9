"""Each rule gets the series that the site meant for it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.quality import match_series


def keys(matches):
    return {label: item.key for label, item in matches.items()}


def test_the_right_orientation_wins(facts, rule):
    series = [facts("1.1", orientation="coronal", n_slices=90), facts("1.2")]
    assert keys(match_series(series, [rule()])) == {"Chest": "1.2"}


def test_thin_enough_and_long_enough_wins(facts, rule):
    series = [facts("1.1", slice_thickness_mm=8.0), facts("1.2"), facts("1.3", n_slices=2)]
    assert keys(match_series(series, [rule()])) == {"Chest": "1.2"}


def test_a_flawed_series_is_still_the_one_that_was_meant(facts, rule):
    series = [facts("1.1", slice_thickness_mm=8.0, orientation="coronal")]
    assert keys(match_series(series, [rule()])) == {"Chest": "1.1"}


def test_another_modality_never_matches(facts, rule):
    assert match_series([facts(modality="MR")], [rule()]) == {}


def test_each_series_serves_one_rule(facts, rule):
    series = [facts("1.1"), facts("1.2", orientation="coronal")]
    rules = [rule("A", orientation=""), rule("B", orientation="axial")]
    assert keys(match_series(series, rules)) == {"A": "1.2", "B": "1.1"}


def test_required_rules_are_served_first(facts, rule):
    rules = [rule("Optional", required=False), rule("Required", orientation="")]
    assert keys(match_series([facts("1.1")], rules)) == {"Required": "1.1"}


def test_the_body_part_decides_between_equals(facts, rule):
    series = [facts("1.1", body_part="ABDOMEN"), facts("1.2", body_part="CHEST")]
    rules = [rule("Chest", body_part="CHEST"), rule("Abdomen", body_part="ABDOMEN")]
    assert keys(match_series(series, rules)) == {"Chest": "1.2", "Abdomen": "1.1"}


@given(
    st.lists(st.tuples(st.sampled_from(["CT", "MR"]), st.integers(1, 60)), max_size=6),
    st.lists(st.tuples(st.sampled_from(["CT", "MR"]), st.booleans()), max_size=5),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_as_many_rules_as_possible_are_fulfilled(facts, rule, arrived, promised):
    series = [facts(f"1.{n}", modality=m, n_slices=k) for n, (m, k) in enumerate(arrived, 1)]
    rules = [rule(str(n), modality=m, required=r) for n, (m, r) in enumerate(promised)]
    matches = match_series(series, rules)
    for modality in ("CT", "MR"):
        there = sum(m == modality for m, _ in arrived)
        wanted = [r for r in rules if r.modality == modality]
        found = [r for r in wanted if r.label in matches]
        assert len(found) == min(there, len(wanted))
        assert sum(r.required for r in found) == min(there, sum(r.required for r in wanted))
    assert len({item.key for item in matches.values()}) == len(matches)
