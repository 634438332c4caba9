"""What our DICOM objects have in common: names that follow from their content, one equipment, and no clock."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import re

import highdicom
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from compliance.exporting import code_version
from reading.exports.dicom_content import Element, text
from reading.exports.locked import LockedSubject, LockedTimepoint, LockedTrial

MANUFACTURER = MODEL = "Parallax"
_SOURCES = ("reading/exports",)
#: Scheme of what the standard has no code for: CDISC's submission values and our own words.
PRIVATE = "99PARALLAX"
#: CDISC's terms of location, and how readers say them, in SNOMED CT.
_SITES = {
    "LUNG": codes.SCT.Lung,
    "LIVER": codes.SCT.Liver,
    "LYMPH NODE": codes.SCT.LymphNode,
    "ADRENAL GLAND": codes.SCT.AdrenalGland,
    "KIDNEY": codes.SCT.Kidney,
    "BONE": codes.SCT.Bone,
    "BRAIN": codes.SCT.Brain,
    "PLEURA": codes.SCT.Pleura,
    "PERITONEUM": Code("15425007", "SCT", "Peritoneum"),
    "SPLEEN": codes.SCT.Spleen,
    "PANCREAS": codes.SCT.Pancreas,
    "SOFT TISSUE": codes.SCT.SoftTissue,
    "STOMACH": codes.SCT.Stomach,
    "SMALL INTESTINE": codes.SCT.SmallIntestine,
    "COLON": codes.SCT.Colon,
    "SKIN": codes.SCT.Skin,
    "THYMUS": codes.SCT.Thymus,
}


def site_of(organ: str) -> Code | None:
    """Return the code of an organ; None for one that readers write in their own words."""
    return _SITES.get(organ.upper())


def private(value: str, meaning: str) -> Code:
    """Return a code of our own scheme."""
    return Code(value, PRIVATE, meaning[:64])


def uid_of(*parts: str) -> str:
    """Return the UID, in the 2.25 arc (PS3.5 §B.2), that follows from these parts alone.

    One of them is a UID of the archive: these follow from the trial's secret, and no other installation has them.
    """
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def tracking_uid(trial: LockedTrial, subject: LockedSubject, evalid: str, lesion: str, part: int = 0) -> str:
    """Name a lesion of one reader: the same at every timepoint, in reports and in segmentations."""
    anchor = next((visit.study_instance_uid for visit in subject.timepoints if visit.study_instance_uid), "")
    return uid_of("tracking", anchor, trial.code, subject.code, evalid, lesion, *([str(part)] if part else []))


def tracking_identifier(lesion: str, part: int = 0) -> str:
    """Name a lesion as the tables do; of one that fell into parts, each part."""
    return f"{lesion}.{part}" if part else lesion


def file_name(kind: str, subject: LockedSubject, visit: LockedTimepoint, evalid: str) -> str:
    """Return the place of an object in the package, such as `images/sr/A-001/02-W8-reader-1.dcm`."""
    code, reader = (re.sub(r"[^A-Za-z0-9-]+", "-", words) for words in (visit.code, evalid.lower()))
    return f"images/{kind}/{subject.code}/{visit.order + 1:02d}-{code}-{reader}.dcm"


def header(subject: LockedSubject, visit: LockedTimepoint, locked_at: dt.datetime) -> Dataset:
    """Return what an object made of a timepoint's images begins with: their patient, their study, this program.

    It is dated like the images, by the shifted date; where they have none, by the lock.
    """
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName = made.PatientID = subject.code
    made.PatientBirthDate = made.PatientSex = ""
    made.StudyInstanceUID, made.StudyID, made.AccessionNumber = visit.study_instance_uid, "", ""
    made.StudyDate, made.StudyTime, made.ReferringPhysicianName = _da(visit.shifted_date), "", ""
    day = visit.shifted_date or locked_at.astimezone(dt.UTC).date()
    made.SeriesDate = made.ContentDate = _da(day)
    made.SeriesTime = made.ContentTime = "000000"
    made.SeriesNumber = made.InstanceNumber = 1
    made.Manufacturer, made.ManufacturerModelName, made.SoftwareVersions = MANUFACTURER, MODEL, version()
    return made


def version() -> str:
    """Return the version of this program."""
    return code_version(_SOURCES)["version"]


def made_with() -> dict[str, str]:
    """Return the versions of what writes the objects, on which the bytes depend."""
    return {"highdicom": str(highdicom.__version__), "pydicom": str(pydicom.__version__)}


def file_meta(made: Dataset) -> list[Element]:
    """Return what a file says of an object before it."""
    return [
        text(0x00020002, b"UI", made.SOPClassUID),
        text(0x00020003, b"UI", made.SOPInstanceUID),
        text(0x00020010, b"UI", ExplicitVRLittleEndian),
        text(0x00020012, b"UI", uid_of("implementation", MANUFACTURER)),
        text(0x00020013, b"SH", MANUFACTURER.upper()),
    ]


def file_of(made: Dataset) -> bytes:
    """Write an object as a file; the same bytes each time."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.ImplementationClassUID = UID(uid_of("implementation", MANUFACTURER))
    made.file_meta.ImplementationVersionName = MANUFACTURER.upper()
    target = io.BytesIO()
    pydicom.dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()


def _da(day: dt.date | None) -> str:
    return "" if day is None else f"{day:%Y%m%d}"
