"""A recipe that cleans pixels lets pictures pass, without the text that was written into them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from imaging.deid.admission import CannotDeidentify
from imaging.deid.engine import serialise
from imaging.deid.pixels.reading import find_text
from imaging.deid.recipe import Recipe
from tests.imaging.deid.conftest import SHIFTED, clean
from tests.imaging.deid.pixels import pictures

pytestmark = pytest.mark.requirement("REQ-DEI-004")

BLANK = Recipe.parse({"identifier": "blank", "version": "1", "options": ["clean_pixel_data"], "pixels": "blank"})
PERSON = ("Plantagenet, Eleanor", "ID 7712345")


def picture(modality: str, lines: tuple[str, ...] = PERSON) -> Dataset:
    written = pictures.write(pictures.fan(240, 320), lines, size=18, ink=235)
    dataset = pictures.instance(written.pixels, modality=modality)
    dataset.PatientName = "Plantagenet^Eleanor"
    return dataset


@pytest.mark.parametrize("modality", ["US", "OT"])
def test_pictures_pass_without_the_text_in_them(modality: str) -> None:
    original = picture(modality)
    result = clean(original, BLANK)
    found = dcmread(BytesIO(serialise(result)))
    assert find_text([np.dstack([found.pixel_array] * 3)], PERSON) == []
    assert result.counters["texts_in_pixels"] >= 2
    assert ("(7FE0,0010)", "C") in result.actions
    assert found.BurnedInAnnotation == "NO"
    assert "113101" in [code.CodeValue for code in found.DeidentificationMethodCodeSequence]
    assert not np.array_equal(found.pixel_array, original.pixel_array)
    assert serialise(clean(found, BLANK)) == serialise(result)


def test_a_picture_without_text_keeps_its_pixels() -> None:
    original = picture("US", ())
    found = dcmread(BytesIO(serialise(clean(original, BLANK))))
    assert found.PixelData == original.PixelData


def test_text_that_is_said_to_be_there_and_is_not_found_holds_the_picture() -> None:
    original = picture("US", ())
    original.BurnedInAnnotation = "YES"
    with pytest.raises(CannotDeidentify) as held:
        clean(original, BLANK)
    assert held.value.reason == "burned_in_annotation"


@pytest.mark.parametrize(("modality", "reason"), [("US", "unknown_class"), ("OT", "secondary_capture")])
def test_without_the_option_pictures_are_held(modality: str, reason: str) -> None:
    with pytest.raises(CannotDeidentify) as held:
        clean(picture(modality), SHIFTED)
    assert held.value.reason == reason
