"""The phantom's chest as MR and as FDG PET would show it: for checks of what was acquired, not for reading.

Each is made from the CT of the same scan, tissue by tissue. Its header says that it is synthetic, as that of the CT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID, MRImageStorage, PositronEmissionTomographyImageStorage

from imaging.phantom.canvas import Array
from imaging.phantom.series import seeded_uid

#: CT numbers, HU, beside the signal of a T2-weighted MR and the activity of an FDG PET, Bq/ml.
_HU = (-1024.0, -900.0, -300.0, -100.0, 0.0, 60.0, 120.0, 200.0, 700.0, 3100.0)
_MR = (0.0, 25.0, 40.0, 620.0, 500.0, 260.0, 330.0, 150.0, 30.0, 0.0)
_PET = (0.0, 500.0, 1200.0, 1500.0, 2600.0, 3500.0, 9000.0, 6500.0, 3000.0, 2000.0)


def as_mr(ct: Sequence[FileDataset], *, seed: int, noise: float = 12.0) -> Iterator[FileDataset]:
    """The slices of a CT as a T2-weighted spin echo MR at 1.5 T; `noise` in units of the signal, Rician."""
    random = np.random.Generator(np.random.PCG64((seed, 21)))
    for instance in ct:
        signal = np.interp(_hounsfield(instance), _HU, _MR)
        real, imaginary = random.normal(0.0, noise, (2, *signal.shape))
        made = _changed(instance, MRImageStorage, "MR", np.hypot(signal + real, imaginary))
        made.ScanningSequence, made.SequenceVariant, made.MRAcquisitionType = "SE", "SK", "2D"
        made.MagneticFieldStrength, made.RepetitionTime, made.EchoTime = 1.5, 2500, 85
        made.InPlanePhaseEncodingDirection = "COL"
        del made.RescaleSlope, made.RescaleIntercept, made.RescaleType
        yield made


def as_pet(ct: Sequence[FileDataset], *, seed: int, uptake_minutes: int = 60) -> Iterator[FileDataset]:
    """The slices of a CT as an FDG PET, corrected for attenuation, scatter, randoms and decay."""
    random = np.random.Generator(np.random.PCG64((seed, 22)))
    clock = str(ct[0].AcquisitionTime)
    injected = (int(clock[:2]) * 60 + int(clock[2:4]) - uptake_minutes) % 1440
    for instance in ct:
        activity = _smooth(np.interp(_hounsfield(instance), _HU, _PET))
        activity += random.normal(0.0, 0.06, activity.shape) * activity
        made = _changed(instance, PositronEmissionTomographyImageStorage, "PT", activity / 2.0)
        made.RescaleSlope, made.RescaleIntercept, made.Units = 2.0, 0.0, "BQML"
        made.CorrectedImage, made.DecayCorrection = ["ATTN", "SCAT", "RAN", "DECY"], "START"
        dose = Dataset()
        dose.Radiopharmaceutical, dose.RadionuclideTotalDose = "FDG", 250e6
        dose.RadiopharmaceuticalStartTime = f"{injected // 60:02d}{injected % 60:02d}25"
        made.RadiopharmaceuticalInformationSequence, made.PatientWeight = [dose], 74
        del made.RescaleType
        yield made


def _hounsfield(instance: Dataset) -> Array:
    stored = np.frombuffer(instance.PixelData, "<u2").reshape(instance.Rows, instance.Columns)
    return stored.astype(np.float32) - 1024.0


def _smooth(picture: Array) -> Array:
    """Blur by the resolution of a PET scanner, about 8 mm at the phantom's pixels."""
    for axis in (0, 1, 0, 1):
        lines = np.moveaxis(picture, axis, 0)
        lines[1:-1] = 0.5 * lines[1:-1] + 0.25 * (lines[2:] + lines[:-2])
    return picture


def _changed(instance: FileDataset, sop_class: UID, modality: str, values: Array) -> FileDataset:
    """A copy of an instance as one of another modality."""
    made = deepcopy(instance)
    for keyword in ("KVP", "ConvolutionKernel", "ExposureTime", "XRayTubeCurrent", "Exposure", "FilterType",
                    "GantryDetectorTilt", "TableHeight", "DataCollectionDiameter", "ContrastBolusAgent"):  # fmt: skip
        if keyword in made:
            delattr(made, keyword)
    made.Modality, made.SOPClassUID, made.file_meta.MediaStorageSOPClassUID = modality, sop_class, sop_class
    made.SeriesDescription = str(made.SeriesDescription).replace("portal venous", modality)
    for keyword in ("SeriesInstanceUID", "SOPInstanceUID"):
        setattr(made, keyword, seeded_uid(modality, str(made[keyword].value)))
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.BitsStored, made.HighBit = 16, 15
    made.PixelData = np.clip(np.rint(values), 0, 65535).astype("<u2").tobytes()
    return made
