"""What a charter may ask of a series: each item is explained, and says its value in words."""

from __future__ import annotations

from trials.series_terms import SeriesTerms
from trials.terms.records import Term, said, store_record


def test_every_item_is_explained():
    assert all(one.title and one.part for one in Term.of(SeriesTerms))


def test_an_item_has_one_place_in_words_and_in_storage():
    series = SeriesTerms("DWI", "MR", contrast="none", b_values=(0.0, 50.0, 800.0), max_gap_mm=0.5, min_instances=1)
    assert said(series) == [
        ("Series", "DWI"),
        ("Modality", "MR"),
        ("Required", "yes"),
        ("Gap at most", "0.5 mm"),
        ("Spacing tolerance", "0.1"),
        ("Number of images at least", "1 image"),
        ("Contrast", "without contrast agent"),
        ("b-values", "0 s/mm², 50 s/mm², 800 s/mm²"),
    ]
    assert store_record(series) == {
        "label": "DWI",
        "modality": "MR",
        "required": True,
        "max_gap_mm": 0.5,
        "spacing_tolerance": 0.1,
        "min_instances": 1,
        "contrast": "none",
        "b_values": [0, 50, 800],
    }
