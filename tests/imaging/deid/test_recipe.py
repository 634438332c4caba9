"""Recipes: what the charter may ask, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from imaging.deid.recipe import InvalidRecipe, Recipe

GOOD: dict[str, Any] = {
    "identifier": "trial-basic",
    "version": "1",
    "options": ["retain_longitudinal_modified_dates", "retain_patient_characteristics"],
    "rules": [{"attribute": "ContrastBolusAgent", "action": "K", "reason": "QC compares it with the charter"}],
}


def rule(**values: str) -> dict[str, str]:
    return {"attribute": "SeriesDescription", "action": "K", "reason": "needed", **values}


def test_codes_are_those_of_cid_7050() -> None:
    assert Recipe.parse(GOOD).codes() == (
        ("113100", "DCM", "Basic Application Confidentiality Profile"),
        ("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
        ("113108", "DCM", "Retain Patient Characteristics Option"),
    )


def test_digest_tells_recipes_apart_and_not_their_spelling() -> None:
    assert Recipe.parse(GOOD).digest() == Recipe.parse({**GOOD, "options": GOOD["options"][::-1]}).digest()
    digests = {
        Recipe.parse({**GOOD, **change}).digest()
        for change in ({}, {"version": "2"}, {"options": []}, {"rules": []}, {"identifier": "other"})
    }
    assert len(digests) == 5
    assert all(len(digest) == 64 for digest in digests)


def test_options_decide_on_dates() -> None:
    assert Recipe.parse(GOOD).dates == "shifted"
    assert Recipe.parse({**GOOD, "options": []}).dates == "removed"


@pytest.mark.parametrize(
    ("keyword_tag", "options", "action"),
    [
        (0x00080020, [], "Z"),  # Study Date
        (0x00080020, ["retain_longitudinal_modified_dates"], "C"),
        (0x00100030, ["retain_longitudinal_modified_dates"], "Z"),  # Patient's Birth Date has no option
        (0x00101010, ["retain_patient_characteristics"], "K"),  # Patient's Age
        (0x00102110, ["retain_patient_characteristics"], "X"),  # Allergies: cleaning of text is not available
        (0x00181000, ["retain_device_identity"], "K"),  # Device Serial Number
        (0x00181000, [], "D"),
    ],
)
def test_option_columns_replace_the_basic_action(keyword_tag: int, options: list[str], action: str) -> None:
    assert Recipe.parse({**GOOD, "options": options, "rules": []}).actions[keyword_tag] == action


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"identifier": ""}, "identifier"),
        ({"identifier": "a b"}, "identifier"),
        ({"version": 1}, "version"),
        ({"options": ["retain_everything"]}, "retain_everything"),
        ({"options": ["clean_pixel_data"]}, "clean_pixel_data"),
        ({"options": ["retain_uids", "retain_longitudinal_full_dates"]}, "retain_longitudinal_full_dates, retain_uids"),
        ({"options": "retain_device_identity"}, "list"),
        ({"options": None}, "list"),
        ({"dates": "removed"}, "contradicts"),
        ({"dates": "kept"}, "contradicts"),
        ({"pixels": "as they are"}, "pixels"),
        ({"rules": [rule(attribute="NoSuchThing")]}, "NoSuchThing"),
        ({"rules": [rule(action="C")]}, "choose X, Z or K"),
        ({"rules": [rule(reason=" ")]}, "reason"),
        ({"rules": [rule(attribute="PatientName")]}, "PatientName"),
        ({"rules": [rule(attribute="ReferringPhysicianName")]}, "ReferringPhysicianName"),
        ({"rules": [rule(attribute="StudyInstanceUID")]}, "StudyInstanceUID"),
        ({"rules": [rule(attribute="SOPInstanceUID", action="X")]}, "SOPInstanceUID"),
        ({"rules": [rule(attribute="PixelData", action="X")]}, "PixelData"),
        ({"rules": [rule(attribute="StudyDate")]}, "StudyDate"),
        ({"rules": [rule(), rule(action="Z")]}, "two rules"),
        ({"rules": [{"attribute": "SeriesDescription"}]}, "reason"),
        ({"rules": ["SeriesDescription"]}, "reason"),
        ({"rules": 7}, "list"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRecipe, match=said):
        Recipe.parse({**GOOD, **change})


@pytest.mark.parametrize("content", [{}, [], None, "basic"])
def test_no_recipe_is_no_recipe(content: Any) -> None:
    with pytest.raises(InvalidRecipe):
        Recipe.parse(content)
