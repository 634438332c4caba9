"""What a site declares against what its images say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from imaging.quality.declared import contradicted, told_by_headers

SCANNED = dt.date(2026, 1, 5)


def test_headers_tell_what_they_know_and_leave_out_the_rest():
    series = [
        {"tracer": "FDG", "contrast_volume_ml": None},
        {"contrast_volume_ml": 90.04, "injected_dose_mbq": 1e9},
        {},
    ]
    assert told_by_headers(SCANNED, series) == {
        "acquired_on": SCANNED,
        "tracer": "FDG",
        "contrast_volume_ml": Decimal("90.0"),
        "contrast_given": True,
    }
    assert told_by_headers(None, []) == {}


@pytest.mark.parametrize(
    ("declared", "told", "said"),
    [
        ({"acquired_on": SCANNED}, {"acquired_on": SCANNED}, {}),
        (
            {"acquired_on": dt.date(2026, 1, 4)},
            {"acquired_on": SCANNED},
            {"acquired_on": "The images say 5 January 2026."},
        ),
        ({"acquired_on": dt.date(2026, 1, 4), "acquired_until": SCANNED}, {"acquired_on": SCANNED}, {}),
        (
            {"contrast_given": False},
            {"contrast_given": True},
            {"contrast_given": "The images say that contrast was given."},
        ),
        # Contrast is often not written into the header.
        ({"contrast_given": True, "contrast_volume_ml": Decimal(90)}, {}, {}),
        ({"contrast_volume_ml": Decimal("90.5")}, {"contrast_volume_ml": Decimal("90.0")}, {}),
        (
            {"contrast_volume_ml": Decimal(80)},
            {"contrast_volume_ml": Decimal("90.0")},
            {"contrast_volume_ml": "The images say 90.0 mL."},
        ),
        (
            {"injected_dose_mbq": Decimal(312)},
            {"injected_dose_mbq": Decimal("231.0")},
            {"injected_dose_mbq": "The images say 231.0 MBq."},
        ),
        ({"injected_dose_mbq": None, "tracer": ""}, {"injected_dose_mbq": Decimal(231), "tracer": "FDG"}, {}),
    ],
)
def test_a_contradiction_is_said_with_what_the_images_say(declared, told, said):
    assert contradicted(declared, told) == said
