"""The DICOMDIR of a file-set (PS3.10 §8, PS3.3 §F): record by record, the same bytes for the same files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from pydicom.config import IGNORE
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from imaging.dicom.headers import read_header

#: Where the standard asks for a value and a file has none. DCMTK writes the same date.
_NO_DATE, _NO_TIME = "19000101", "000000"
_PLACES = ("InstanceNumber",)
_CONTENT = ("ContentDate", "ContentTime", *_PLACES)
_LABELLED = (*_CONTENT, "ContentLabel", "ContentDescription", "ContentCreatorName")
#: Per type of record, what it says of the file (PS3.3 §F.5).
_KEYS: Mapping[str, tuple[str, ...]] = {
    "PATIENT": ("PatientName", "PatientID"),
    "STUDY": ("StudyDate", "StudyTime", "StudyDescription", "StudyInstanceUID", "StudyID", "AccessionNumber"),
    "SERIES": ("Modality", "SeriesInstanceUID", "SeriesNumber"),
    "IMAGE": _PLACES,
    "RT DOSE": (*_PLACES, "DoseSummationType"),
    "RT STRUCTURE SET": (*_PLACES, "StructureSetLabel", "StructureSetDate", "StructureSetTime"),
    "RT PLAN": (*_PLACES, "RTPlanLabel", "RTPlanDate", "RTPlanTime"),
    "RT TREAT RECORD": (*_PLACES, "TreatmentDate", "TreatmentTime"),
    "PRESENTATION": (
        *("PresentationCreationDate", "PresentationCreationTime", *_PLACES, "ContentLabel", "ContentDescription"),
        *("ContentCreatorName", "ReferencedSeriesSequence", "BlendingSequence"),
    ),
    "WAVEFORM": _CONTENT,
    "SR DOCUMENT": (
        *("CompletionFlag", "VerificationFlag", *_CONTENT, "VerificationDateTime", "ConceptNameCodeSequence"),
        "ContentSequence",
    ),
    "KEY OBJECT DOC": (*_CONTENT, "ConceptNameCodeSequence", "ContentSequence"),
    "SPECTROSCOPY": (
        *("ImageType", *_CONTENT, "ReferencedImageEvidenceSequence", "NumberOfFrames", "Rows", "Columns"),
        *("DataPointRows", "DataPointColumns"),
    ),
    "REGISTRATION": _LABELLED,
    "FIDUCIAL": _LABELLED,
}
#: What must stand in a record, if the file has none.
_OTHERWISE: Mapping[str, Any] = {
    "StudyDate": _NO_DATE,
    "StudyTime": _NO_TIME,
    "StudyID": "1",
    "Modality": "OT",
    "SeriesNumber": 1,
    "InstanceNumber": 1,
    "ContentDate": _NO_DATE,
    "ContentTime": _NO_TIME,
    "PresentationCreationDate": _NO_DATE,
    "PresentationCreationTime": _NO_TIME,
    "ContentLabel": "UNNAMED",
    "RTPlanLabel": "UNNAMED",
    "StructureSetLabel": "UNNAMED",
    "DoseSummationType": "PLAN",
    "CompletionFlag": "PARTIAL",
    "VerificationFlag": "UNVERIFIED",
}
#: They stand where the file has them, and else not at all; all others stand empty.
_IF_THERE = frozenset(
    {
        *("ReferencedSeriesSequence", "BlendingSequence", "VerificationDateTime", "ContentSequence"),
        "ReferencedImageEvidenceSequence",
    }
)
_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: Types of records by the end of the SOP class, the longest that fits; everything else is an image.
_TYPES = {
    "4.2": "SPECTROSCOPY",
    "9.": "WAVEFORM",
    "11.": "PRESENTATION",
    "66.1": "REGISTRATION",
    "66.2": "FIDUCIAL",
    "66.3": "REGISTRATION",
    "88.": "SR DOCUMENT",
    "88.59": "KEY OBJECT DOC",
    "481.2": "RT DOSE",
    "481.3": "RT STRUCTURE SET",
    "481.5": "RT PLAN",
    "481.8": "RT PLAN",
    **dict.fromkeys(("481.4", "481.6", "481.7", "481.9"), "RT TREAT RECORD"),
}
_MALFORMED = (ArithmeticError, LookupError, TypeError, ValueError, NotImplementedError, AttributeError)
_USED = 0xFFFF
#: Places of the values within a record that are known later: a tag and its length come before each.
_NEXT, _LOWER = 16, 38


def record_type(sop_class_uid: str) -> str:
    """Return the type of the record of a file (PS3.3 §F.4)."""
    tail = sop_class_uid.removeprefix(_STORAGE)
    fitting = [one for one in _TYPES if tail == one or (one.endswith(".") and tail.startswith(one))]
    return _TYPES[max(fitting, key=len)] if fitting else "IMAGE"


class Filed(NamedTuple):
    """What a directory says of a file: its class, its name, how it is written, and the attributes of its records."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    said: Dataset

    @property
    def type(self) -> str:
        """Type of its record."""
        return record_type(self.sop_class_uid)


def filed(dataset: Dataset) -> Filed:
    """Return what a directory says of a file; malformed values are left out."""
    sop_class_uid = str(dataset.SOPClassUID)
    said = Dataset()
    for keyword in (
        name for type_ in ("PATIENT", "STUDY", "SERIES", record_type(sop_class_uid)) for name in _KEYS[type_]
    ):
        try:
            element = dataset[keyword]
            Dataset({element.tag: element}).to_json_dict()
        except _MALFORMED:
            continue
        said[element.tag] = element
    syntax = dataset.file_meta.TransferSyntaxUID
    return Filed(sop_class_uid, str(dataset.SOPInstanceUID), str(syntax), said)


def filed_at(paths: Sequence[str]) -> list[list[Any]]:
    """Return `filed` of files of the archive as plain values, for a child process that a hostile file may end."""
    found = (filed(read_header(Path(path)).dataset) for path in paths)
    return [[*one[:3], one.said.to_json_dict()] for one in found]


def as_filed(told: Sequence[Any]) -> Filed:
    """Return what `filed_at` told of one file."""
    sop_class_uid, sop_instance_uid, transfer_syntax_uid, said = told
    return Filed(sop_class_uid, sop_instance_uid, transfer_syntax_uid, Dataset.from_json(said))


@dataclass(frozen=True, slots=True)
class FileSet:
    """Name of a file-set (up to 16 capitals, digits and underscores), and name and UID of the program that wrote it."""

    identifier: str
    implementation: str
    implementation_uid: str


class Directory:
    """Writes a directory: each entity before what is below it. `close` it, or it is none."""

    #: The UID of the file-set is known when all of it is; until then one of the same length stands there.
    uid_length = 44

    def __init__(self, file: IO[bytes], about: FileSet) -> None:
        self._file = file
        #: Per level, where its last record is.
        self._last: list[int] = []
        preface = _preface(about, "0" * self.uid_length)
        self._uid_at = preface.index(b"0" * self.uid_length)
        file.write(preface)
        for tag, length in ((0x00041200, 4), (0x00041202, 4)):
            file.write(_short(tag, b"UL", length) + bytes(4))
        self._first_at = file.tell() - 16
        file.write(_short(0x00041212, b"US", 2) + bytes(2))
        file.write(_tag(0x00041220) + b"SQ\0\0" + bytes(4))
        self._length_at = file.tell() - 4

    def enter(self, level: int, type_: str, said: Dataset) -> None:
        """Write the record of a patient (level 0), study (1) or series (2)."""
        self._write(level, type_, said, [])

    def file(self, file_id: Sequence[str], one: Filed) -> None:
        """Write the record of a file below the last series.

        Parameters
        ----------
        file_id
            Its place: up to 8 components of up to 8 capitals, digits and underscores (PS3.10 §8.2).
        """
        self._write(3, one.type, one.said, [("ReferencedFileID", list(file_id)), *_named(one)])

    def close(self, uid: str) -> None:
        """Write what is known only now: the UID of the file-set, of `uid_length` characters, and the last places."""
        if len(uid) != self.uid_length:
            raise ValueError(f"the UID of a file-set has {self.uid_length} characters here")
        self._file.seek(self._uid_at)
        self._file.write(uid.encode("ascii"))
        self._file.seek(0, 2)
        self._patch(self._length_at, self._file.tell() - self._length_at - 4)
        if self._last:
            self._patch(self._first_at + 12, self._last[0])

    def _write(self, level: int, type_: str, said: Dataset, named: list[tuple[str, Any]]) -> None:
        at = self._file.tell()
        if len(self._last) > level:
            self._patch(self._last[level] + _NEXT, at)
        else:
            self._patch(self._last[level - 1] + _LOWER if level else self._first_at, at)
        self._last = [*self._last[:level], at]
        content = _record(type_, said, named)
        self._file.write(b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content)

    def _patch(self, at: int, value: int) -> None:
        if value >= 1 << 32:
            raise ValueError("a directory holds up to 4 GiB of records")
        self._file.seek(at)
        self._file.write(value.to_bytes(4, "little"))
        self._file.seek(0, 2)


def _named(one: Filed) -> list[tuple[str, Any]]:
    return [
        ("ReferencedSOPClassUIDInFile", one.sop_class_uid),
        ("ReferencedSOPInstanceUIDInFile", one.sop_instance_uid),
        ("ReferencedTransferSyntaxUIDInFile", one.transfer_syntax_uid),
    ]


def _record(type_: str, said: Dataset, named: list[tuple[str, Any]]) -> bytes:
    made = Dataset()
    made.OffsetOfTheNextDirectoryRecord, made.RecordInUseFlag = 0, _USED
    made.OffsetOfReferencedLowerLevelDirectoryEntity, made.DirectoryRecordType = 0, type_
    for keyword, value in named:
        setattr(made, keyword, value)
    for keyword in _KEYS[type_]:
        value = said.get(keyword)
        if keyword == "ContentSequence" and value:
            # Of a document's content, what modifies its title (PS3.3 §F.5.24).
            value = [item for item in value if item.get("RelationshipType") == "HAS CONCEPT MOD"]
        if value is None or value == "" or (keyword in _IF_THERE and not value):
            if keyword in _IF_THERE:
                continue
            value = _OTHERWISE.get(keyword, "" if keyword != "ConceptNameCodeSequence" else [])
        setattr(made, keyword, value)
    if not _written(made).isascii():
        made.SpecificCharacterSet = "ISO_IR 192"
    return _encoded(made)


def _written(made: Dataset) -> str:
    return "".join(str(element.value) for element in made.iterall() if element.VR not in ("SQ", "OB", "OW"))


def _encoded(made: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, made)
    return buffer.getvalue()


def _preface(about: FileSet, uid: str) -> bytes:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MediaStorageDirectoryStorage, UID(uid, IGNORE)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID(about.implementation_uid), about.implementation
    target = DicomBytesIO()
    target.write(bytes(128) + b"DICM")
    write_file_meta_info(target, meta)
    named = Dataset()
    named.FileSetID = about.identifier
    return target.getvalue() + _encoded(named)


def _tag(tag: int) -> bytes:
    return (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")


def _short(tag: int, vr: bytes, length: int) -> bytes:
    return _tag(tag) + vr + length.to_bytes(2, "little")
