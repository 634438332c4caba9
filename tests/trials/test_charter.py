"""The charter's terms: what parses, and how each contradiction is named."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.charter import RECIST_TEMPLATE, Charter, CharterInvalid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def template(**sections: object) -> dict[str, object]:
    return {**copy.deepcopy(dict(RECIST_TEMPLATE)), **sections}


def visit(code: str = "BL", day: object = 1, before: object = 0, after: object = 0, name: str = "Visit") -> dict:
    return {"code": code, "name": name, "day": day, "window_before": before, "window_after": after}


def series(label: str = "Chest", **values: object) -> dict:
    return {"label": label, "modality": "CT", **values}


def problems_of(content: object) -> list[str]:
    with pytest.raises(CharterInvalid) as refused:
        Charter.parse(content)
    return refused.value.problems


def test_the_template_of_a_new_trial_is_a_charter():
    charter = Charter.parse(RECIST_TEMPLATE)
    assert charter.criteria == "RECIST 1.1"
    assert charter.modalities == ("CT",)
    assert [(v.code, v.day, v.window_before, v.window_after) for v in charter.schedule] == [
        ("BL", -7, 21, 7),
        ("W8", 57, 7, 7),
        ("W16", 113, 7, 7),
    ]
    assert (charter.series[0].max_slice_thickness_mm, charter.series[0].min_instances) == (5.0, 30)
    assert charter.readers_per_timepoint == 2
    assert charter.adjudication.by == "subject"
    assert charter.blinded_to == ("site", "subject", "dates", "arm")
    assert charter.query_due_days == 7


def test_the_terms_survive_storage():
    assert Charter.parse(json.loads(json.dumps(RECIST_TEMPLATE))) == Charter.parse(RECIST_TEMPLATE)


def test_what_a_charter_leaves_out_has_its_default():
    charter = Charter.parse({k: v for k, v in RECIST_TEMPLATE.items() if k not in ("adjudication", "query_due_days")})
    assert charter.adjudication.triggers == ("best_overall_response", "progression_date")
    assert charter.query_due_days == 7


CONTRADICTIONS = [
    ({"criteria": ""}, "criteria: a text is missing"),
    ({"criteria": 3}, "criteria: a text is missing"),
    ({"modalities": "CT"}, "modalities: a list of texts is expected"),
    ({"query_due_days": -1}, "query_due_days: a whole number is expected"),
    ({"query_due_days": True}, "query_due_days: a whole number is expected"),
    ({"criteria_parameters": []}, "criteria_parameters: a section with named entries is expected"),
    ({"schedule": {}}, "schedule: a list is expected"),
    ({"schedule": []}, "schedule: at least one visit is needed"),
    ({"schedule": [{"code": "BL"}]}, "schedule, row 1: “name” is missing"),
    ({"schedule": [visit(), visit("W8", "soon")]}, "schedule, row 2: a value has the wrong kind"),
    ({"schedule": [visit(day=float("inf"))]}, "schedule, row 1: a value has the wrong kind"),
    ({"schedule": [visit(), visit(day=50)]}, "schedule: two visits have the same code"),
    ({"schedule": [visit("W8", 57), visit("BL", -7)]}, "schedule: visits must be in the order of their days"),
    ({"schedule": [visit("BL", 1, 0, 7), visit("W1", 15, 7)]}, "schedule: the windows of BL and W1 overlap"),
    ({"schedule": [visit(day=7301)]}, "schedule: BL is more than 7300 days from day 1"),
    ({"schedule": [visit(before=-1)]}, "schedule: the window of BL has days before and after, 0 or more"),
    ({"schedule": [visit("")]}, "schedule: a visit's code has 1 to 12 characters and its name 1 to 60"),
    ({"schedule": [visit(name="x" * 61)]}, "schedule: a visit's code has 1 to 12 characters and its name 1 to 60"),
    ({"series": []}, "series: at least one required series is needed"),
    ({"series": [series(required=False)]}, "series: at least one required series is needed"),
    ({"series": ["chest"]}, "series, row 1: a value has the wrong kind"),
    ({"series": [series(), series()]}, "series: two series have the same label"),
    ({"series": [series("x" * 81)]}, "series: a label has 1 to 80 characters"),
    ({"series": [series(), series("MR", modality="MR")]}, "series MR: modality MR is not among the modalities"),
    ({"series": [series(orientation="oblique")]}, "series Chest: orientation oblique is unknown"),
    ({"series": [series(max_gap_mm="wide")]}, "series, row 1: a value has the wrong kind"),
    ({"series": [series(min_instances=2.5)]}, "series, row 1: a value has the wrong kind"),
    ({"checks": {"kvp_differs": "pass"}}, "checks: kvp_differs is block, warn or info"),
    ({"readers_per_timepoint": 0}, "readers_per_timepoint: 1 or 2 readers can be planned"),
    ({"readers_per_timepoint": 3}, "readers_per_timepoint: 1 or 2 readers can be planned"),
    ({"adjudication": {"by": "visit"}}, "adjudication: “by” is subject or timepoint"),
    ({"adjudication": {"triggers": ["mood"]}}, "adjudication: trigger mood is unknown"),
    ({"adjudication": {"triggers": 5}}, "adjudication: a value has the wrong kind"),
    ({"adjudication": {"date_window_days": "few"}}, "adjudication: a value has the wrong kind"),
    ({"blinded_to": ["weather"]}, "blinded_to: weather is unknown"),
    ({"window_presets": []}, "window_presets: at least one display window is needed"),
    ({"window_presets": [{"name": "Flat", "centre": 40, "width": 0}]}, "window_presets: Flat has no width"),
    ({"deidentification": {}}, "deidentification: a recipe is needed; without one nothing enters the archive"),
]


@pytest.mark.parametrize(
    ("change", "sentence"), CONTRADICTIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_contradiction_is_named_with_its_place(change, sentence):
    assert sentence in problems_of(template(**change))


def test_every_problem_is_named_not_only_the_first():
    found = problems_of(template(criteria="", window_presets=[], readers_per_timepoint=9))
    assert found == [
        "criteria: a text is missing",
        "readers_per_timepoint: 1 or 2 readers can be planned",
        "window_presets: at least one display window is needed",
    ]


def test_windows_that_touch_without_sharing_a_day_are_fine():
    charter = Charter.parse(template(schedule=[visit("BL", 1, 0, 7), visit("W1", 15, 6)]))
    assert [v.code for v in charter.schedule] == ["BL", "W1"]


@given(JSON)
def test_whatever_is_sent_is_a_charter_or_refused_by_name(content):
    assert problems_of(content)


@given(name=st.sampled_from(sorted(RECIST_TEMPLATE)), value=JSON)
def test_whatever_a_section_holds_is_read_or_refused_by_name(name, value):
    try:
        Charter.parse(template(**{name: value}))
    except CharterInvalid as refused:
        assert refused.problems  # noqa: PT017 - either outcome is right, and no other
