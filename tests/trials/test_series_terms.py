"""What a charter asks of a series is read from plain values, or refused with the reason."""

from __future__ import annotations

from dataclasses import fields

import pytest

from trials.series_terms import TERMS, SeriesTerms


def test_terms_are_read_from_plain_values():
    terms = SeriesTerms.parse(
        {"label": " Chest ", "modality": "CT", "max_slice_thickness_mm": "5", "min_instances": 30, "max_gap_mm": None}
    )
    assert terms == SeriesTerms("Chest", "CT", max_slice_thickness_mm=5.0, min_instances=30)


def test_lists_may_be_typed_with_commas():
    row = {"label": "DWI", "modality": "MR", "b_values": "0, 50,800", "patient_positions": ["hfs"], "kernels": ""}
    terms = SeriesTerms.parse(row)
    assert (terms.b_values, terms.patient_positions, terms.kernels) == ((0, 50, 800), ("HFS",), ())


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, None),
        ({"orientation": "upright"}, "orientation upright is unknown"),
        ({"contrast": "venous"}, "contrast venous is unknown"),
        ({"max_slice_thickness_mm": -1}, "max_slice_thickness_mm is a number from 0"),
        ({"max_gap_mm": float("nan")}, "max_gap_mm is a number from 0"),
        ({"field_strengths_t": [1.5, -3]}, "field_strengths_t is a number from 0"),
        ({"min_instances": 0}, "min_instances is a number from 1"),
        ({"min_kvp": 140, "max_kvp": 100}, "min_kvp is larger than max_kvp"),
        ({"min_kvp": 100, "max_kvp": 140}, None),
    ],
)
def test_what_cannot_be_checked_is_said(values, problem):
    terms = SeriesTerms.parse({"label": "Chest", "modality": "CT", **values})
    assert terms.problems() == ([problem] if problem else [])


@pytest.mark.parametrize(
    "values",
    [
        {"modality": "CT"},
        {"label": "Chest"},
        {"label": "Chest", "modality": "CT", "max_slice_thickness_mm": "thin"},
        {"label": "Chest", "modality": "CT", "min_instances": 2.5},
        {"label": "Chest", "modality": "CT", "kernels": 5},
        {"label": "Chest", "modality": "CT", "b_values": ["high"]},
    ],
)
def test_values_of_another_kind_are_refused(values):
    with pytest.raises((KeyError, TypeError, ValueError)):
        SeriesTerms.parse(values)


def test_every_item_is_explained():
    assert list(TERMS) == [one.name for one in fields(SeriesTerms)]
    assert all(term.label and term.section for term in TERMS.values())
