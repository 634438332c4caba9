"""Volumes of known contents for the viewer: a body with a ball and a rod as CT, the ball hot as PET, a cine in colour.

Points are in patient LPS, mm. Each is written as DICOM instances, which `archived` puts where a reader looks.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from compliance import storage
from imaging.models import ImagingStudy, Instance, ReceivedInstance, Series, Transfer
from tests.factories.world import AT
from trials.models import Site, Timepoint
from trials.states import ImageState, QcState

Point = tuple[float, float, float]

#: Middle and radius of the ball, which is denser than the body and takes up the tracer.
BALL, BALL_RADIUS = (20.0, -10.0, 45.0), 12.0
#: A rod along z, as of bone: right of the middle, at the back.
ROD, ROD_RADIUS = (-30.0, 20.0), 5.0
AIR_HU, BODY_HU, BALL_HU, ROD_HU = -1000, 0, 200, 600
BODY_RADIUS = 55.0
BODY_BQML, BALL_BQML = 2000.0, 20000.0
#: 70 kg and 200 MBq, decayed to the time of the injection: SUV = Bq/ml × 0.00035.
WEIGHT_KG, DOSE_BQ = 70.0, 200e6
SUV_FACTOR = WEIGHT_KG * 1000 / DOSE_BQ


@dataclass(frozen=True)
class Box:
    """Voxels around the middle of the body: columns, rows, slices, and their sizes in mm."""

    columns: int = 64
    rows: int = 64
    slices: int = 32
    pixel_mm: float = 2.0
    slice_mm: float = 3.0

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Where columns, rows and slices lie along x, y and z."""
        x = (np.arange(self.columns) - (self.columns - 1) / 2) * self.pixel_mm
        y = (np.arange(self.rows) - (self.rows - 1) / 2) * self.pixel_mm
        return x, y, np.arange(self.slices) * self.slice_mm

    def grids(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """x, y and z of each voxel: (slices, rows, columns)."""
        x, y, z = self.axes()
        return x[None, None, :], y[None, :, None], z[:, None, None]


CT_BOX = Box()
PET_BOX = Box(columns=32, rows=32, slices=24, pixel_mm=4.0, slice_mm=4.0)


def ct_values(box: Box = CT_BOX) -> NDArray[np.int16]:
    """Hounsfield units: (slices, rows, columns)."""
    x, y, z = box.grids()
    values = np.full((box.slices, box.rows, box.columns), AIR_HU, np.int16)
    values[np.broadcast_to(x**2 + y**2 <= BODY_RADIUS**2, values.shape)] = BODY_HU
    values[np.broadcast_to((x - ROD[0]) ** 2 + (y - ROD[1]) ** 2 <= ROD_RADIUS**2, values.shape)] = ROD_HU
    values[_ball(x, y, z)] = BALL_HU
    return values


def pet_values(box: Box = PET_BOX) -> NDArray[np.int16]:
    """Activity in Bq/ml: (slices, rows, columns)."""
    x, y, z = box.grids()
    values = np.zeros((box.slices, box.rows, box.columns), np.int16)
    values[np.broadcast_to(x**2 + y**2 <= BODY_RADIUS**2, values.shape)] = int(BODY_BQML)
    values[_ball(x, y, z)] = int(BALL_BQML)
    return values


def _ball(x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.bool_]:
    away = (x - BALL[0]) ** 2 + (y - BALL[1]) ** 2 + (z - BALL[2]) ** 2
    return np.asarray(away <= BALL_RADIUS**2)


def ct_slices(space: str, *, shift_mm: float = 0.0, box: Box = CT_BOX) -> Iterator[Dataset]:
    """The CT, perhaps with all its slices `shift_mm` further along z, as if the patient lay elsewhere."""
    for n, picture in enumerate(ct_values(box)):
        yield _slice(CTImageStorage, "CT", picture, n, space, shift_mm, box)


def pet_slices(space: str, *, box: Box = PET_BOX) -> Iterator[Dataset]:
    """The PET of the same body."""
    tracer = Dataset()
    tracer.RadionuclideTotalDose = DOSE_BQ
    for n, picture in enumerate(pet_values(box)):
        made = _slice(PositronEmissionTomographyImageStorage, "PT", picture, n, space, 0.0, box)
        made.Units, made.DecayCorrection, made.CorrectedImage = "BQML", "ADMIN", ["ATTN", "SCAT", "DECY"]
        made.PatientWeight, made.RadiopharmaceuticalInformationSequence = WEIGHT_KG, [tracer]
        yield made


def cine(frames: int = 6, rows: int = 48, columns: int = 64) -> Iterator[Dataset]:
    """An ultrasound clip in colour of 20 frames a second: frame n has red 20 × n everywhere."""
    made = _instance(UltrasoundMultiFrameImageStorage, "US")
    values = np.zeros((frames, rows, columns, 3), np.uint8)
    values[..., 0] = 20 * np.arange(1, frames + 1)[:, None, None]
    made.Rows, made.Columns, made.NumberOfFrames = rows, columns, frames
    made.SamplesPerPixel, made.PlanarConfiguration, made.PhotometricInterpretation = 3, 0, "RGB"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.FrameTime = 50
    made.PixelData = values.tobytes()
    yield made


def _instance(kind: UID, modality: str) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = f"2.25.{uuid.uuid4().int}"
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = kind
    made.StudyInstanceUID, made.SeriesInstanceUID = "2.25.2", "2.25.3"
    made.Modality = modality
    return made


def _slice(
    kind: UID, modality: str, picture: NDArray[np.int16], n: int, space: str, shift_mm: float, box: Box
) -> Dataset:
    made = _instance(kind, modality)
    x, y, z = box.axes()
    made.InstanceNumber = n + 1
    made.FrameOfReferenceUID = space
    made.ImagePositionPatient = [x[0], y[0], z[n] + shift_mm]
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.PixelSpacing = [box.pixel_mm, box.pixel_mm]
    made.SliceThickness = box.slice_mm
    made.Rows, made.Columns = picture.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 1
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    made.PixelData = picture.astype("<i2").tobytes()
    return made


def archived(timepoint: Timepoint, site: Site, label: str, instances: Iterator[Dataset]) -> Series:
    """Put a series into the archive, shown to readers under a label of the charter."""
    trial, pictures = timepoint.subject.trial, list(instances)
    number = Series.objects.count() + 1
    study = ImagingStudy.objects.create(
        trial=trial, timepoint=timepoint, study_instance_uid=f"2.25.7{number}", study_day=timepoint.day
    )
    first = pictures[0]
    spaced = "PixelSpacing" in first
    series = Series.objects.create(
        imaging_study=study,
        series_instance_uid=f"2.25.8{number}",
        number=number,
        modality=first.Modality,
        label=label,
        for_reading=True,
        facts={
            "pixel_spacing_mm": [float(value) for value in first.PixelSpacing],
            "spacing_mm": [float(first.SliceThickness)] * (len(pictures) - 1),
        }
        if spaced
        else {},
    )
    transfer = Transfer.objects.create(site=site, door="web", sender="someone", opened_at=AT)
    for n, one in enumerate(pictures):
        buffer = io.BytesIO()
        pydicom.dcmwrite(buffer, one, enforce_file_format=True)
        received = ReceivedInstance.objects.create(
            spool_id=uuid.uuid4(), transfer=transfer, received_at=AT, size=1, file_sha256="", state="archived"
        )
        key = f"test/{uuid.uuid4()}.dcm"
        Instance.objects.create(
            series=series,
            received=received,
            trial=trial,
            sop_instance_uid=one.SOPInstanceUID,
            sop_class_uid=one.SOPClassUID,
            number=n + 1,
            position_mm=float(one.ImagePositionPatient[2]) if spaced else None,
            rows=one.Rows,
            columns=one.Columns,
            frames=int(one.get("NumberOfFrames", 1)),
            archive_key=key,
            sha256=storage.put(storage.ARCHIVE, key, buffer.getvalue()),
            size=len(buffer.getvalue()),
            recipe_sha256="",
        )
    Timepoint.objects.filter(pk=timepoint.pk).update(image_state=ImageState.RECEIVED, qc_state=QcState.AWAITING)
    return series
