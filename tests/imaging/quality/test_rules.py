"""Rules and windows are read from a charter, or refused with the reason."""

from __future__ import annotations

import pytest

from imaging.quality import InvalidSeriesRule, SeriesRule, VisitWindow


def test_a_rule_is_read_from_plain_values():
    rule = SeriesRule.parse(
        {"label": " Chest ", "modality": "ct", "max_slice_thickness_mm": "5", "min_instances": 30, "max_gap_mm": None}
    )
    assert rule == SeriesRule("Chest", "CT", max_slice_thickness_mm=5.0, min_instances=30)


@pytest.mark.parametrize(
    "values",
    [
        {"modality": "CT"},
        {"label": "Chest"},
        {"label": "Chest", "modality": "CT", "slice_thicknes": 5},
        {"label": "Chest", "modality": "CT", "orientation": "upright"},
        {"label": "Chest", "modality": "CT", "max_slice_thickness_mm": -1},
        {"label": "Chest", "modality": "CT", "max_slice_thickness_mm": "thin"},
        {"label": "Chest", "modality": "CT", "max_gap_mm": float("nan")},
        {"label": "Chest", "modality": "CT", "min_instances": 0},
        {"label": "Chest", "modality": "CT", "min_instances": 2.5},
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused(values):
    with pytest.raises(InvalidSeriesRule):
        SeriesRule.parse(values)


def test_a_window_is_read_from_plain_values():
    assert VisitWindow.parse({"day_from": "50", "day_to": 64}) == VisitWindow(50, 64)


@pytest.mark.parametrize("values", [{}, {"day_from": 1}, {"day_from": 5, "day_to": 4}, {"day_from": "x", "day_to": 1}])
def test_a_window_without_meaning_is_refused(values):
    with pytest.raises(InvalidSeriesRule):
        VisitWindow.parse(values)
