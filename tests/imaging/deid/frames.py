"""Frames of 8-bit grey, compressed in each way that a machine with our dependencies can."""

from __future__ import annotations

from io import BytesIO
from tempfile import TemporaryDirectory

import gdcm
import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from tests.imaging.deid.encoder import EXPLICIT

RLE, J2K, JPEG = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.50"
JPEG_LS, JPEG_LOSSLESS = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.70"
COMPRESSED = (RLE, J2K, JPEG_LS, JPEG_LOSSLESS, JPEG)
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def compressed(frame: np.ndarray, syntax: str, comment: str) -> bytes:
    """One frame, compressed; a JPEG's comment says whose it is."""
    if syntax == JPEG:
        buffer = BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=95, comment=comment)
        return buffer.getvalue()
    plain = Dataset()
    plain.file_meta = FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    plain.SOPClassUID, plain.SOPInstanceUID = _SECONDARY_CAPTURE, "1.2.3"
    plain.SamplesPerPixel, plain.PhotometricInterpretation, plain.PixelRepresentation = 1, "MONOCHROME2", 0
    plain.Rows, plain.Columns = frame.shape
    plain.BitsAllocated, plain.BitsStored, plain.HighBit = 8, 8, 7
    plain.PixelData = frame.tobytes()
    plain["PixelData"].VR = "OB"
    if syntax in (RLE, J2K):
        plain.compress(syntax, generate_instance_uid=False)
        return next(generate_frames(plain.PixelData, number_of_frames=1))
    with TemporaryDirectory() as folder:
        plain.file_meta.MediaStorageSOPClassUID, plain.file_meta.MediaStorageSOPInstanceUID = (
            _SECONDARY_CAPTURE,
            "1.2.3",
        )
        path = f"{folder}/frame"
        plain.save_as(path, enforce_file_format=True)
        reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
        reader.SetFileName(path)
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, _GDCM[syntax])))
        assert reader.Read()
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(path)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return next(generate_frames(dcmread(path).PixelData, number_of_frames=1))


_GDCM = {JPEG_LS: "JPEGLSLossless", JPEG_LOSSLESS: "JPEGLosslessProcess14_1"}
