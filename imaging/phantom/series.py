"""A phantom scan as DICOM: CT Image Storage instances, labelled synthetic, the same bytes for the same seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from imaging.phantom.canvas import Grid
from imaging.phantom.identity import plant
from imaging.phantom.subjects import PhantomSubject
from imaging.phantom.thorax import thorax_volume

_LABEL = "SYNTHETIC PHANTOM"


@dataclass(frozen=True)
class SeriesSpec:
    """What sets one series of a scan apart.

    Attributes
    ----------
    dropped
        Slices left out, counted from the head, to make gaps for quality checks.
    body_part
        Body Part Examined.
    """

    number: int = 2
    description: str = "Chest/abdomen portal venous"
    kernel: str = "B30f"
    dropped: frozenset[int] = frozenset()
    body_part: str = "CHEST"


DEFAULT_GRID = Grid()
DEFAULT_SERIES = SeriesSpec()


def seeded_uid(*parts: object) -> UID:
    """UID that depends on its parts alone, in the 2.25 arc (PS3.5 §B.2).

    Parameters
    ----------
    parts
        Anything with a stable `repr`.
    """
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")


def ct_series(
    subject: PhantomSubject,
    timepoint: int,
    *,
    study_date: date,
    identity: Mapping[str, str] | None = None,
    trial: Mapping[str, str] | None = None,
    grid: Grid = DEFAULT_GRID,
    series: SeriesSpec = DEFAULT_SERIES,
) -> Iterator[FileDataset]:
    """The instances of one scan, from head to feet.

    Parameters
    ----------
    timepoint
        Index of the scan, 0 at baseline.
    study_date
        Day of the scan.
    identity
        Identifying values to plant, by DICOM keyword; see `imaging.phantom.identity.planted_identity`.
        Without it the header names the phantom.
    trial
        Clinical trial attributes, by DICOM keyword, such as ``ClinicalTrialSubjectID`` and
        ``ClinicalTrialTimePointID`` (PS3.3 §C.7.1.3, §C.7.3.2).
    grid
        Resolution and extent.
    series
        Series description, kernel, and slices to leave out.
    """
    volume = thorax_volume(subject, timepoint, grid)
    key = (subject.seed, timepoint)
    common = _common(subject, timepoint, study_date, grid, series)
    if identity:
        plant(common, identity)
    for keyword, value in (trial or {}).items():
        setattr(common, keyword, value)
    pixels = np.clip(volume + 1024.0, 0, 4095).astype("<u2")
    for number in range(1, grid.slices + 1):
        if number - 1 in series.dropped:
            continue
        index = grid.slices - number
        z = round(float(grid.z_mm[index]), 3)
        instance_uid = seeded_uid(*key, series.number, "instance", number)
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = instance_uid
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        instance = FileDataset("", deepcopy(common), preamble=bytes(128), file_meta=meta)
        instance.SOPInstanceUID = instance_uid
        instance.InstanceNumber = number
        instance.ImagePositionPatient = [round(float(grid.x_mm[0]), 4), round(float(grid.y_mm[0]), 4), z]
        instance.SliceLocation = z
        instance.PixelData = pixels[index].tobytes()
        yield instance


def write_series(folder: Path, instances: Iterable[FileDataset]) -> list[Path]:
    """Write instances as files ``IM0001.dcm`` and so on; the folder is made when missing.

    Returns
    -------
    list of Path
        In the order of the instances.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for instance in instances:
        path = folder / f"IM{len(paths) + 1:04d}.dcm"
        instance.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _common(subject: PhantomSubject, timepoint: int, study_date: date, grid: Grid, series: SeriesSpec) -> Dataset:
    """Attributes that all slices share."""
    key = (subject.seed, timepoint)
    day = f"{study_date:%Y%m%d}"
    minute = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:2], "big") % 480
    clock = f"{8 + minute // 60:02d}{minute % 60:02d}"
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.SOPClassUID = CTImageStorage
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = day
    dataset.StudyTime, dataset.SeriesTime = f"{clock}00", f"{clock}20"
    dataset.AcquisitionTime, dataset.ContentTime = f"{clock}25", f"{clock}40"
    dataset.AccessionNumber = ""
    dataset.Modality = "CT"
    dataset.Manufacturer = "Parallax"
    dataset.ManufacturerModelName = "Thorax phantom"
    dataset.SoftwareVersions = "1"
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = f"{_LABEL} CT chest"
    dataset.SeriesDescription = f"{series.description} {_LABEL}"[:64]
    dataset.DerivationDescription = f"{_LABEL}: computed, no patient"
    dataset.PatientName = f"Phantom^{subject.seed}"
    dataset.PatientID = f"PHANTOM-{subject.seed}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.ContrastBolusAgent = "IODINATED"
    dataset.BodyPartExamined = series.body_part
    dataset.SliceThickness = grid.slice_thickness_mm
    dataset.KVP = 120
    dataset.SpacingBetweenSlices = grid.slice_thickness_mm
    dataset.DataCollectionDiameter = 500
    dataset.ReconstructionDiameter = grid.field_of_view_mm
    dataset.GantryDetectorTilt = 0
    dataset.TableHeight = 150
    dataset.ExposureTime, dataset.XRayTubeCurrent, dataset.Exposure = 500, 220, 110
    dataset.FilterType = "BODY"
    dataset.ConvolutionKernel = series.kernel
    dataset.PatientPosition = "HFS"
    dataset.StudyInstanceUID = seeded_uid(*key, "study")
    dataset.SeriesInstanceUID = seeded_uid(*key, series.number, "series")
    dataset.StudyID = ""
    dataset.SeriesNumber = series.number
    dataset.AcquisitionNumber = 1
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.FrameOfReferenceUID = seeded_uid(*key, "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.ImageComments = f"{_LABEL}, seed {subject.seed}, scan {timepoint}"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = dataset.Columns = grid.rows
    dataset.PixelSpacing = [round(grid.pixel_mm, 6)] * 2
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNG"]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1024, 1, "HU"
    return dataset
