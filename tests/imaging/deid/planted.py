"""An upload as hospitals send it, with identifiers of invented people at every place where files have hidden them.

Made from a seed, so each time the same. With each file comes what was planted where, and what must come out again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID

from tests.imaging.deid.encoder import BIG, DEFLATED, EXPLICIT, IMPLICIT
from tests.imaging.deid.frames import COMPRESSED, compressed
from tests.imaging.deid.planted_people import PEOPLE, Person

STORAGE = "1.2.840.10008.5.1.4.1.1."
ROOT = "1.2.826.0.1.3680043.9.7777.4"
_NATIVE = (EXPLICIT, IMPLICIT, BIG, DEFLATED)


@dataclass(frozen=True, eq=False)
class Planted:
    """A file of the upload.

    Attributes
    ----------
    name
        Its path.
    kind
        Modality, or what sort of object it is.
    planted
        Kind of place by path: keywords and tags from the top, `file meta`, `preamble`, `padding`, `unused bits`.
    kept
        What a trial needs of it: values by path, as they must come out.
    texts
        Boxes (left, top, right, bottom) of text in the pixels.
    dated
        Whether its dates are those of the follow-up.
    """

    name: str
    kind: str
    person: Person
    content: bytes = field(repr=False)
    planted: Mapping[str, str]
    kept: Mapping[str, Any]
    texts: tuple[tuple[int, int, int, int], ...]
    follow_up: bool


def upload() -> Iterator[Planted]:
    """Yield every file: sixteen of each person."""
    for person in PEOPLE:
        for number, (kind, follow_up) in enumerate(_KINDS):
            yield _Maker(person, kind, follow_up, number).file()


#: What is made of each person, and whether it belongs to the follow-up, ten weeks later.
_KINDS = (
    *(("CT", False), ("CT", False), ("CT", True), ("MR", False), ("PT", False), ("PT", True), ("US", False)),
    *(("DX", False), ("MG", False), ("XA", False), ("NM", False), ("SR", True), ("SC", False), ("PDF", False)),
    *(("RTSTRUCT", False), ("SEG", True), ("Enhanced CT", True), ("Enhanced MR", False)),
)
_CLASSES = {
    "CT": "2",
    "MR": "4",
    "PT": "128",
    "US": "6.1",
    "DX": "1.1",
    "MG": "1.2",
    "XA": "12.1",
    "NM": "20",
    "SR": "88.33",
    "SC": "7",
    "PDF": "104.1",
    "RTSTRUCT": "481.3",
    "SEG": "66.4",
    "Enhanced CT": "2.1",
    "Enhanced MR": "4.1",
}
#: Kinds that wait for a person, whatever the recipe.
DOCUMENTS = frozenset({"PDF"})
FOLLOW_UP = timedelta(weeks=10)


class _Maker:
    """Makes one file."""

    def __init__(self, person: Person, kind: str, follow_up: bool, number: int) -> None:
        self.person, self.kind, self.follow_up, self.number = person, kind, follow_up, number
        self.random = random.Random(f"{person.number_of} {number}")
        self.day = person.scanned + (FOLLOW_UP if follow_up else timedelta(0))
        self.dataset = Dataset()
        self.planted: dict[str, str] = {}
        self.kept: dict[str, Any] = {}
        self.texts: tuple[tuple[int, int, int, int], ...] = ()
        self.study = f"{ROOT}.{person.number_of}.{1 + follow_up}"
        self.syntax = EXPLICIT

    def uid(self, number: int, *, follow_up: bool = False) -> str:
        """The SOP Instance UID of the person's file of this number."""
        return f"{ROOT}.{self.person.number_of}.{1 + follow_up}.{number}.1"

    def file(self) -> Planted:
        self._identify()
        self._describe()
        self._hide()
        self._kind()
        family = self.person.latin.split()[0].title()
        return Planted(
            name=f"{family}_{self.person.born:%d%m%Y}/{self.day:%Y-%m-%d} {self.kind}/IM{self.number:04}",
            kind=self.kind,
            person=self.person,
            content=self._written(),
            planted=self.planted,
            kept=self.kept,
            texts=self.texts,
            follow_up=self.follow_up,
        )

    def _set(self, keyword: str, value: Any, *, kept: bool = False, planted: str = "") -> None:
        setattr(self.dataset, keyword, value)
        if kept:
            self.kept[keyword] = value
        if planted:
            self.planted[keyword] = planted

    def _identify(self) -> None:
        person = self.person
        self._set("SpecificCharacterSet", person.charset)
        self._set("SOPClassUID", STORAGE + _CLASSES[self.kind])
        self._set("SOPInstanceUID", self.uid(self.number, follow_up=self.follow_up))
        self._set("StudyInstanceUID", self.study)
        self._set("SeriesInstanceUID", f"{self.study}.{self.number}")
        self._set("FrameOfReferenceUID", f"{self.study}.9")
        self._set("Modality", {"PDF": "DOC", "SC": "OT"}.get(self.kind, self.kind.split()[-1]), kept=True)
        self._set("Manufacturer", "Maker", kept=True)
        self._set("InstanceNumber", self.number + 1, kept=True)
        for keyword in ("StudyDate", "SeriesDate", "ContentDate"):
            self._set(keyword, f"{self.day:%Y%m%d}")
        self._set("StudyTime", "101112.250000", kept=True)
        self._set("SeriesTime", "101500", kept=True)
        self._set("PatientSex", "F", kept=True)
        self._set("PatientAge", "061Y", kept=True)
        self._set("PatientWeight", "71.5", kept=True)
        self._set("PatientSize", "1.72", kept=True)
        self._set("PatientName", person.name, planted="standard")
        self._set("PatientID", person.number, planted="standard")
        self._set("PatientBirthDate", f"{person.born:%Y%m%d}", planted="standard")
        self._set("AccessionNumber", person.accession, planted="standard")
        self._set("PatientTelephoneNumbers", person.phone, planted="standard")
        self._set("PatientAddress", person.address, planted="standard")
        self._set("OtherPatientNames", person.name, planted="standard")

    def _describe(self) -> None:
        """Free text: with the person in it, and without, where it must stay."""
        person = self.person
        self._set("StudyDescription", f"Thorax {person.spoken}", planted="free text")
        self._set("ImageComments", f"{person.spoken}, Tel. {person.phone}, {person.number}", planted="free text")
        self._set("PatientComments", f"born {person.born:%d.%m.%Y}, {person.address}", planted="free text")
        self._set("ProtocolName", f"Routine {person.number}", planted="free text")
        self._set("SeriesDescription", "portal venous 2.5 mm", kept=True)
        self._set("BodyPartExamined", "CHEST", kept=True)

    def _hide(self) -> None:
        """Sequences, private attributes, an overlay."""
        person = self.person
        inner, request = Dataset(), Dataset()
        inner.ScheduledProcedureStepDescription = f"of {person.spoken}"
        inner.ScheduledProcedureStepID = person.accession
        request.PatientName, request.PatientID = person.name, person.number
        request.RequestedProcedureDescription = f"Chest {person.spoken}"
        request.ScheduledProtocolCodeSequence = Sequence([inner])
        self.dataset.RequestAttributesSequence = Sequence([request])
        for keyword in ("PatientName", "PatientID", "RequestedProcedureDescription"):
            self.planted[f"RequestAttributesSequence[0].{keyword}"] = "nested"
        self.planted["RequestAttributesSequence[0].ScheduledProtocolCodeSequence[0].ScheduledProcedureStepID"] = (
            "nested"
        )
        block = self.dataset.private_block(0x0029, "PLANTED MAKER", create=True)
        block.add_new(0x01, "PN", person.name)
        block.add_new(0x02, "UN", f"raw {person.number} {person.latin} ".encode().ljust(64))
        block.add_new(0x03, "SQ", Sequence([inner]))
        self.planted |= {"(0029,1001)": "private", "(0029,1002)": "private"}
        self.planted["(0029,1003)[0].ScheduledProcedureStepID"] = "private"
        self.dataset.add_new(0x60000010, "US", 16)
        self.dataset.add_new(0x60000011, "US", 16)
        self.dataset.add_new(0x60000040, "CS", "G")
        self.dataset.add_new(0x60000050, "SS", [1, 1])
        self.dataset.add_new(0x60000100, "US", 1)
        self.dataset.add_new(0x60000102, "US", 0)
        self.dataset.add_new(0x60003000, "OW", person.latin.encode().ljust(32)[:32])
        self.planted["(6000,3000)"] = "overlay"
        self.planted |= {"file meta": "file meta", "preamble": "file meta"}

    def _kind(self) -> None:
        make = {
            "CT": self._ct,
            "MR": self._mr,
            "PT": self._pt,
            "US": self._us,
            "XA": self._xa,
            "NM": self._nm,
            "SC": self._sc,
            "SR": self._sr,
            "PDF": self._pdf,
            "RTSTRUCT": self._rtstruct,
            "SEG": self._seg,
            "Enhanced CT": self._enhanced,
            "Enhanced MR": self._enhanced,
        }
        make.get(self.kind, self._projection)()

    def _ct(self) -> None:
        self._set("ImageType", ["ORIGINAL", "PRIMARY", "AXIAL"], kept=True)
        self._set("KVP", "120", kept=True)
        self._set("ConvolutionKernel", "B30f", kept=True)
        self._set("CTDIvol", 8.25, kept=True)
        self._place()
        self._pixels(self._noise())
        if self.syntax in _NATIVE[:3]:
            self.planted["padding"] = "padding"
            self.dataset.PixelData += self.person.latin.encode().ljust(32)

    def _mr(self) -> None:
        self._set("RepetitionTime", "5200", kept=True)
        self._set("EchoTime", "78", kept=True)
        self._set("DiffusionBValue", 800.0, kept=True)
        block = self.dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", "800")
        self.kept["(0019,100C)"] = "800"
        self._place()
        self._pixels(self._noise())

    def _pt(self) -> None:
        dose = Dataset()
        dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = "3.7e8", "6586.2"
        dose.RadiopharmaceuticalStartTime = "091112.000000"
        dose.RadiopharmaceuticalStartDateTime = f"{self.day:%Y%m%d}091112.000000"
        dose.Radiopharmaceutical = "FDG"
        self.dataset.RadiopharmaceuticalInformationSequence = Sequence([dose])
        for keyword in ("RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime"):
            self.kept[f"RadiopharmaceuticalInformationSequence[0].{keyword}"] = dose[keyword].value
        self._set("Units", "BQML", kept=True)
        self._set("DecayCorrection", "START", kept=True)
        self._set("CorrectedImage", ["DECY", "ATTN"], kept=True)
        self._set("AcquisitionTime", "101112.000000", kept=True)
        block = self.dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", "0.000551")
        self.kept["(7053,1000)"] = "0.000551"
        self._place()
        self._pixels(self._noise())

    def _projection(self) -> None:
        self._set("KVP", "28" if self.kind == "MG" else "80", kept=True)
        self._set("Exposure", "12", kept=True)
        if self.kind == "MG":
            self._set("ImageLaterality", "L", kept=True)
        self._pixels(self._noise())

    def _xa(self) -> None:
        """Five bits of picture; the eighth is an overlay of former editions, whose dots spell the name."""
        self._set("KVP", "80", kept=True)
        self._set("Exposure", "12", kept=True)
        spelt = (f"{self.person.latin} " * 128)[:128].encode()
        dots = np.unpackbits(np.frombuffer(spelt, np.uint8)).reshape(1, 32, 32)
        self._pixels(self._noise() | dots << 7, stored=5)
        self.dataset.add_new(0x60020010, "US", 32)
        self.dataset.add_new(0x60020011, "US", 32)
        self.dataset.add_new(0x60020100, "US", 8)
        self.dataset.add_new(0x60020102, "US", 7)
        self.planted["unused bits"] = "overlay"

    def _nm(self) -> None:
        self._set("NumberOfFrames", 2, kept=True)
        self._set("ActualFrameDuration", "1000", kept=True)
        self._pixels(self._noise(frames=2))

    def _us(self) -> None:
        self._set("NumberOfFrames", 2, kept=True)
        picture = np.zeros((2, 240, 320), np.uint8)
        picture[:, 60:220, 40:280] = np.frombuffer(self.random.randbytes(160 * 240), np.uint8).reshape(160, 240) // 3
        self._pixels(self._write_on(picture))

    def _sc(self) -> None:
        self._set("ConversionType", "WSD", kept=True)
        self._pixels(self._write_on(np.full((1, 240, 320), 20, np.uint8)))

    def _enhanced(self) -> None:
        frames = []
        for number in range(3):
            frame, content, place = Dataset(), Dataset(), Dataset()
            content.FrameAcquisitionDateTime = f"{self.day:%Y%m%d}101112.{number}"
            content.FrameComments = f"for {self.person.spoken}"
            place.ImagePositionPatient = [0, 0, 2.5 * number]
            frame.FrameContentSequence, frame.PlanePositionSequence = Sequence([content]), Sequence([place])
            frames.append(frame)
            path = f"PerFrameFunctionalGroupsSequence[{number}]."
            self.planted[f"{path}FrameContentSequence[0].FrameComments"] = "nested"
            self.kept[f"{path}PlanePositionSequence[0].ImagePositionPatient"] = place.ImagePositionPatient
        self.dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
        self._set("NumberOfFrames", 3, kept=True)
        self._pixels(self._noise(frames=3))

    def _sr(self) -> None:
        observer, finding, size, image = Dataset(), Dataset(), Dataset(), Dataset()
        observer.RelationshipType, observer.ValueType = "HAS OBS CONTEXT", "PNAME"
        observer.ConceptNameCodeSequence = _code("121029", "DCM", "Subject Name")
        observer.PersonName = self.person.name
        finding.RelationshipType, finding.ValueType = "CONTAINS", "TEXT"
        finding.ConceptNameCodeSequence = _code("121071", "DCM", "Finding")
        finding.TextValue = f"Nodule in the right upper lobe. Report on {self.person.spoken}, {self.person.number}."
        size.RelationshipType, size.ValueType = "CONTAINS", "NUM"
        size.ConceptNameCodeSequence = _code("410668003", "SCT", "Length")
        measured = Dataset()
        measured.NumericValue = "12.5"
        measured.MeasurementUnitsCodeSequence = _code("mm", "UCUM", "millimeter")
        size.MeasuredValueSequence = Sequence([measured])
        image.RelationshipType, image.ValueType = "CONTAINS", "IMAGE"
        image.ReferencedSOPSequence = _reference("2", self.uid(2, follow_up=True))
        self._set("ValueType", "CONTAINER", kept=True)
        self._set("ContinuityOfContent", "SEPARATE", kept=True)
        self.dataset.ConceptNameCodeSequence = _code("126000", "DCM", "Imaging Measurement Report")
        self.dataset.ContentSequence = Sequence([observer, finding, size, image])
        self.planted |= {"ContentSequence[0].PersonName": "content", "ContentSequence[1].TextValue": "content"}
        self.kept["ContentSequence[2].MeasuredValueSequence[0].NumericValue"] = "12.5"
        self.kept["ContentSequence[1].ConceptNameCodeSequence[0].CodeValue"] = "121071"

    def _pdf(self) -> None:
        self._set("MIMETypeOfEncapsulatedDocument", "application/pdf")
        text = f"BT ({self.person.latin} {self.person.number}) Tj ET".encode()
        self._set("EncapsulatedDocument", b"%PDF-1.4\n1 0 obj<<>>stream\n" + text.ljust(80) + b"\nendstream\n")
        self.planted["EncapsulatedDocument"] = "content"

    def _rtstruct(self) -> None:
        roi, contour = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = 1, "GTV"
        roi.ROIDescription = f"by hand for {self.person.spoken}"
        roi.ReferencedFrameOfReferenceUID = self.dataset.FrameOfReferenceUID
        contour.ContourGeometricType, contour.NumberOfContourPoints = "POINT", 1
        contour.ContourData = ["1.5", "2.5", "3.5"]
        contour.ContourImageSequence = _reference("2", self.uid(0))
        whole = Dataset()
        whole.ReferencedROINumber, whole.ContourSequence = 1, Sequence([contour])
        self.dataset.StructureSetROISequence = Sequence([roi])
        self.dataset.ROIContourSequence = Sequence([whole])
        self._set("StructureSetLabel", "PLAN", kept=True)
        self.planted["StructureSetROISequence[0].ROIDescription"] = "nested"
        self.kept["StructureSetROISequence[0].ROIName"] = "GTV"
        self.kept["ROIContourSequence[0].ContourSequence[0].ContourData"] = contour.ContourData

    def _seg(self) -> None:
        segment, series = Dataset(), Dataset()
        segment.SegmentNumber, segment.SegmentLabel = 1, "Lesion"
        segment.SegmentDescription = f"of {self.person.spoken}"
        segment.SegmentAlgorithmType = "MANUAL"
        series.SeriesInstanceUID = f"{self.study}.2"
        series.ReferencedInstanceSequence = _reference("2", self.uid(2, follow_up=True))
        self.dataset.SegmentSequence = Sequence([segment])
        self.dataset.ReferencedSeriesSequence = Sequence([series])
        self._set("SegmentationType", "BINARY", kept=True)
        self._set("NumberOfFrames", 1, kept=True)
        self.planted["SegmentSequence[0].SegmentDescription"] = "nested"
        self.kept["SegmentSequence[0].SegmentLabel"] = "Lesion"
        self._pixels(self._noise())

    def _place(self) -> None:
        self._set("SliceThickness", "2.5", kept=True)
        self._set("PixelSpacing", ["0.7", "0.7"], kept=True)
        self._set("ImagePositionPatient", ["-100", "-90.5", str(42.125 + self.number)], kept=True)
        self._set("ImageOrientationPatient", ["1", "0", "0", "0", "1", "0"], kept=True)
        self._set("AcquisitionDate", f"{self.day:%Y%m%d}")

    def _noise(self, frames: int = 1) -> np.ndarray:
        return np.frombuffer(self.random.randbytes(frames * 32 * 32), np.uint8).reshape(frames, 32, 32) >> 3

    def _write_on(self, picture: np.ndarray) -> np.ndarray:
        """Write name and number over the picture, as ultrasound machines do."""
        font, boxes = ImageFont.load_default(size=18), []
        for line, text in enumerate((self.person.latin, self.person.number)):
            image = Image.fromarray(picture[0])
            at = (10, 6 + 24 * line)
            ImageDraw.Draw(image).text(at, text, fill=230, font=font)
            left, top, right, bottom = ImageDraw.Draw(image).textbbox(at, text, font=font)
            boxes.append((int(left), int(top), int(right) + 1, int(bottom) + 1))
            picture = np.repeat(np.asarray(image)[None], len(picture), axis=0)
        self.texts = tuple(boxes)
        return picture

    def _pixels(self, frames: np.ndarray, stored: int = 8) -> None:
        self._set("SamplesPerPixel", 1, kept=True)
        self._set("PhotometricInterpretation", "MONOCHROME2", kept=True)
        self._set("Rows", frames.shape[1], kept=True)
        self._set("Columns", frames.shape[2], kept=True)
        bits = {"BitsAllocated": 8, "BitsStored": stored, "HighBit": stored - 1, "PixelRepresentation": 0}
        for keyword, value in bits.items():
            self._set(keyword, value, kept=True)
        syntaxes = (*_NATIVE, *COMPRESSED)
        self.syntax = syntaxes[(self.number + self.person.number_of) % len(syntaxes)]
        self.dataset.PixelData = frames.tobytes()
        self.dataset["PixelData"].VR = "OB"

    def _written(self) -> bytes:
        dataset, person = self.dataset, self.person
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        meta.TransferSyntaxUID = UID(self.syntax)
        meta.SourceApplicationEntityTitle = person.latin.split()[0][:16]
        dataset.file_meta = meta
        if self.syntax in COMPRESSED:
            frames = np.frombuffer(dataset.PixelData, np.uint8).reshape(-1, dataset.Rows, dataset.Columns)
            dataset.PixelData = encapsulate([compressed(frame, self.syntax, person.number) for frame in frames])
            dataset["PixelData"].is_undefined_length = True
        buffer = BytesIO()
        dataset.preamble = person.latin.encode().ljust(128, b"\0")
        dataset.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()


def _code(value: str, scheme: str, meaning: str) -> Sequence:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return Sequence([code])


def _reference(sop_class: str, uid: str) -> Sequence:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = STORAGE + sop_class, uid
    return Sequence([reference])
