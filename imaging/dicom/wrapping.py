"""What is no DICOM becomes DICOM: photographs, screen captures, films and documents, with the trial's identifiers.

PS3.3 §A.8.1 (Secondary Capture), §A.32.4 (VL Photographic), §A.32.7 (Video Photographic), §A.45.1 (Encapsulated PDF).
The same upload gives the same bytes, however often it is wrapped.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    SecondaryCaptureImageStorage,
    VideoPhotographicImageStorage,
    VLPhotographicImageStorage,
)

from compliance.errors import HouseError
from imaging.dicom import movies, pictures

#: What a picture shows, as the coordinator says.
PHOTOGRAPH, CAPTURE = "photograph", "capture"
_IMPLEMENTATION = "2.25.209834590712340982374523049857234"
#: A fragment's length has 32 bits (PS3.5 §A.4); documents and pictures are held in memory.
MOST_MOVIE, MOST_BYTES = 0xFFFFFFFE, 100 * 1024**2


class NoAttachment(HouseError):
    """The file is of a kind that cannot be attached, or larger than its kind may be."""

    code = "no_attachment"
    status = 422


def wrap(path: str, output: str, context: Mapping[str, Any]) -> str:
    """Write an attachment as a DICOM file; return its SOP Class UID.

    Parameters
    ----------
    context
        `upload` (the identifier from which UIDs follow), `trial`, `sponsor`, `site`, `subject`, `timepoint`,
        `date` (YYYYMMDD) and `picture` (`photograph` or `capture`).

    Raises
    ------
    NoAttachment
        Neither PDF, JPEG, PNG nor MP4.
    imaging.dicom.pictures.PictureDamaged, imaging.dicom.movies.MovieNotTaken and the like
    """
    with open(path, "rb") as source, open(output, "wb") as sink:
        head, size = source.read(16), Path(path).stat().st_size
        if movies.is_movie(head):
            dataset = _movie(source, sink, size, context)
        elif size > MOST_BYTES:
            raise NoAttachment(f"No document or picture of more than {MOST_BYTES >> 20} MiB is taken. Send it smaller.")
        elif head.startswith(b"%PDF-"):
            dataset = _document(source, size, context)
        elif head.startswith((pictures.JPEG, pictures.PNG)):
            source.seek(0)
            dataset = _picture(source.read(), context)
        else:
            raise NoAttachment(
                "Only PDF, JPEG, PNG and MP4 files can be attached, and this is none. Export it as one of them."
            )
        if not sink.tell():
            dataset.save_as(sink, enforce_file_format=True)
    return str(dataset.SOPClassUID)


def _dataset(context: Mapping[str, Any], sop_class: str, modality: str, syntax: str) -> Dataset:
    def uid(level: str) -> UID:
        return UID(f"2.25.{uuid.uuid5(uuid.UUID(context['upload']), level).int}")

    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, uid("instance")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid("study"), uid("series")
    dataset.StudyDate = dataset.SeriesDate = context["date"]
    dataset.StudyTime = ""
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = modality, 1, 1
    dataset.PatientName = dataset.PatientID = context["subject"]
    dataset.ClinicalTrialSponsorName = context["sponsor"]
    dataset.ClinicalTrialProtocolID = context["trial"]
    dataset.ClinicalTrialSiteID = context["site"]
    dataset.ClinicalTrialSubjectID = context["subject"]
    dataset.ClinicalTrialTimePointID = context["timepoint"]
    dataset.ClinicalTrialProtocolName = dataset.ClinicalTrialSiteName = ""
    for empty in ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName", "StudyID"):
        setattr(dataset, empty, "")
    dataset.Manufacturer = ""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    return dataset


def _image(dataset: Dataset, rows: int, columns: int, samples: int, photometric: str) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientOrientation = dataset.Laterality = ""
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, samples
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    if samples == 3:
        dataset.PlanarConfiguration = 0


def _picture(content: bytes, context: Mapping[str, Any]) -> Dataset:
    picture = pictures.read_picture(content)
    syntax = JPEGBaseline8Bit if picture.compressed else ExplicitVRLittleEndian
    if context["picture"] == CAPTURE:
        dataset = _dataset(context, SecondaryCaptureImageStorage, "OT", syntax)
        dataset.ConversionType = "WSD"
        dataset.BurnedInAnnotation = "YES"
    else:
        dataset = _dataset(context, VLPhotographicImageStorage, "XC", syntax)
        dataset.AcquisitionContextSequence = []
    _image(dataset, picture.rows, picture.columns, picture.samples, picture.photometric)
    dataset.LossyImageCompression = "01" if picture.lossy else "00"
    if picture.lossy:
        raw = picture.rows * picture.columns * picture.samples
        dataset.LossyImageCompressionRatio = f"{max(raw / len(content), 1):.2f}"
        dataset.LossyImageCompressionMethod = "ISO_10918_1"
    if picture.compressed:
        dataset.PixelData = encapsulate([picture.pixels])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.PixelData = picture.pixels + bytes(len(picture.pixels) % 2)
        dataset["PixelData"].VR = "OB"
    return dataset


def _document(source: IO[bytes], size: int, context: Mapping[str, Any]) -> Dataset:
    source.seek(0)
    content = source.read()
    if b"%%EOF" not in content[-2048:]:
        raise NoAttachment("The PDF is cut off. Send it again from its source.")
    dataset = _dataset(context, EncapsulatedPDFStorage, "DOC", ExplicitVRLittleEndian)
    dataset.ConversionType = "WSD"
    dataset.ContentDate, dataset.ContentTime, dataset.AcquisitionDateTime = context["date"], "", ""
    dataset.BurnedInAnnotation = "YES"
    dataset.DocumentTitle = ""
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = content + bytes(size % 2)
    dataset.EncapsulatedDocumentLength = size
    return dataset


def _anywhere() -> Dataset:
    """A film must name a region (PS3.3 table C.8-78), and nobody has said one: the body as a whole."""
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "38266002", "SCT", "Entire body"
    return region


def _movie(source: IO[bytes], sink: IO[bytes], size: int, context: Mapping[str, Any]) -> Dataset:
    """Write a film, piece by piece: it may be larger than memory."""
    if size > MOST_MOVIE:
        raise NoAttachment("A film of more than 4 GiB is not taken. Export a shorter part.")
    movie = movies.survey(source)
    dataset = _dataset(context, VideoPhotographicImageStorage, "XC", movie.transfer_syntax_uid)
    dataset.AcquisitionContextSequence = []
    _image(dataset, movie.rows, movie.columns, 3, "YBR_PARTIAL_420")
    del dataset.Laterality
    dataset.AnatomicRegionSequence = [_anywhere()]
    dataset.NumberOfFrames = movie.frames
    dataset.FrameIncrementPointer = 0x00181063
    dataset.FrameTime = f"{movie.duration_s * 1000 / movie.frames:.6g}"
    dataset.CineRate = dataset.RecommendedDisplayFrameRate = max(round(movie.frames / movie.duration_s), 1)
    dataset.LossyImageCompression = "01"
    raw = movie.rows * movie.columns * movie.frames * 3
    dataset.LossyImageCompressionRatio = f"{max(raw / size, 1):.2f}"
    hevc = movie.transfer_syntax_uid in ("1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108")
    dataset.LossyImageCompressionMethod = "ISO_23008_2" if hevc else "ISO_14496_10"
    dataset.save_as(sink, enforce_file_format=True)
    # Pixel data, the last element: an empty offset table and one fragment (PS3.5 §A.4).
    sink.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF))
    sink.write(struct.pack("<HHI", 0xFFFE, 0xE000, 0) + struct.pack("<HHI", 0xFFFE, 0xE000, size + size % 2))
    movies.clean_copy(movie, source, sink)
    sink.write(bytes(size % 2) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    return dataset
