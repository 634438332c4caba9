"""A small CT slice, one trial, one subject and one recipe."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from imaging.deid.engine import Deidentified, deidentify
from imaging.deid.keys import SubjectKeys
from imaging.deid.marks import TrialIdentity
from imaging.deid.recipe import Recipe, standard_terms

SECRET = bytes(range(32))
IDENTITY = TrialIdentity(protocol_id="LUNG-1", site_id="S01", subject_code="S01-004", timepoint_id="WEEK8")
KEYS = SubjectKeys(SECRET, IDENTITY.subject_code)
BASIC = Recipe.parse({"identifier": "basic", "version": "1"})
SHIFTED = Recipe.parse({"identifier": "trial-basic", "version": "1", "options": ["retain_longitudinal_modified_dates"]})
#: What trials use, but for the look at pixels, which takes its time and has tests of its own.
TRIAL = Recipe.parse(
    {
        **standard_terms("trial-default"),
        "options": sorted(set(standard_terms("trial-default")["options"]) - {"clean_pixel_data"}),
        "pixels": "hold",
    }
)


@pytest.fixture
def make_ct() -> Callable[..., Dataset]:
    """A CT slice of 4 × 6 pixels; keywords replace attributes, None removes them."""

    def make(**values: Any) -> Dataset:
        dataset = Dataset()
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID, dataset.StudyInstanceUID, dataset.SeriesInstanceUID = (
            "1.2.3.9.1",
            "1.2.3.9",
            "1.2.3.9.2",
        )
        dataset.Modality = "CT"
        dataset.PatientName, dataset.PatientID = "Plantagenet^Eleanor", "HOSP-77123"
        dataset.StudyDate, dataset.StudyTime = "20240229", "101112.25"
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.Rows, dataset.Columns = 4, 6
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
        dataset.PixelData = bytes(range(48))
        dataset["PixelData"].VR = "OW"
        for keyword, value in values.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return dataset

    return make


def clean(dataset: Dataset, recipe: Recipe = BASIC) -> Deidentified:
    """De-identify with the tests' keys and identity."""
    return deidentify(dataset, recipe=recipe, keys=KEYS, identity=IDENTITY)


def as_file(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """Write and read again, so that the data set holds raw values as a received one does."""
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return dcmread(BytesIO(buffer.getvalue()))
