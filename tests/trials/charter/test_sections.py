"""The charter's terms: what parses, and how each contradiction is named."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.charter import RECIST_TEMPLATE, Charter, CharterInvalid, read

pytestmark = pytest.mark.requirement("REQ-CHA-003")

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


def recipe_with(device: dict) -> dict[str, object]:
    return {"identifier": "x", "version": "1", "pixel_regions": [{"name": "sono-1", "reason": "A banner.", **device}]}


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


def codes(*ranges: tuple[str, int, int], form: str = "{site}-{number:3}") -> dict[str, object]:
    named = [{"site": site, "first": first, "last": last} for site, first, last in ranges]
    return {"subjects": {"code_format": form, "code_ranges": named}}


CONTRADICTIONS = [
    (
        {"schedule": [{**visit(), "at_screening": True}]},
        "schedule[1].at_screening: subjects are not screened by this charter",
    ),
    (
        {"schedule": [visit(), {**visit("W8", 57), "at_screening": True}], "subjects": {"screening": True}},
        "schedule[2].at_screening: visits of screening come before all others",
    ),
    (
        {"subjects": {"screening_format": "S{number:3}"}},
        "subjects.screening_format: subjects are not screened by this charter",
    ),
    (
        {"rereads": {"percent": 10}, "blinded_to": ["site", "dates"]},
        "rereads.percent: readers who are told the subject know a case that comes again",
    ),
    (
        {"rereads": {"percent": 10}, "reads": {"global_review": True}},
        "rereads.percent: a case that comes again is not gone over at the end, and readers would know it by that",
    ),
    (
        {"adjudication": {"by": "timepoint", "resolved_by": "consensus"}},
        "adjudication.resolved_by: readers who meet over one timepoint would know each other's reads when they read "
        "the next",
    ),
    (
        codes(form="{number}"),
        "subjects.code_format: capitals, digits, hyphens, {site}, and once {number:3} or another count of digits is "
        "expected",
    ),
    (codes(("101", 1, 9), form=""), "subjects.code_format: with numbers of each site, a form of the code is needed"),
    (codes(("101", 5, 4)), "subjects.code_ranges[1].last: it is below the first number, 5"),
    (codes(("101", 1, 1000)), "subjects.code_ranges[1].last: it has more than 3 digits"),
    (codes(("101", 1, 9), ("101", 10, 19)), "subjects.code_ranges[2].site: another range of numbers has the same"),
    (
        codes(("101", 1, 9), form="A-LONG-NAME-{site}-{number:5}"),
        "subjects.code_ranges[1].last: codes such as A-LONG-NAME-101-00001 have more than 20 letters and digits",
    ),
    (
        codes(("101", 50, 99), ("102", 1, 50), form="{number:3}"),
        "subjects.code_ranges[1].first: 102 gives some of these numbers too, and the code does not say the site",
    ),
    ({"criteria": ""}, "criteria: this is missing"),
    ({"criteria": 3}, "criteria: a text is expected"),
    ({"criteria": "a\u0000b"}, "criteria: only letters and signs that can be printed on one line"),
    ({"criteria": "x" * 61}, "criteria: 60 characters are the most"),
    ({"modalities": "CT"}, "modalities: a list is expected"),
    ({"modalities": ["CT", "ct"]}, "modalities: the list names something twice"),
    ({"modalities": ["C T"]}, "modalities[1]: a DICOM code in capitals, such as CT, MR or PT, is expected"),
    ({"query_due_days": -1}, "query_due_days: a whole number from 0 to 365 is expected"),
    ({"query_due_days": True}, "query_due_days: a whole number from 0 to 365 is expected"),
    ({"query_due_days": "7"}, "query_due_days: a whole number from 0 to 365 is expected"),
    ({"criteria_parameters": []}, "criteria_parameters: entries with names are expected"),
    (
        {"criteria_parameters": {"x": object()}},
        "criteria_parameters.x: texts, numbers, true, false, lists and named entries only",
    ),
    ({"schedule": {}}, "schedule: a list is expected"),
    ({"schedule": []}, "schedule: at least one visit is needed"),
    ({"schedule": [visit("V", day) for day in range(61)]}, "schedule: 60 rows are the most"),
    ({"schedule": [{"code": "BL"}]}, "schedule[1].name: this is missing"),
    ({"schedule": [visit(), visit("W8", "soon")]}, "schedule[2].day: a whole number from -7300 to 7300 is expected"),
    ({"schedule": [visit(day=float("inf"))]}, "schedule[1].day: a whole number from -7300 to 7300 is expected"),
    ({"schedule": [visit(), visit(day=50)]}, "schedule[2].code: another visit has the same"),
    ({"schedule": [visit("W8", 57), visit("BL", -7)]}, "schedule[2].day: visits must be in the order of their days"),
    ({"schedule": [visit("BL", 1, 0, 7), visit("W1", 15, 7)]}, "schedule[2]: the windows of BL and W1 overlap"),
    (
        {"schedule": [visit(), visit("A1", 15, 7, 7) | {"arms": ["A"]}, visit("W3", 22, 0, 7)]},
        "schedule[3]: the windows of A1 and W3 overlap",
    ),
    (
        {"schedule": [visit("AB", 1, 0, 9) | {"arms": ["A", "B"]}, visit("BC", 8) | {"arms": ["B", "C"]}]},
        "schedule[2]: the windows of AB and BC overlap",
    ),
    (
        {"schedule": [visit() | {"at_screening": True, "arms": ["A"]}], "subjects": {"screening": True}},
        "schedule[1].at_screening: nobody has an arm before enrolment, so all are scanned",
    ),
    (
        {"sealed": "0" * 64},
        "sealed: this charter was given out without its arms; take the trial administrator's own file",
    ),
    ({"schedule": [visit(before=-1)]}, "schedule[1].window_before: a whole number from 0 to 7300 is expected"),
    ({"schedule": [visit("")]}, "schedule[1].code: this is missing"),
    ({"schedule": [visit(name="x" * 61)]}, "schedule[1].name: 60 characters are the most"),
    ({"schedule": [{**visit(), "window": 3}]}, "schedule[1].window: nothing is known by this name; remove it"),
    ({"series": []}, "series: at least one required series is needed"),
    ({"series": [series(required=False)]}, "series: at least one required series is needed"),
    ({"series": [series(required="yes")]}, "series[1].required: true or false is expected"),
    ({"series": ["chest"]}, "series[1]: entries with names are expected"),
    ({"series": [series(), series()]}, "series[2].label: another series has the same"),
    ({"series": [series(), series("MR", modality="MR")]}, "series[2].modality: MR is not among the modalities"),
    (
        {"series": [series(orientation="oblique")]},
        "series[1].orientation: “oblique” is unknown; choose axial or coronal or sagittal",
    ),
    ({"series": [series(max_gap_mm="wide")]}, "series[1].max_gap_mm: a number from 0 is expected"),
    ({"series": [series(max_gap_mm=float("nan"))]}, "series[1].max_gap_mm: a number from 0 is expected"),
    ({"series": [series(min_instances=2.5)]}, "series[1].min_instances: a whole number from 1 is expected"),
    ({"series": [series(b_values=[0, -50])]}, "series[1].b_values[2]: a number from 0 is expected"),
    (
        {"series": [series(max_gapmm=1)]},
        "series[1].max_gapmm: nothing is known by this name; “max_gap_mm” is meant, perhaps",
    ),
    ({"series": [series(min_kvp=140, max_kvp=100)]}, "series[1].max_kvp: it is below min_kvp, 140"),
    (
        {"checks": {"kvp_differs": "pass"}},
        "checks.kvp_differs: “pass” is unknown; choose block or warn or info",
    ),
    ({"readers_per_timepoint": 0}, "readers_per_timepoint: a whole number from 1 to 2 is expected"),
    ({"readers_per_timepoint": 3}, "readers_per_timepoint: a whole number from 1 to 2 is expected"),
    ({"adjudication": {"by": "visit"}}, "adjudication.by: “visit” is unknown; choose subject or timepoint"),
    ({"adjudication": {"triggers": 5}}, "adjudication.triggers: a list is expected"),
    (
        {"adjudication": {"date_window_days": "few"}},
        "adjudication.date_window_days: a whole number from 0 to 7300 is expected",
    ),
    (
        {"blinded_to": ["weather"]},
        "blinded_to[1]: “weather” is unknown; choose site or subject or dates or arm",
    ),
    ({"window_presets": []}, "window_presets: at least one display window is needed"),
    (
        {"window_presets": [{"name": "Flat", "centre": 40, "width": 0}]},
        "window_presets[1].width: a number above 0 is expected",
    ),
    ({"deidentification": {}}, "deidentification.identifier: this is missing"),
    (
        {"deidentification": {"identifier": "x", "version": "1", "options": "all"}},
        "deidentification.options: a list is expected",
    ),
    (
        {"deidentification": recipe_with({"regions": "banner"})},
        "deidentification.pixel_regions[1].regions: a list of rectangles, or “outside ultrasound regions”, is expected",
    ),
    (
        {"deidentification": recipe_with({"regions": [[0, 0, 64, 8], [0, 0, 64]]})},
        "deidentification.pixel_regions[1].regions[2]: left, top, right and bottom are expected",
    ),
    (
        {"deidentification": recipe_with({"regions": [[0, 0, 64.5, 8]]})},
        "deidentification.pixel_regions[1].regions[1]: a whole number from 0 to 65535 is expected",
    ),
    ({"notes": {"weather": "fine"}}, "notes.weather: nothing is known by this name; remove it"),
    ({"colour": "green"}, "colour: nothing is known by this name; remove it"),
]


@pytest.mark.parametrize(
    ("change", "sentence"), CONTRADICTIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_contradiction_is_named_with_its_place(change, sentence):
    assert sentence in problems_of(template(**change))


def test_every_problem_is_named_not_only_the_first_in_the_order_of_the_sections():
    found = problems_of(template(window_presets=[], readers_per_timepoint=9, criteria="", purpose=1))
    assert found == [
        "purpose: a text is expected",
        "criteria: this is missing",
        "readers_per_timepoint: a whole number from 1 to 2 is expected",
        "window_presets: at least one display window is needed",
    ]


def test_a_rule_across_sections_is_silent_where_a_section_cannot_be_read():
    assert problems_of(template(modalities="CT")) == ["modalities: a list is expected"]


def test_what_a_charter_says_is_stored_in_the_order_of_its_declaration():
    backwards = {name: RECIST_TEMPLATE[name] for name in reversed(RECIST_TEMPLATE)}
    stored = Charter.parse(backwards).content()
    assert stored == dict(RECIST_TEMPLATE)
    assert list(stored) == list(RECIST_TEMPLATE)
    assert Charter.parse(stored) == Charter.parse(RECIST_TEMPLATE)


def test_names_that_another_room_gives_meaning_to_are_kept():
    recipe = {**RECIST_TEMPLATE["deidentification"], "zebra": {"b": 1, "a": [2]}}
    charter = Charter.parse(template(deidentification=recipe, criteria_parameters={"b": 2, "a": 1}))
    assert charter.deidentification == recipe
    assert list(charter.content()["deidentification"]) == ["identifier", "version", "options", "pixels", "zebra"]
    assert list(charter.content()["criteria_parameters"]) == ["a", "b"]


# --- charters of earlier days


EARLIER = [
    {"colour": "green"},
    {
        "series": [
            series(kvp=[80, 140], max_gap_mm="0.5", b_values="0, 50,800", kernels="b30f, STND", min_instances=30.0)
        ]
    },
    {"schedule": [visit(day="1", before="2", after="3")]},
    {"window_presets": [{"name": 3, "centre": "40", "width": "400"}]},
    {"notes": {"weather": "fine"}, "purpose": 5, "query_due_days": 400, "modalities": ["ct"]},
    {"deidentification": {"identifier": "x" * 80, "other": 1}},
]


@pytest.mark.parametrize("sections", EARLIER, ids=lambda sections: ", ".join(sections))
def test_a_charter_that_was_accepted_once_is_still_read(sections):
    content = template(**sections)
    before = copy.deepcopy(content)
    assert Charter.stored(content)
    assert content == before
    assert problems_of(content)


def test_values_of_an_earlier_charter_have_their_kinds():
    earlier = Charter.stored(template(**EARLIER[1]))
    (found,) = earlier.series
    assert (found.max_gap_mm, found.b_values, found.kernels) == (0.5, (0, 50, 800), ("B30F", "STND"))
    assert (found.min_instances, found.spacing_tolerance) == (30, 0.1)


def test_an_earlier_charter_whose_value_has_no_such_kind_is_refused():
    with pytest.raises(CharterInvalid, match=r"schedule\[1\].day: a whole number"):
        Charter.stored(template(schedule=[visit(day="soon")]))


def test_windows_that_touch_without_sharing_a_day_are_fine():
    charter = Charter.parse(template(schedule=[visit("BL", 1, 0, 7), visit("W1", 15, 6)]))
    assert [v.code for v in charter.schedule] == ["BL", "W1"]


@given(JSON)
def test_whatever_is_sent_is_a_charter_or_refused_by_name(content):
    assert problems_of(content)


@given(name=st.sampled_from(sorted(RECIST_TEMPLATE)), value=JSON)
def test_whatever_a_section_holds_is_read_or_refused_by_name(name, value):
    charter, problems = read(template(**{name: value}))
    assert problems or Charter.parse(charter.content()) == charter


def test_visits_of_different_arms_may_overlap_and_each_arm_has_its_own():
    visits = [
        visit(),
        visit("A1", 15, 7, 7) | {"arms": ["A"]},
        visit("B1", 15, 7, 7) | {"arms": ["B"]},
        visit("W9", 64),
    ]
    charter = Charter.parse(template(schedule=visits))
    assert [[one.code for one in charter.visits_for(arm)] for arm in ("A", "B", "C", "")] == [
        ["BL", "A1", "W9"],
        ["BL", "B1", "W9"],
        ["BL", "W9"],
        ["BL", "W9"],
    ]
    assert charter.content()["schedule"][1]["arms"] == ["A"]
