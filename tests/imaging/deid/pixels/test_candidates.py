"""Slices with text are told from slices without, cheaply; other pictures are always looked at."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import CTImageStorage, RTDoseStorage

from imaging.deid.pixels.candidates import Look, is_slice, is_suspect, look_at
from imaging.phantom.canvas import Grid
from imaging.phantom.identity import planted_identity
from imaging.phantom.series import ct_series
from imaging.phantom.subjects import PhantomSubject
from tests.imaging.deid.pixels.pictures import instance

pytestmark = pytest.mark.requirement("REQ-DEI-004")


@pytest.fixture(scope="module")
def slices() -> list[np.ndarray]:
    """Slices of a computed CT of an invented person, without text."""
    subject = PhantomSubject.with_scenario(1, "stable")
    made = ct_series(subject, 0, study_date=date(2024, 2, 29), identity=planted_identity(1), grid=Grid(512, 8))
    return [dataset.pixel_array for dataset in made]


def test_a_clean_slice_is_passed_over(slices: list[np.ndarray]) -> None:
    assert [is_suspect(one) for one in slices] == [False] * len(slices)


@pytest.mark.parametrize("size", [10, 16, 24])
@pytest.mark.parametrize("ink", [3000, 1200])
def test_a_name_in_a_slice_makes_it_suspect(slices: list[np.ndarray], size: int, ink: int) -> None:
    image = Image.new("L", (512, 512))
    ImageDraw.Draw(image).text((30, 60), "Okonkwo", font=ImageFont.load_default(size), fill=255)
    share = np.asarray(image) / 255
    for one in slices:
        assert is_suspect((one * (1 - share) + ink * share).astype(one.dtype))


def test_the_header_can_only_make_the_look_closer() -> None:
    dataset = instance(np.zeros((8, 8), np.uint16), modality="CT")
    dataset.SOPClassUID = CTImageStorage
    assert look_at(dataset) is Look.IF_SUSPECT
    dataset.BurnedInAnnotation = "NO"
    assert look_at(dataset) is Look.IF_SUSPECT
    dataset.BurnedInAnnotation = "YES"
    assert look_at(dataset) is Look.ALWAYS
    del dataset.BurnedInAnnotation
    dataset.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    assert look_at(dataset) is Look.ALWAYS
    dataset.ImageType, dataset.Modality, dataset.BurnedInAnnotation = "ORIGINAL", "US", "NO"
    assert look_at(dataset) is Look.ALWAYS
    dataset.SOPClassUID = RTDoseStorage
    assert look_at(dataset) is Look.NEVER


def test_a_slice_is_what_was_acquired_and_no_copy_of_a_screen() -> None:
    dataset = instance(np.zeros((8, 8), np.uint8), modality="CT")
    assert not is_slice(dataset)
    dataset.SOPClassUID = CTImageStorage
    assert is_slice(dataset)
    dataset.BurnedInAnnotation = "YES"
    assert is_slice(dataset)
    dataset.ImageType = ["DERIVED", "SECONDARY", "SCREEN SAVE"]
    assert not is_slice(dataset)
    dataset.ImageType, dataset.Modality = "ORIGINAL", "US"
    assert not is_slice(dataset)
