"""Films as endoscopes send them: a square that moves, coded by H.264 or HEVC, with an identity in header and container.

The files in fixtures/imaging/films hold 24 frames of 96 × 64 at 12 a second, the title "Perpetua Quillbrook", the
comment "Harrowgate", and in the stream the encoder's settings as text.
"""

from __future__ import annotations

import uuid
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.encaps import encapsulate

from imaging.dicom.films import cleaned
from imaging.models import Series
from tests.factories.scans import encoded, slice_of
from tests.factories.volumes import archived
from trials.models import Site, Timepoint

FOLDER = Path(__file__).parents[2] / "fixtures" / "imaging" / "films"
ENDOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
H264, HEVC = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.107"
#: What the container and the stream say beside the picture.
NOTES = (b"Quillbrook", b"Harrowgate", b"x26", b"Lav")
FRAMES, FRAME_MS = 24, 1000 / 12


def stream(name: str = "h264") -> bytes:
    """The bytes of a film."""
    return (FOLDER / f"{name}.mp4").read_bytes()


def film(content: bytes | None = None, syntax: str = H264, **values: Any) -> bytes:
    """A film as a DICOM file of the subject N-001."""
    content = stream() if content is None else content
    header: dict[str, Any] = {
        "SOPClassUID": ENDOSCOPIC,
        "ClinicalTrialSubjectID": "N-001",
        "Modality": "ES",
        "Rows": 64,
        "Columns": 96,
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "YBR_PARTIAL_420",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "NumberOfFrames": FRAMES,
        "FrameTime": f"{FRAME_MS:.4f}",
        "FrameIncrementPointer": 0x00181063,
        **dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")),
        **dict.fromkeys(("FrameOfReferenceUID", "RescaleIntercept", "RescaleSlope", "RescaleType")),
    }
    dataset = dcmread(BytesIO(encoded(slice_of(1, **(header | values)))))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset["PixelData"] = DataElement(0x7FE00010, "OB", encapsulate([content], has_bot=False))
    dataset["PixelData"].is_undefined_length = True
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def filmed(timepoint: Timepoint, site: Site, label: str, name: str = "h264") -> Series:
    """Put a film into the archive as de-identification leaves it, shown to readers under a label of the charter."""
    syntax = HEVC if name == "hevc" else H264
    dataset = dcmread(BytesIO(film(cleaned(stream(name), syntax), syntax)))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{uuid.uuid4().int}"
    series = archived(timepoint, site, label, iter([dataset]))
    (instance,) = series.instances.all()
    instance.measured = {"film": {"frames": FRAMES, "duration_s": 2.0}}
    instance.save()
    return series
