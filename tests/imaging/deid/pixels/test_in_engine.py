"""A recipe that blanks pixels lets pictures with text pass, without the text; one that holds them does not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DermoscopicPhotographyImageStorage,
    OphthalmicPhotography8BitImageStorage,
    OphthalmicTomographyImageStorage,
    SecondaryCaptureImageStorage,
    VLEndoscopicImageStorage,
    VLPhotographicImageStorage,
)

from compliance import confined
from imaging.deid import engine
from imaging.deid.admission import CannotDeidentify, TextInPixels
from imaging.deid.pixels.regions import Region, Settled, covers
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.services.limits import budget
from tests.imaging.deid.conftest import BASIC, IDENTITY, KEYS, SECRET
from tests.imaging.deid.pixels import pictures
from tests.imaging.deid.pixels.pictures import instance, people

pytestmark = pytest.mark.requirement("REQ-DEI-004")

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


PHOTOGRAPHS = {
    "a camera": {"SOPClassUID": VLPhotographicImageStorage},
    "an endoscope": {"SOPClassUID": VLEndoscopicImageStorage},
    "a dermoscope": {"SOPClassUID": DermoscopicPhotographyImageStorage},
    "a fundus camera": {"SOPClassUID": OphthalmicPhotography8BitImageStorage},
    "a camera, stored as a capture": {"Modality": "XC"},
    "an endoscope, stored as a capture": {"Modality": "es "},
    "a scanner of paper": {"ConversionType": "SI"},
}


@pytest.mark.parametrize("pixels", ["blank", "review"])
@pytest.mark.parametrize("made_by", PHOTOGRAPHS)
def test_a_photograph_waits_for_a_person_though_no_text_is_in_it(made_by: str, pixels: str) -> None:
    dataset = instance(pictures.radiograph(96, 128))
    dataset.update(PHOTOGRAPHS[made_by])
    recipe = Recipe.parse(TERMS | {"pixels": pixels})

    with pytest.raises(TextInPixels) as asked:
        engine.deidentify(dataset, recipe=recipe, keys=KEYS, identity=IDENTITY)

    assert (asked.value.reason, asked.value.regions, asked.value.size) == ("photograph", [], (96, 128, 1))


def test_text_on_a_photograph_is_proposed_and_what_a_person_settled_lets_it_pass() -> None:
    written = pictures.write(pictures.radiograph(144, 224), people(3)[:2], size=14, ink=230)
    dataset = instance(written.pixels, modality="XC")
    recipe = Recipe.parse(TERMS)

    with pytest.raises(TextInPixels) as asked:
        engine.deidentify(dataset, recipe=recipe, keys=KEYS, identity=IDENTITY)
    found = [Region(*six) for six in asked.value.regions]
    face = Region(80, 60, 140, 130)
    made = engine.deidentify(dataset, recipe=recipe, keys=KEYS, identity=IDENTITY, settled=Settled((*found, face), ()))

    assert asked.value.reason == "photograph"
    assert all(covers(found, Region(*box)) for box in written.boxes)
    assert np.ptp(made.dataset.pixel_array[60:130, 80:140]) == 0


@pytest.mark.parametrize(
    "said",
    [
        {"SOPClassUID": SecondaryCaptureImageStorage, "ConversionType": "WSD"},
        {"SOPClassUID": OphthalmicTomographyImageStorage, "Modality": "OPT"},
    ],
)
def test_what_no_camera_made_passes_without_anybody(said: dict[str, str]) -> None:
    dataset = instance(pictures.radiograph(96, 128))
    dataset.update(said)
    made = engine.deidentify(dataset, recipe=Recipe.parse(TERMS), keys=KEYS, identity=IDENTITY)
    assert made.dataset.PixelData == dataset.PixelData


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
