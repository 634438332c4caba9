"""A recipe that blanks pixels lets pictures with text pass, without the text; one that holds them does not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from compliance import confined
from imaging.deid import engine
from imaging.deid.admission import CannotDeidentify
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.services.limits import budget
from tests.imaging.deid.conftest import BASIC, IDENTITY, KEYS, SECRET
from tests.imaging.deid.pixels import pictures
from tests.imaging.deid.pixels.pictures import instance, people

TERMS = {"identifier": "blanking", "version": "1", "options": ["clean_pixel_data"], "pixels": "blank"}


@pytest.mark.parametrize("modality", ["US", "OT"])
def test_text_in_pixels_is_blanked_and_told_without_its_words(modality: str) -> None:
    written = pictures.write(pictures.fan(144, 224), people(3)[:2], size=14, ink=230)
    dataset = instance(written.pixels, modality=modality)
    with pytest.raises(CannotDeidentify):
        engine.deidentify(dataset, recipe=BASIC, keys=KEYS, identity=IDENTITY)
    recipe = Recipe.parse(TERMS)
    made = engine.deidentify(dataset, recipe=recipe, keys=KEYS, identity=IDENTITY)
    output = dcmread(BytesIO(engine.serialise(made)))
    for left, top, right, bottom in written.boxes:
        assert np.ptp(output.pixel_array[top:bottom, left:right]) == 0
    assert made.counters["texts_in_pixels"] >= 1
    assert ("(7FE0,0010)", "C") in [tuple(action) for action in made.actions]
    assert "113101" in [code.CodeValue for code in output.DeidentificationMethodCodeSequence]
    assert dataset.PixelData[: written.pixels.size] == written.pixels.tobytes()
    again = engine.deidentify(output, recipe=recipe, keys=KEYS, identity=IDENTITY)
    assert dict(again.counters) == {"unchanged": 1}


def test_the_option_without_blanking_would_claim_what_is_not_done() -> None:
    with pytest.raises(InvalidRecipe, match="pixels: blank"):
        Recipe.parse(TERMS | {"pixels": "hold"})


def test_the_networks_fit_into_the_limits_of_the_child_that_reads_foreign_bytes(tmp_path: Path) -> None:
    written = pictures.write(pictures.fan(480, 640), people(3), size=14, ink=230)
    path = tmp_path / "us.dcm"
    instance(written.pixels, modality="US").save_as(path, enforce_file_format=True)
    limits = budget(path.stat().st_size, reading=True)
    codes = [IDENTITY.protocol_id, IDENTITY.site_id, IDENTITY.subject_code, IDENTITY.timepoint_id]
    facts, output = confined.call("imaging.deid.workshop:deidentify", str(path), TERMS, SECRET, codes, **limits)
    assert facts["counters"]["texts_in_pixels"] >= 1
    pixels = dcmread(BytesIO(output)).pixel_array
    assert [int(np.ptp(pixels[top:bottom, left:right])) for left, top, right, bottom in written.boxes] == [0] * 4
