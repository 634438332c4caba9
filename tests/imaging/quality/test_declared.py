"""What a site is asked to declare, and what stands in the way of its signature."""

from __future__ import annotations

import datetime as dt

import pytest

from imaging.quality.declared import CONTRAST, REMARKS, SCAN, TRACER, parts_for, problems

TODAY = dt.date(2026, 3, 2)
SCANNED = {
    "acquired_on": dt.date(2026, 1, 5),
    "acquired_until": None,
    "scanner": "CT 2",
    "images_complete": True,
    "incomplete_reason": "",
}
NO_CONTRAST = {"contrast_given": False, "contrast_agent": "", "contrast_volume_ml": None, "contrast_delay_s": None}
TRACED = {
    "tracer": "FDG",
    "radionuclide": "F-18",
    "injected_dose_mbq": 312,
    "injected_at": dt.time(9, 5),
    "uptake_minutes": 60,
    "glucose_mmol_l": None,
}


@pytest.mark.parametrize(
    ("modalities", "asked"),
    [
        ({"CT"}, [SCAN, CONTRAST, REMARKS]),
        ({"PT"}, [SCAN, TRACER, REMARKS]),
        ({"CT", "PT"}, [SCAN, CONTRAST, TRACER, REMARKS]),
        ({"DX"}, [SCAN, REMARKS]),
    ],
)
def test_the_modalities_of_the_charter_say_what_is_asked(modalities, asked):
    assert list(parts_for(modalities).values()) == asked


@pytest.mark.parametrize(
    "values",
    [
        SCANNED | NO_CONTRAST,
        SCANNED | TRACED,
        SCANNED | {"acquired_until": dt.date(2026, 1, 6)},
        SCANNED | {"acquired_on": TODAY},
        SCANNED | {"images_complete": False, "incomplete_reason": "The patient had to leave."},
        SCANNED
        | {"contrast_given": True, "contrast_agent": "Iohexol", "contrast_volume_ml": 90, "contrast_delay_s": 0},
    ],
)
def test_what_is_whole_may_be_signed(values):
    assert problems(values, today=TODAY) == {}


@pytest.mark.parametrize(
    ("values", "where"),
    [
        (SCANNED | {"acquired_on": None}, ["acquired_on"]),
        (SCANNED | {"acquired_on": dt.date(2026, 3, 3)}, ["acquired_on"]),
        (SCANNED | {"acquired_until": dt.date(2026, 1, 4)}, ["acquired_until"]),
        (SCANNED | {"acquired_until": dt.date(2026, 3, 3)}, ["acquired_until"]),
        (SCANNED | {"scanner": "", "images_complete": None}, ["scanner", "images_complete"]),
        (SCANNED | {"images_complete": False}, ["incomplete_reason"]),
        (SCANNED | NO_CONTRAST | {"contrast_given": None}, ["contrast_given"]),
        (SCANNED | NO_CONTRAST | {"contrast_given": True}, ["contrast_agent", "contrast_volume_ml"]),
        (SCANNED | NO_CONTRAST | {"contrast_agent": "Iohexol"}, ["contrast_agent"]),
        (
            SCANNED | NO_CONTRAST | {"contrast_volume_ml": 90, "contrast_delay_s": 0},
            ["contrast_volume_ml", "contrast_delay_s"],
        ),
        (
            SCANNED | dict.fromkeys(TRACED),
            ["tracer", "radionuclide", "injected_dose_mbq", "injected_at", "uptake_minutes"],
        ),
    ],
)
def test_what_is_missing_or_contradictory_is_said_at_its_field(values, where):
    found = problems(values, today=TODAY)
    assert list(found) == where
    assert all(sentence.endswith(".") for sentence in found.values())
