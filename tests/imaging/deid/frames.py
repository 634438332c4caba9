"""Grey frames, compressed in each way that our dependencies, Pillow (8 bits) and OpenJPH can."""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import gdcm
import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from tests.imaging.deid.encoder import EXPLICIT
from tests.support.tools import tool

_JPEG = "1.2.840.10008.1.2.4."
UNCOMPRESSED, RLE = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.5"
JPEG, JPEG_EXTENDED, JPEG_LOSSLESS_ANY, JPEG_LOSSLESS = (_JPEG + tail for tail in ("50", "51", "57", "70"))
JPEG_LS, JPEG_LS_NEAR, J2K, J2K_LOSSY = (_JPEG + tail for tail in ("80", "81", "90", "91"))
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = (_JPEG + tail for tail in ("201", "202", "203"))
#: Those in which what is decoded is what was there.
LOSSLESS = (RLE, J2K, JPEG_LS, JPEG_LOSSLESS, UNCOMPRESSED, JPEG_LOSSLESS_ANY, HTJ2K, HTJ2K_RPCL)
COMPRESSED = (*LOSSLESS, JPEG, JPEG_EXTENDED, JPEG_LS_NEAR, J2K_LOSSY, HTJ2K_LOSSY)
_GDCM = {
    JPEG_EXTENDED: "JPEGExtendedProcess2_4",
    JPEG_LOSSLESS_ANY: "JPEGLosslessProcess14",
    JPEG_LOSSLESS: "JPEGLosslessProcess14_1",
    JPEG_LS: "JPEGLSLossless",
    JPEG_LS_NEAR: "JPEGLSNearLossless",
}
#: More than two decompositions of so small a picture are more than OpenJPH 0.9 gets right when it may lose something.
_OPENJPH = {
    HTJ2K: ("-reversible", "true", "-prog_order", "LRCP"),
    HTJ2K_RPCL: ("-reversible", "true", "-prog_order", "RPCL"),
    HTJ2K_LOSSY: ("-qstep", "0.004", "-num_decomps", "2"),
}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def compressed(frame: np.ndarray, syntax: str, comment: str = "") -> bytes:
    """One frame, compressed; where the format has comments, one says whose it is."""
    if syntax == UNCOMPRESSED:
        return frame.tobytes()
    if syntax == JPEG:
        buffer = BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=95)
        stream = buffer.getvalue()
    elif syntax in _GDCM:
        stream = _by_gdcm(frame, syntax)
    elif syntax in _OPENJPH:
        stream = _by_openjph(frame, syntax)
    else:
        stream = _by_pydicom(frame, syntax)
    if not comment or syntax == RLE:
        return stream
    return commented(stream, b"\xff\x64" if stream.startswith(b"\xff\x4f") else b"\xff\xfe", comment.encode())


def commented(stream: bytes, marker: bytes, comment: bytes) -> bytes:
    """A stream with one more segment behind its first marker, or for JPEG 2000 behind the size (T.800 §A.2)."""
    at = 2 if marker[1] != 0x64 else 4 + int.from_bytes(stream[4:6], "big")
    if marker[1] == 0x64:
        comment = b"\0\1" + comment  # text in Latin letters: T.800 table A.44
    made = stream[:at] + marker + (len(comment) + 2).to_bytes(2, "big") + comment + stream[at:]
    return made + b"\0" * (len(made) % 2)


def _by_pydicom(frame: np.ndarray, syntax: str) -> bytes:
    plain = _plain(frame)
    losses = {"j2k_psnr": [50]} if syntax == J2K_LOSSY else {}
    plain.compress(syntax, generate_instance_uid=False, **losses)
    return next(generate_frames(plain.PixelData, number_of_frames=1))


def _by_gdcm(frame: np.ndarray, syntax: str) -> bytes:
    plain = _plain(frame)
    plain.file_meta.MediaStorageSOPClassUID, plain.file_meta.MediaStorageSOPInstanceUID = _SECONDARY_CAPTURE, "1.2.3"
    with TemporaryDirectory() as folder:
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


def _by_openjph(frame: np.ndarray, syntax: str) -> bytes:
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "frame.pgm"), Path(folder, "frame.j2c")
        highest = (1 << 8 * frame.dtype.itemsize) - 1
        samples = frame.astype(frame.dtype.newbyteorder(">")).tobytes()
        source.write_bytes(b"P5 %d %d %d\n" % (*frame.shape[::-1], highest) + samples)
        subprocess.run(
            [tool("ojph_compress"), "-i", source, "-o", target, *_OPENJPH[syntax]], check=True, capture_output=True
        )
        return target.read_bytes()


def _plain(frame: np.ndarray) -> Dataset:
    plain = Dataset()
    plain.file_meta = FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    plain.SOPClassUID, plain.SOPInstanceUID = _SECONDARY_CAPTURE, "1.2.3"
    plain.SamplesPerPixel, plain.PhotometricInterpretation = 1, "MONOCHROME2"
    plain.PixelRepresentation = int(frame.dtype.kind == "i")
    plain.Rows, plain.Columns = frame.shape
    plain.BitsAllocated = plain.BitsStored = 8 * frame.dtype.itemsize
    plain.HighBit = plain.BitsStored - 1
    plain.PixelData = frame.tobytes()
    plain["PixelData"].VR = "OB" if plain.BitsAllocated == 8 else "OW"
    return plain
