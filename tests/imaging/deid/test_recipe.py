"""Recipes: what the charter may ask, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from imaging.deid.recipe import OPTIONS, InvalidRecipe, Recipe
from trials.charter import RECIST_TEMPLATE

pytestmark = pytest.mark.requirement("REQ-DEI-001")

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
        (0x00080020, ["retain_longitudinal_full_dates"], "K"),
        (0x00101010, ["retain_patient_characteristics"], "K"),  # Patient's Age
        (0x00102110, ["retain_patient_characteristics"], "C"),  # Allergies
        (0x0008103E, ["clean_descriptors"], "C"),  # Series Description
        (0x00080080, ["retain_institution_identity"], "K"),  # Institution Name
        (0x00080018, ["retain_uids"], "K"),  # SOP Instance UID
        (0x0040A730, ["clean_structured_content"], "C"),  # Content Sequence
        (0x00700001, ["clean_graphics"], "C"),  # Graphic Annotation Sequence
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
        ({"options": ["clean_recognizable_visual_features"]}, "belong together"),
        ({"faces": "mask"}, "belong together"),
        ({"faces": "blur"}, "choose keep, mask or review"),
        ({"options": ["retain_longitudinal_modified_dates", "retain_longitudinal_full_dates"]}, "full dates and for"),
        ({"options": "retain_device_identity"}, "list"),
        ({"options": None}, "list"),
        ({"dates": "removed"}, "contradicts"),
        ({"dates": "kept"}, "contradicts"),
        ({"pixels": "as they are"}, "pixels"),
        ({"rules": [rule(attribute="NoSuchThing")]}, "NoSuchThing"),
        ({"rules": [rule(action="C")]}, "choose X, Z or K"),
        ({"rules": [rule(reason=" ")]}, "reason"),
        ({"pixels": "blank"}, "without the option clean_pixel_data"),
        ({"options": ["clean_pixel_data"]}, "needs pixels: blank"),
        ({"rules": [rule(attribute="(0019,100C)")]}, "no attribute"),
        ({"rules": [rule(attribute="(0018,xx0C) MAKER")]}, "no attribute"),
        ({"rules": [rule(attribute="(0019,xx0C) MAKER", action="Z")]}, "choose X or K"),
        ({"rules": [rule(attribute="(0029,xx10) SIEMENS CSA HEADER")]}, "no number"),
        ({"rules": [rule(attribute="(0008,103E)"), rule(action="Z")]}, "two rules"),
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


def test_every_option_has_the_code_of_cid_7050() -> None:
    codes = {
        code: meaning
        for name in OPTIONS
        for code, _, meaning in Recipe.parse(
            {
                **GOOD,
                "options": [name],
                "rules": [],
                "pixels": "blank" if name == "clean_pixel_data" else "hold",
                "faces": "mask" if name == "clean_recognizable_visual_features" else "keep",
            }
        ).codes()
    }
    assert codes == {
        "113100": "Basic Application Confidentiality Profile",
        "113101": "Clean Pixel Data Option",
        "113102": "Clean Recognizable Visual Features Option",
        "113103": "Clean Graphics Option",
        "113104": "Clean Structured Content Option",
        "113105": "Clean Descriptors Option",
        "113106": "Retain Longitudinal Temporal Information Full Dates Option",
        "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
        "113108": "Retain Patient Characteristics Option",
        "113109": "Retain Device Identity Option",
        "113110": "Retain UIDs Option",
        "113111": "Retain Safe Private Option",
        "113112": "Retain Institution Identity Option",
    }


def test_a_rule_names_its_attribute_by_keyword_tag_or_creator() -> None:
    (by_keyword,) = Recipe.parse({**GOOD, "rules": [rule()]}).rules
    (by_tag,) = Recipe.parse({**GOOD, "rules": [rule(attribute="(0008,103e)")]}).rules
    assert by_keyword.tag == by_tag.tag == 0x0008103E

    private = Recipe.parse({**GOOD, "rules": [rule(attribute="(0019,xx0C) SIEMENS MR HEADER")]})
    assert private.private == {("SIEMENS MR HEADER", 0x0019, 0x0C): ("", "1-n")}
    safe = {**GOOD, "options": ["retain_safe_private"]}
    assert ("SIEMENS MR HEADER", 0x0019, 0x0C) in Recipe.parse(safe).private
    without = Recipe.parse({**safe, "rules": [rule(attribute="(0019,xx0C) SIEMENS MR HEADER", action="X")]})
    assert ("SIEMENS MR HEADER", 0x0019, 0x0C) not in without.private


def test_the_standard_recipe_for_trials() -> None:
    recipe = Recipe.standard("trial-default")
    assert (recipe.identifier, recipe.dates, recipe.pixels) == ("trial-default", "shifted", "blank")
    assert recipe.options == {
        "clean_descriptors",
        "clean_graphics",
        "clean_pixel_data",
        "clean_structured_content",
        "retain_longitudinal_modified_dates",
        "retain_patient_characteristics",
        "retain_safe_private",
    }
    with pytest.raises(KeyError):
        Recipe.standard("../recipes/trial-default")


def test_a_new_trial_starts_from_the_standard_recipe() -> None:
    assert Recipe.parse(RECIST_TEMPLATE["deidentification"]) == Recipe.standard("trial-default")
