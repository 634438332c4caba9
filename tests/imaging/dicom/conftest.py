"""Small images made by the tests, and the genuine files that pydicom ships."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

STUDY, SERIES = "1.2.3.4", "1.2.3.4.5"


@pytest.fixture(scope="session")
def genuine() -> Path:
    """Folder of the test files in pydicom's wheel."""
    return Path(pydicom.data.__file__).parent / "test_files"


@pytest.fixture
def make_ct() -> Callable[..., Dataset]:
    """A CT slice of 4 × 6 pixels at `z` mm; keywords replace attributes, None removes them."""

    def make(z: float = 0.0, number: int = 1, **values: Any) -> Dataset:
        dataset = Dataset()
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = f"{SERIES}.{number}"
        dataset.Modality = "CT"
        dataset.PatientName = "Planted^Name"
        dataset.StudyInstanceUID = STUDY
        dataset.SeriesInstanceUID = SERIES
        dataset.InstanceNumber = number
        dataset.SliceThickness = 5
        dataset.ImagePositionPatient = [-100, -100, z]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.PixelSpacing = [2.0, 0.5]
        dataset.SamplesPerPixel = 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.Rows, dataset.Columns = 4, 6
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation = 0
        dataset.RescaleIntercept, dataset.RescaleSlope = -1024, 1
        dataset.PixelData = bytes(2 * 4 * 6)
        for keyword, value in values.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        return dataset

    return make


@pytest.fixture
def as_file() -> Callable[..., bytes]:
    """A data set as a DICOM file."""

    def encode(dataset: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> bytes:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = transfer_syntax_uid
        dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID") or "1.2"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or "1.2"
        buffer = BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()

    return encode
