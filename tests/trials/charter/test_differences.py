"""What differs between two charters is said in the charter's words, and nothing else is."""

from __future__ import annotations

import pytest

from tests.trials.charter.test_sections import template, visit
from trials.charter import RECIST_TEMPLATE, Charter
from trials.charter.differences import differences

CT = RECIST_TEMPLATE["series"][0]
BASELINE, WEEK_8, WEEK_16 = RECIST_TEMPLATE["schedule"]
SOFT, *OTHERS = RECIST_TEMPLATE["window_presets"]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({}, []),
        ({"purpose": ""}, [f"Purpose · Purpose: {RECIST_TEMPLATE['purpose']} → not said"]),
        (
            {"series": [{**CT, "max_slice_thickness_mm": 1.25, "contrast": "portal_venous"}]},
            [
                f"Images to acquire · series {CT['label']}, slice thickness at most: 5 mm → 1.25 mm",
                f"Images to acquire · series {CT['label']}, contrast: not said → portal venous phase",
            ],
        ),
        (
            {"schedule": [BASELINE, {**WEEK_8, "window_after": 1}, visit("W12", 85, 7, 7, "Week 12")]},
            [
                "Visits · visit W8, days after: 7 days → 1 day",
                "Visits · visit W16: code: W16, visit: Week 16, study day: 113, days before: 7 days, days after: 7 days"
                ", at screening: no → removed",
                "Visits · visit W12: not said → code: W12, visit: Week 12, study day: 85, days before: 7 days,"
                " days after: 7 days, at screening: no",
            ],
        ),
        (
            {"window_presets": [*OTHERS, SOFT]},
            ["Display · Display windows, order: Soft tissue, Lung, Liver, Bone → Lung, Liver, Bone, Soft tissue"],
        ),
        (
            {"adjudication": {**RECIST_TEMPLATE["adjudication"], "date_window_days": 14}},
            ["Reading · Adjudication, dates agree within: 0 days → 14 days"],
        ),
        (
            {"deidentification": {**RECIST_TEMPLATE["deidentification"], "pixels": "review", "extra": [1]}},
            [
                "De-identification and originals · De-identification, text in pixels: text is looked for and blanked →"
                " text is looked for, and a person settles what is blanked",
                "De-identification and originals · De-identification, extra: not said → 1",
            ],
        ),
        (
            {"checks": {"kvp_differs": "block"}, "criteria_parameters": {"confirmation_required": True}},
            [
                "Checks and queries · Findings graver or milder than usual, kvp differs: not said →"
                " blocks the timepoint",
                "Reading · Parameters of the criteria, confirmation required: not said → yes",
            ],
        ),
        (
            {
                "retention": {"originals": {"after_days": 90}},
                "notes": {**RECIST_TEMPLATE["notes"], "archive": "25 years"},
            },
            [
                "De-identification and originals · Originals in quarantine: are kept → leave 90 days after QC has"
                " cleared their timepoint",
                "Agreed in words · Notes, lock and archive: not said → 25 years",
            ],
        ),
    ],
)
def test_a_difference_is_said_in_the_words_of_the_charter(sections, said):
    before, after = Charter.parse(RECIST_TEMPLATE), Charter.parse(template(**sections))
    assert list(map(str, differences(before, after))) == said
    assert len(differences(after, before)) == len(said)
