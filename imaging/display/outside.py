"""One picture of a manifest as a DICOM data set of its own, for programs outside: nothing but what a viewer is told.

Every frame becomes an instance, so that whatever it was taken from, its place, values and size say all. Names are
given by whoever builds it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    SecondaryCaptureImageStorage,
)

from imaging.dicom.headers import read_header
from imaging.display.dicomweb import Attributes, metadata
from imaging.display.frames import kind_of

#: Attributes of values as they are stored, that are not so of values as they leave.
_OF_STORED_VALUES = frozenset(
    {
        *("PixelData", "FloatPixelData", "DoubleFloatPixelData", "PlanarConfiguration", "ModalityLUTSequence"),
        *(
            f"{colour}PaletteColorLookupTable{part}"
            for colour in ("Red", "Green", "Blue")
            for part in ("Data", "Descriptor")
        ),
    }
)
_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage}
_UNITS = {"SUVbw": "GML", "BQML": "BQML"}


@dataclass(frozen=True, slots=True)
class Names:
    """What an instance is called outside; `space` is empty where it has no frame of reference."""

    patient: str
    study: str
    study_title: str
    study_number: int
    series: str
    series_number: int
    instance: str
    space: str


def is_offered(series: Mapping[str, Any]) -> bool:
    """Whether a series of a manifest can be handed out so: its values are whole numbers, and it has some."""
    return not series["film"] and not series["float"] and series["rows"] > 0 and series["bits"] <= 16


def dataset_of(
    series: Mapping[str, Any], n: int, names: Names, windows: Sequence[tuple[str, float, float]] = ()
) -> Dataset:
    """Return a picture (from 1) of a series of a manifest (`imaging.display.manifest`) without its pixels.

    Parameters
    ----------
    windows
        Name, centre and width of display windows in the unit of the values.
    """
    _, _, _, position, slope, intercept, *rest = series["slices"][n - 1]
    like: Mapping[str, Any] = {**series, **(rest[0] if rest else {})}
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.ImageType = ["DERIVED", "PRIMARY"]
    made.SOPClassUID = _CLASSES.get(series["modality"], SecondaryCaptureImageStorage)
    made.SOPInstanceUID, made.SeriesInstanceUID, made.StudyInstanceUID = names.instance, names.series, names.study
    made.PatientName = made.PatientID = names.patient
    made.PatientBirthDate = made.PatientSex = made.StudyDate = made.StudyTime = ""
    made.AccessionNumber = made.ReferringPhysicianName = made.Manufacturer = ""
    made.StudyID, made.StudyDescription = str(names.study_number), names.study_title
    made.Modality, made.SeriesNumber, made.SeriesDescription = series["modality"], names.series_number, series["label"]
    made.InstanceNumber = n
    if names.space:
        made.FrameOfReferenceUID, made.PositionReferenceIndicator = names.space, ""
    _place(made, like, position, series["interval"])
    _values(made, like)
    _meaning(made, series, slope, intercept, windows)
    return made


def _place(made: Dataset, like: Mapping[str, Any], position: Sequence[float] | None, interval: float | None) -> None:
    if like["spacing"]:
        made.PixelSpacing = _ds(*like["spacing"])
    if position is not None and like["orientation"]:
        made.ImagePositionPatient, made.ImageOrientationPatient = _ds(*position), _ds(*like["orientation"])
        made.SliceThickness = None
    if interval:
        made.SpacingBetweenSlices = _ds(interval)[0]


def _values(made: Dataset, like: Mapping[str, Any]) -> None:
    made.Rows, made.Columns, made.SamplesPerPixel = like["rows"], like["columns"], like["samples"]
    made.PhotometricInterpretation = like["photometric"]
    made.BitsAllocated = made.BitsStored = like["bits"]
    made.HighBit, made.PixelRepresentation = like["bits"] - 1, int(like["signed"])
    if like["samples"] == 3:
        made.PlanarConfiguration = 0


def _meaning(
    made: Dataset,
    series: Mapping[str, Any],
    slope: float,
    intercept: float,
    windows: Sequence[tuple[str, float, float]],
) -> None:
    """What the values stand for; those of PET are SUV where the archived header itself tells the factor.

    A factor that is kept beside an image, as its header was deprived of weight or times, goes into no file.
    """
    known = series["suv_factor"] if series["suv_in_header"] else None
    factor, unit = known or 1.0, "SUVbw" if known else series["unit"]
    if series["samples"] == 1:
        made.RescaleSlope, made.RescaleIntercept = _ds(slope * factor, intercept * factor)
        made.RescaleType = unit or "US"
    if series["modality"] == "PT" and unit in _UNITS:
        made.Units = _UNITS[unit]
    if windows:
        made.WindowCenter = _ds(*(centre for _, centre, _ in windows))
        made.WindowWidth = _ds(*(width for _, _, width in windows))
        made.WindowCenterWidthExplanation = [name for name, _, _ in windows]


def _ds(*values: float) -> list[str]:
    """Decimal strings hold 16 characters (PS3.5 §6.2)."""
    return [format(value, ".10g") for value in values]


def file_of(made: Dataset, pixels: bytes) -> bytes:
    """Return a data set with its pixels as a DICOM file."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(ExplicitVRLittleEndian)
    made.add_new("PixelData", "OB" if made.BitsAllocated == 8 else "OW", pixels + bytes(len(pixels) % 2))
    target = io.BytesIO()
    pydicom.dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()


def headers_of(paths: Sequence[str]) -> list[Attributes]:
    """Return what files of the archive say of themselves, in the DICOM JSON model, with their values as they leave.

    With plain arguments, for a child process that a hostile file may end.
    """
    return [_header(Path(path)) for path in paths]


def _header(path: Path) -> Attributes:
    dataset = read_header(path).dataset
    told = Dataset()
    for element in dataset:
        if element.keyword not in _OF_STORED_VALUES:
            told[element.tag] = element
    if dataset.get("Rows"):
        kind = kind_of(dataset)
        _values(
            told,
            {
                "rows": dataset.Rows,
                "columns": dataset.Columns,
                "samples": kind.samples,
                "bits": kind.bits,
                "signed": kind.signed,
                "photometric": kind.photometric,
            },
        )
    return metadata(told)
