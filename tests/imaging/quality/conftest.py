"""A series as the charter wants it, to be changed by each test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imaging.quality import SeriesFacts
from trials.series_terms import SeriesTerms


@pytest.fixture
def facts() -> Callable[..., SeriesFacts]:
    """40 axial slices of 5 mm without a gap, on study day 57."""

    def make(key: str = "1.2.1", **changes: Any) -> SeriesFacts:
        values: dict[str, Any] = {
            "key": key,
            "modality": "CT",
            "orientation": "axial",
            "slice_thickness_mm": 5.0,
            "positions_mm": tuple(5.0 * n for n in range(40)),
            "spacing_mm": (5.0,) * 39,
            "n_instances": 40,
            "n_slices": 40,
            "study_day": 57,
            "patient_position": "HFS",
        }
        return SeriesFacts(**{**values, **changes})

    return make


@pytest.fixture
def rule() -> Callable[..., SeriesTerms]:
    """Axial CT of at most 5 mm, contiguous, at least 30 slices."""

    def make(label: str = "Chest", **changes: Any) -> SeriesTerms:
        values: dict[str, Any] = {
            "label": label,
            "modality": "CT",
            "orientation": "axial",
            "max_slice_thickness_mm": 5.0,
            "max_gap_mm": 0.5,
            "min_instances": 30,
        }
        return SeriesTerms(**{**values, **changes})

    return make
