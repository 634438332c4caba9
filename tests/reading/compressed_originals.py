"""Pictures in every compression and of every kind that a scanner sends, and the values that pydicom finds in them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom.data
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import CTImageStorage

from tests.imaging.deid.frames import (
    HTJ2K,
    HTJ2K_RPCL,
    J2K,
    JPEG,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_LS_NEAR,
    RLE,
    compressed,
)

_GENUINE = Path(pydicom.data.__file__).parent / "test_files"
#: As pydicom carries them: colour, palettes, old compressions that may lose something, several frames.
GENUINE = (
    *("693_J2KI.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_gdcm.dcm"),
    *("SC_rgb_dcmtk_+eb+cy+s4.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_rle_2frame.dcm"),
    *("examples_palette.dcm", "examples_jpeg2k.dcm"),
)
#: Compressions that lose nothing, each with values of these kinds: bits stored, signed, photometric interpretation.
_DEPTHS = ((8, False), (10, False), (12, True), (16, False), (16, True))
MADE = (
    *((name, syntax, bits, signed, "MONOCHROME2", 1)
      for name, syntax in (("JPEG lossless", JPEG_LOSSLESS), ("JPEG-LS", JPEG_LS), ("J2K", J2K), ("RLE", RLE))
      for bits, signed in _DEPTHS),
    *(("HTJ2K", HTJ2K, bits, False, "MONOCHROME2", 1) for bits in (8, 12, 16)),
    ("HTJ2K RPCL", HTJ2K_RPCL, 16, False, "MONOCHROME2", 1),
    ("JPEG-LS near-lossless", JPEG_LS_NEAR, 16, False, "MONOCHROME2", 1),
    ("JPEG baseline", JPEG, 8, False, "MONOCHROME2", 1),
    ("J2K", J2K, 12, False, "MONOCHROME1", 1),
    ("JPEG-LS", JPEG_LS, 8, False, "MONOCHROME1", 1),
    ("RLE", RLE, 16, True, "MONOCHROME2", 3),
)  # fmt: skip


def originals() -> dict[str, bytes]:
    """Return files by what they are."""
    made = {}
    for name, syntax, bits, signed, photometric, frames in MADE:
        kind = f"{name}, {bits} bit {'signed' if signed else 'unsigned'}, {photometric}"
        made[kind + (f", {frames} frames" if frames > 1 else "")] = _file(syntax, bits, signed, photometric, frames)
    return made | {name: (_GENUINE / name).read_bytes() for name in GENUINE}


def values_of(content: bytes, frame: int) -> NDArray[np.float64]:
    """What pydicom finds in a frame (from 0), in the units of the image: (rows, columns), or (rows, columns, 3) RGB."""
    dataset = dcmread(io.BytesIO(content))
    stored = pixel_array(dataset, index=frame)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return apply_color_lut(stored, dataset).astype(np.float64) // 256
    if stored.ndim == 3:
        return stored.astype(np.float64)
    slope, intercept = float(dataset.get("RescaleSlope") or 1), float(dataset.get("RescaleIntercept") or 0)
    return stored.astype(np.float64) * slope + intercept


def phantom(bits: int, signed: bool, number: int = 0) -> NDArray[np.int_]:
    """48 × 40 values from the least to the greatest that the bits hold, of which no two rows are alike."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    values = np.random.default_rng(bits + number).integers(low, high, (48, 40), endpoint=True)
    values[0, :2], values[24] = (low, high), np.linspace(low, high, 40)
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    return values.astype(f"<{kind}")


def _file(syntax: str, bits: int, signed: bool, photometric: str, frames: int) -> bytes:
    pictures = [phantom(bits, signed, number) for number in range(frames)]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "2.25.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.2", "2.25.3"
    dataset.Rows, dataset.Columns = pictures[0].shape
    dataset.BitsAllocated = 8 if bits <= 8 else 16
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, int(signed)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, photometric
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -7
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.PixelData = encapsulate([compressed(picture, syntax) for picture in pictures])
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
