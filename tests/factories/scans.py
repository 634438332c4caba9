"""Small CT scans with an invented identity in the header, as files or data sets."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests.factories.world import REFERENCE
from trials.schedule import date_of

#: Values in every header that nothing outside quarantine may hold; long and odd, so that chance finds none.
PLANTED = {
    "PatientName": "Quillbrook^Perpetua",
    "PatientBirthDate": "19471123",
    "InstitutionName": "Harrowgate General Hospital",
    "AccessionNumber": "ACC918273645",
    "ReferringPhysicianName": "Zaneveld^Octavian",
    "StationName": "STATION83716",
}
ROOT = "1.2.826.0.1.3680043.9.7777"


def slice_of(number: int = 1, *, scan_number: int = 1, day: int = -5, value: int = 40, **values: Any) -> Dataset:
    """One axial CT slice of 16 × 16 pixels.

    Parameters
    ----------
    number
        Place in the stack, from 1; slices are 5 mm apart.
    scan_number
        Distinguishes scans: study and series UIDs follow it.
    day
        Study day of the scan; day -5 lies in the baseline's window of the template.
    value
        All pixels' value, in HU.
    values
        Attributes by keyword that replace others; None leaves one out. The hospital's number follows the subject.
    """
    dataset = Dataset()
    date = date_of(day, REFERENCE)
    study, series = f"{ROOT}.{scan_number}", f"{ROOT}.{scan_number}.1"
    attributes: dict[str, Any] = {
        **PLANTED,
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": f"{series}.{number}",
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "FrameOfReferenceUID": f"{study}.2",
        "PatientID": f"MRN55667788{_digits(values.get('ClinicalTrialSubjectID'))}",
        "StudyDate": _da(date),
        "SeriesDate": _da(date),
        "AcquisitionDate": _da(date),
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "Modality": "CT",
        "SeriesNumber": 1,
        "InstanceNumber": number,
        "SliceThickness": 5,
        "ImagePositionPatient": [-100, -100, 5.0 * number],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [0.8, 0.8],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 16,
        "Columns": 16,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "RescaleIntercept": -1024,
        "RescaleSlope": 1,
        "PixelData": np.full((16, 16), value + 1024, "<u2").tobytes(),
    }
    for keyword, content in (attributes | values).items():
        if content is not None:
            setattr(dataset, keyword, content)
    return dataset


def encoded(dataset: Dataset) -> bytes:
    """A data set as a DICOM file, Explicit VR Little Endian."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def scan(subject: str | None = "N-001", *, slices: int = 3, **values: Any) -> list[bytes]:
    """A scan as files; the subject's code stands in Clinical Trial Subject ID unless None."""
    named = {"ClinicalTrialSubjectID": subject} if subject else {}
    return [encoded(slice_of(number, **named | values)) for number in range(1, slices + 1)]


def _digits(code: str | None) -> str:
    return "".join(filter(str.isdigit, code or ""))


def _da(date: dt.date) -> str:
    return date.strftime("%Y%m%d")
